"""The value that nobody knows yet: it passes through untouched, and whoever looks inside is told so."""

from __future__ import annotations

from typing import Any, Final, NoReturn


class NotKnownYet(Exception):  # noqa: N818 - says what happened
    """A rule or a forecast looked inside a value that is only known once another resource exists."""


class Unknown:
    """A value that is only known once another resource exists; comparing, formatting or iterating it raises."""

    __slots__ = ()

    def _peek(self, *_: Any) -> NoReturn:
        raise NotKnownYet

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _peek
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __mul__ = __int__ = __index__ = _peek
    __str__ = __format__ = __fspath__ = _peek

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotKnownYet

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        raise NotKnownYet

    def __hash__(self) -> int:
        raise NotKnownYet

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final[Any] = Unknown()


def holds_unknown(value: object) -> bool:
    """Whether `value`, a plain value of lists and mappings, is or contains UNKNOWN."""
    if value is UNKNOWN:
        return True
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_unknown, value))


def same(one: object, other: object) -> bool:
    """Whether two plain values are equal; UNKNOWN equals only itself."""
    if one is UNKNOWN or other is UNKNOWN:
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
