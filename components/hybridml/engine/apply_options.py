"""What resource options mean to an apply: durations, and changes that are to be ignored or to replace."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hybridml.engine.values import Properties, Value, reveal
from hybridml.errors import ConfigurationError, Problem

_UNITS: Final[Mapping[str, float]] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_STEP = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]""")
_ABSENT: Final = object()
WILDCARD: Final = "*"
"""Stands for every property in a path."""


def seconds(duration: str, *, subject: str) -> float:
    """A duration as Go writes it (`1h30m`, `10s`, `250ms`) in seconds.

    Errors: `ConfigurationError` when it is none.
    """
    if not duration or _PART.sub("", duration):
        message = f"{duration!r} is no duration"
        raise ConfigurationError([Problem(path=subject, message=message, fix="write it as 30s, 10m or 1h30m")])
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))


def steps(path: str) -> tuple[str | int, ...]:
    """A property path (`a.b[0]["c.d"]`) as keys and indices."""
    found = _STEP.findall(path)
    return tuple(int(index) if index else (key or quoted.replace('\\"', '"')) for key, index, quoted in found)


def without_ignored(new: Properties, old: Properties, ignored: Iterable[str]) -> Properties:
    """The new inputs with every ignored path as it was in the old ones."""
    result: dict[str, Value] = copy.deepcopy(dict(new))
    for path in ignored:
        _carry(result, old, steps(path))
    return result


def touched(paths: Iterable[str], by: Iterable[str]) -> tuple[str, ...]:
    """Those of `paths` (changed properties) that one of `by` (`replace_on_changes`) speaks of."""
    rules = [steps(rule) for rule in by]
    return tuple(path for path in paths if any(_overlap(steps(path), rule) for rule in rules))


def changed_paths(old: Properties, new: Properties) -> tuple[str, ...]:
    """Top-level inputs that differ."""
    return tuple(sorted(k for k in old.keys() | new.keys() if reveal(old.get(k)) != reveal(new.get(k))))


def _overlap(path: tuple[str | int, ...], rule: tuple[str | int, ...]) -> bool:
    return all(theirs in (mine, WILDCARD) for mine, theirs in zip(path, rule, strict=False))


def _carry(target: Any, source: Any, path: tuple[str | int, ...]) -> None:
    """Make `target` at `path` what `source` is there: absent where it is absent."""
    head, rest = path[0], path[1:]
    if head == WILDCARD:
        for key in _keys(target) | _keys(source):
            _carry(target, source, (key, *rest))
        return
    mine, theirs = _at(target, head), _at(source, head)
    if rest and isinstance(mine, dict | list) and isinstance(theirs, dict | list):
        _carry(mine, theirs, rest)
    elif theirs is _ABSENT and isinstance(target, dict):
        target.pop(head, None)
    elif theirs is not _ABSENT and (isinstance(target, dict) or mine is not _ABSENT):
        target[head] = copy.deepcopy(theirs)


def _keys(container: Any) -> set[str | int]:
    return set(container) if isinstance(container, Mapping) else set(range(len(container)))


def _at(container: Any, key: str | int) -> Any:
    if isinstance(container, Mapping):
        return container.get(str(key), _ABSENT)
    if isinstance(container, list) and isinstance(key, int) and key < len(container):
        return container[key]
    return _ABSENT
