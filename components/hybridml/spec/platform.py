"""Everything that one stack wants: its targets, and the endpoints on them with the stack's overrides merged in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hybridml.spec.endpoint import EndpointSpec
from hybridml.spec.stack import StackSpec
from hybridml.spec.target import TargetSpec


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value was written."""

    file: str
    """File, relative to the project; "configuration" for a value that only the engine's configuration has."""
    line: int
    """One-based line; 0 when unknown."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One endpoint on one target."""

    target_name: str
    target: TargetSpec
    endpoint: EndpointSpec
    """The endpoint as this target sees it: `instance` is set only on the primary."""
    primary: bool


@dataclass(frozen=True, kw_only=True)
class PlatformSpec:
    """What one stack wants, checked; `hybridml.spec.load` makes it."""

    root: Path
    """The project's folder, that relative artifact paths start from."""
    stack: StackSpec
    endpoints: Mapping[str, EndpointSpec]
    """The endpoints that the stack places, by name in alphabetical order, overrides and digests merged."""
    sources: Mapping[str, Mapping[str, Source]]
    """By endpoint, where each leaf value was written, by dotted path."""
    target_sources: Mapping[str, Source] = field(default_factory=dict)
    """By target, where the stack names it."""

    @property
    def environment(self) -> str:
        """Name of the environment."""
        return self.stack.environment

    def placed(self) -> Iterator[Placed]:
        """Every endpoint on every target it is placed on, primary first."""
        for endpoint in self.endpoints.values():
            names = endpoint.placement.targets if endpoint.placement else ()
            for index, name in enumerate(names):
                seen = endpoint if index == 0 else endpoint.model_copy(update={"instance": None})
                yield Placed(target_name=name, target=self.stack.target(name), endpoint=seen, primary=index == 0)
