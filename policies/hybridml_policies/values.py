"""Reading properties of a planned resource: present, absent, or there and not yet known.

A path is written as in the documentation of a rule: `spec.containers[].image`. `[]` visits every element of a list,
and takes a lone object for a list of one, since providers flatten lists that hold at most one element; `*` visits
every value of an object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

Resource: TypeAlias = Mapping[str, object]
"""One entry of `resources` in the plan's JSON."""

MARK: Final = "hybridml-unknown"
"""The text inside every placeholder of the planning engine: the value is there, its text is not the final one."""

UNKNOWN: Final = "[unknown]"
SECRET: Final = "[secret]"  # noqa: S105 - what a plan prints in the place of a secret
_LONGEST = 60


class Missing(Enum):
    """Why a path leads to no value."""

    ABSENT = "absent"
    """Nobody set it."""
    HIDDEN = "hidden"
    """Something above it is not known yet, so it may or may not be set."""


@dataclass(frozen=True)
class Found:
    """Where a path led and what stands there."""

    path: str
    value: object

    @property
    def absent(self) -> bool:
        """Nothing is set here, or an empty text, list or object is."""
        return self.value is Missing.ABSENT or self.value in ("", [], {}, ())

    @property
    def hidden(self) -> bool:
        """Whether anything is set here is not known."""
        return self.value is Missing.HIDDEN

    @property
    def unknown(self) -> bool:
        """The value, if there is one, is not known."""
        return self.hidden or is_unknown(self.value)


def is_unknown(value: object) -> bool:
    """Tell whether the text stands for a value that is not known, or known and not to be shown."""
    return isinstance(value, str) and (value in (UNKNOWN, SECRET) or MARK in value)


def find(start: object, path: str) -> tuple[Found, ...]:
    """Every place that `path` leads to from `start`; a list without elements leads nowhere."""
    found: list[tuple[str, object]] = [("", start)]
    for step in path.split("."):
        found = [place for name, value in found for place in _step(name, value, step)]
    return tuple(Found(name, value) for name, value in found)


def read(start: object, path: str) -> Found:
    """The first place that `path` leads to, absent when it leads nowhere."""
    return next(iter(find(start, path)), Found(path, Missing.ABSENT))


def within(found: Found, path: str) -> Found:
    """The first place that `path` leads to from a place already found."""
    inner = read(found.value, path)
    return Found(f"{found.path}.{inner.path}", inner.value)


def all_within(found: Found, path: str) -> tuple[Found, ...]:
    """Every place that `path` leads to from a place already found."""
    return tuple(Found(f"{found.path}.{inner.path}", inner.value) for inner in find(found.value, path))


def find_input(resource: Resource, path: str) -> tuple[Found, ...]:
    """Every place that `path` leads to in the inputs of `resource`."""
    return find(resource.get("inputs", {}), path)


def read_input(resource: Resource, path: str) -> Found:
    """The first place that `path` leads to in the inputs of `resource`."""
    return read(resource.get("inputs", {}), path)


def _step(name: str, value: object, step: str) -> Iterator[tuple[str, object]]:
    key = step.removesuffix("[]")
    place = f"{name}.{key}" if name else key
    child = _child(value, key)
    if step == "*":
        yield from _values(name, value)
    elif not step.endswith("[]"):
        yield place, child
    elif is_unknown(child):
        yield place, Missing.HIDDEN
    elif isinstance(child, list | tuple):
        yield from ((f"{place}[{index}]", element) for index, element in enumerate(child))
    else:
        yield place, child


def _values(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from ((f"{name}.{key}", child) for key, child in value.items())
    elif value is Missing.HIDDEN or is_unknown(value):
        yield f"{name}.*", Missing.HIDDEN


def _child(value: object, key: str) -> object:
    if value is Missing.HIDDEN or is_unknown(value):
        return Missing.HIDDEN
    if isinstance(value, Mapping):
        child = value.get(key)
        return Missing.ABSENT if child is None else child
    return Missing.ABSENT


def text_of(resource: Resource, key: str) -> str:
    """The text under `key` of the resource itself (`urn`, `type`, `name`), empty when it is no text."""
    value = resource.get(key)
    return value if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list; a lone text is a list of one, anything else is left out."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence):
        return tuple(element for element in value if isinstance(element, str))
    return ()


def number(value: object) -> float | None:
    """The value as a number; texts of digits count, truth values do not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def document(value: object) -> object:
    """The object in a JSON text, an object as it is, None for anything else."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return None
    try:
        parsed: object = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, Mapping) else None


def shown(value: object) -> str:
    """The value as a report quotes it: short, and never more than its beginning."""
    if isinstance(value, bool) or value is None:
        text = str(value).lower()
    elif isinstance(value, float):
        text = f"{value:.15g}"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
