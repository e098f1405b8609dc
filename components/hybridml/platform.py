"""Composes targets and endpoints from a specification: the one place where a spec meets the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.endpoint import ModelEndpoint, ModelEndpointArgs
from hybridml.errors import ConfigurationError, Problem
from hybridml.origin import Place, asked_by
from hybridml.targets.asks import overflow
from hybridml.targets.base import Foundation, StackContext, find

if TYPE_CHECKING:
    from hybridml.spec import Placed, PlatformSpec, Source


@dataclass(frozen=True, kw_only=True)
class PlatformArgs:
    """What a platform is made from."""

    spec: PlatformSpec
    """The stack and its endpoints, loaded and merged by `hybridml.spec.load`."""


class Platform(pulumi.ComponentResource):
    """Every endpoint of a stack on the target that the stack names, with what the endpoints of one target share.

    Raises `ConfigurationError` with everything that the targets refuse, before anything is registered.
    """

    endpoints: pulumi.Output[dict[str, Any]]
    """Endpoint name to its outputs: url, target, authentication, versions and what else the target has to say."""

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        problems = list(refusals(args.spec))
        if problems:
            raise ConfigurationError(problems)
        super().__init__("hybridml:index:Platform", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        foundations = self._lay_foundations(args.spec)
        placed = {each.endpoint.name: self._place(each, foundations, args.spec) for each in _primary(args.spec)}
        self.endpoints = pulumi.Output.from_input({name: each.outputs for name, each in placed.items()})
        self.register_outputs({"endpoints": self.endpoints})

    def _lay_foundations(self, spec: PlatformSpec) -> dict[str, Foundation]:
        """One foundation for each target that serves an endpoint."""
        stack, used = context(spec), {each.target_name: each.target for each in _primary(spec)}
        foundations: dict[str, Foundation] = {}
        for name, target in sorted(used.items()):
            with asked_by(_places(spec, {name: spec.target_sources.get(name)})):
                foundations[name] = find(target.kind).foundation(name, target, stack, self._child)
        return foundations

    def _place(self, placed: Placed, foundations: dict[str, Foundation], spec: PlatformSpec) -> ModelEndpoint:
        args = ModelEndpointArgs(spec=placed.endpoint, target=placed.target, foundation=foundations[placed.target_name])
        with asked_by(_places(spec, spec.sources.get(placed.endpoint.name, {}))):
            return ModelEndpoint(placed.endpoint.name, args, self._child)


def _places(spec: PlatformSpec, sources: Mapping[str, Source | None]) -> dict[str, Place]:
    """Where values were written, as files of this machine; what has no line is left out."""
    return {path: Place(spec.root / s.file, s.line) for path, s in sources.items() if s is not None and s.line}


def context(spec: PlatformSpec) -> StackContext:
    """What the targets are told about the stack."""
    return StackContext(
        root=spec.root.resolve(),
        project=pulumi.get_project(),
        stack=pulumi.get_stack(),
        environment=spec.environment,
        profile=spec.stack.profile,
        cost_centre=spec.stack.cost_centre,
    )


def refusals(spec: PlatformSpec) -> Iterator[Problem]:
    """Everything that the targets of a stack refuse, each with the file and line that asks for it."""
    for placed in _primary(spec):
        name = placed.endpoint.name
        found = [
            *find(placed.target.kind).refusals(name, placed.endpoint, placed.target),
            *overflow(name, placed.endpoint),
        ]
        yield from (_located(problem, name, spec) for problem in found)


def _primary(spec: PlatformSpec) -> list[Placed]:
    return [placed for placed in spec.placed() if placed.primary]


def _located(problem: Problem, name: str, spec: PlatformSpec) -> Problem:
    """The problem with the place of the value that asks, or of what holds it; a default has the endpoint's file."""
    sources = spec.sources.get(name, {})
    path = problem.path.removeprefix(f"{name}.").split(".")
    for length in range(len(path), 0, -1):
        prefix = ".".join(path[:length])
        inside = [source for key, source in sources.items() if key == prefix or key.startswith(f"{prefix}.")]
        if inside:
            return replace(problem, file=inside[0].file, line=inside[0].line)
    return replace(problem, file=next((source.file for source in sources.values()), ""))
