"""What the SDK's classes declare about their outputs: names on the wire, names in Python, types.

The declarations are read with the functions that the SDK itself uses for them. They are not public, so each is looked
for first; `lacking()` names those that are gone, a test holds it empty, and a plan made without them says so in a note.
"""

from __future__ import annotations

import functools
import inspect
import types as python_types
import typing
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import pulumi
from pulumi import _types

_NEEDED = (
    "is_output_type",
    "output_type_types",
    "resource_types",
    "unwrap_type",
    "_raw_return_hints",
    "_py_properties",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field."""

    type: Any
    """Without `Output` and `Optional`."""
    optional: bool


def lacking() -> tuple[str, ...]:
    """Which of the SDK's functions are gone; without any of them nothing counts as declared."""
    return tuple(name for name in _NEEDED if not hasattr(_types, name))


@functools.cache
def fields_of(declared: type) -> dict[str, Field]:
    """The outputs that an SDK class declares, by wire name, `id` and `urn` of a resource left out."""
    if lacking():
        return {}
    result = is_object(declared)
    types = _types.output_type_types(declared) if result else _types.resource_types(declared)
    hints: dict[str, Any] = _types._raw_return_hints(declared)
    return {
        name: Field(_types.unwrap_type(type_), _is_optional(hints.get(name)))
        for name, type_ in types.items()
        if result or name not in ("id", "urn")
    }


@functools.cache
def python_names(declared: type) -> dict[str, str]:
    """Wire name to Python attribute of an SDK's result class."""
    return {} if lacking() else {wire: name for name, wire, _ in _types._py_properties(declared)}


def is_object(type_: Any) -> bool:
    """Whether `type_` is one of the SDK's classes for objects inside outputs and results."""
    return not lacking() and inspect.isclass(type_) and _types.is_output_type(type_)


def bare(type_: Any) -> Any:
    """`type_` without `Output` and `Optional`."""
    return Any if type_ is Any or lacking() else _types.unwrap_type(type_)


def _is_optional(hint: Any) -> bool:
    if get_origin(hint) in (typing.Union, python_types.UnionType):
        return type(None) in get_args(hint)
    return get_origin(hint) is pulumi.Output and any(map(_is_optional, get_args(hint)))
