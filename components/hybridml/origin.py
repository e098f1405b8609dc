"""Which file and line asks for the resources that a component makes, where that is not the program's own line.

A program that makes resources of files says so around their making; the engine records it with each of them, so that a
plan, a finding or an error points at the endpoint's file and not at the one line of the program that read it.

    with asked_by(places):                # by dotted path: where each value was written
        with about("versions.3"):         # what is made in here, the value at that path asks for
            ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: Path
    """Absolute."""
    line: int
    """One-based."""


@dataclass(frozen=True)
class _Asked:
    places: Mapping[str, Place]
    here: Place | None


_NOBODY = _Asked({}, None)
_asked: ContextVar[_Asked] = ContextVar("hybridml_asked", default=_NOBODY)


def current() -> Place | None:
    """What asks for what is made now; None where only the program does."""
    return _asked.get().here


@contextmanager
def asked_by(places: Mapping[str, Place]) -> Iterator[None]:
    """What is made in this block is asked for by these places; the first one until `about` says which."""
    with _set(_Asked(places, next(iter(places.values()), None))):
        yield


@contextmanager
def about(path: str) -> Iterator[None]:
    """What is made in this block, the value at the dotted `path` asks for, or the first value inside it that is known.

    Nothing is narrowed where nobody wrote it.
    """
    asked = _asked.get()
    inside = (place for key, place in asked.places.items() if key == path or key.startswith(f"{path}."))
    with _set(_Asked(asked.places, next(inside, asked.here))):
        yield


@contextmanager
def _set(asked: _Asked) -> Iterator[None]:
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)
