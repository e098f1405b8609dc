"""Says where each value of an endpoint came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hybridml.errors import ConfigurationError, Problem
from hybridml.spec.closest import closest
from hybridml.spec.platform import PlatformSpec, Source

DEFAULT = Source(file="default", line=0)
"""Source of a value that nobody wrote."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A value of an endpoint, and where it was written."""

    path: str
    """Dotted path in the endpoint."""
    value: object
    """The value: text, number, true, false, None, or an empty list or mapping."""
    file: str
    """File it was written in, relative to the project; "default" where nobody wrote it."""
    line: int
    """One-based line; 0 for a default."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.path} = {json.dumps(self.value, ensure_ascii=False)}  ({place})"


def explain(platform: PlatformSpec, endpoint: str) -> list[Explained]:
    """Each value of `endpoint`, in the order of the reference, with the file and line it came from.

    Raises `ConfigurationError` when the stack does not place an endpoint of that name.
    """
    if endpoint not in platform.endpoints:
        meant = closest(endpoint, platform.endpoints)
        hint = f"did you mean {meant!r}? " if meant else ""
        known = ", ".join(platform.endpoints) or "none"
        message = f"endpoint {endpoint!r} is not on stack environment {platform.environment!r}"
        raise ConfigurationError([Problem(message=message, fix=f"{hint}endpoints here: {known}")])
    sources = platform.sources[endpoint]
    values = platform.endpoints[endpoint].model_dump(mode="json", by_alias=True, exclude={"name"})
    return [
        Explained(path=path, value=value, file=source.file, line=source.line)
        for path, value in _leaves(values, "")
        for source in (sources.get(path, DEFAULT),)
    ]


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    below = value.items() if isinstance(value, Mapping) else enumerate(value if isinstance(value, list) else ())
    entries = [(f"{path}.{key}" if path else str(key), entry) for key, entry in below]
    for name, entry in entries:
        yield from _leaves(entry, name)
    if not entries:
        yield path, value
