"""Outputs by the SDK's own declarations: the class of a resource or result says which fields there are, and their types."""

from __future__ import annotations

import collections.abc
import enum
import functools
import inspect
import types as python_types
import typing
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from hybridml.engine import shapes
from hybridml.engine.values import SIGNATURE, UNKNOWN, Properties, Value

_DEPTH = 3
"""How deep objects inside objects are made up; deeper they are unknown."""
_MEMBERS = 3
"""How many members a made-up list has, where a program wants a plain list at once."""


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field."""

    type: Any
    """Without `Output` and `Optional`."""
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose outputs are made up."""

    type: str
    name: str
    region: str = shapes.MARK


def outputs_of(subject: Subject, declared: type | None, inputs: Properties) -> dict[str, Value]:
    """The outputs of a resource that does not exist yet.

    An output named as an input has the input's value; text is a placeholder; what is optional, and everything else that
    nobody knows, is left out, and so unknown.
    """
    found: dict[str, Value] = {}
    for name, field in fields_of(declared).items() if declared else ():
        value = inputs[name] if name in inputs else UNKNOWN if field.optional else _absent(subject, name, field.type)
        if value is not UNKNOWN:
            found[name] = value
    for name, value in inputs.items():
        found.setdefault(name, value)
    if subject.type.startswith("kubernetes:"):
        _name_kubernetes_object(subject, found)
    return {name: value for name, value in found.items() if value is not UNKNOWN}


def result_of(subject: Subject, declared: type, args: Properties, *, plain: bool) -> dict[str, Value]:
    """The result of a function. What is plain cannot be unknown: lists have made-up members, numbers are 1."""
    make = _plain if plain else _absent
    return {
        name: args[name] if name in args else make(subject, name, field.type)
        for name, field in fields_of(declared).items()
    }


@functools.cache
def fields_of(declared: type) -> dict[str, Field]:
    """The outputs that an SDK class declares, by wire name."""
    from pulumi import _types

    types = _types.output_type_types(declared) if _types.is_output_type(declared) else _types.resource_types(declared)
    hints = getattr(_types, "_raw_return_hints", lambda _: {})(declared)
    return {
        name: Field(_types.unwrap_type(type_), _is_optional(hints.get(name)))
        for name, type_ in types.items()
        if name not in ("id", "urn") or _types.is_output_type(declared)
    }


def _absent(subject: Subject, name: str, type_: Any, depth: int = 0) -> Value:
    """What stands for a field that nobody set: text or an object of texts, else unknown."""
    if type_ is str:
        return shapes.text(subject.type, subject.name, name, subject.region)
    if get_origin(type_) is typing.Literal:
        return get_args(type_)[0]
    if depth < _DEPTH and _is_object(type_):
        made = {
            key: _absent(subject, f"{name}{key[:1].upper()}{key[1:]}", field.type, depth + 1)
            for key, field in fields_of(type_).items()
        }
        return made if made and any(value is not UNKNOWN for value in made.values()) else UNKNOWN
    return UNKNOWN


def _plain(subject: Subject, name: str, type_: Any, depth: int = 0) -> Value:
    origin = get_origin(type_) or type_
    if origin in (list, collections.abc.Sequence):
        member = (*get_args(type_), Any)[0]
        return [_plain(subject, f"{name}-{i}", _bare(member), depth) for i in range(_MEMBERS)] if depth < _DEPTH else []
    if _is_object(type_):
        fields = fields_of(type_).items() if depth < _DEPTH else ()
        return {key: _plain(subject, f"{name}-{key}", field.type, depth + 1) for key, field in fields}
    if origin in (dict, collections.abc.Mapping):
        return {}
    if inspect.isclass(origin) and issubclass(origin, enum.Enum):
        return next(iter(origin)).value
    constants: dict[Any, Value] = {bool: False, int: 1, float: 1}
    return constants[origin] if origin in constants else _absent(subject, name, str if origin is Any else type_)


def _bare(type_: Any) -> Any:
    from pulumi import _types

    return _types.unwrap_type(type_) if type_ is not Any else Any


def _is_object(type_: Any) -> bool:
    from pulumi import _types

    return inspect.isclass(type_) and _types.is_output_type(type_)


def _is_optional(hint: Any) -> bool:
    if hint is None:
        return False
    if get_origin(hint) in (typing.Union, python_types.UnionType):
        return type(None) in get_args(hint)
    return any(_is_optional(argument) for argument in get_args(hint)[:1]) if _is_output(hint) else False


def _is_output(hint: Any) -> bool:
    import pulumi

    return get_origin(hint) is pulumi.Output


def _name_kubernetes_object(subject: Subject, outputs: dict[str, Value]) -> None:
    """Kubernetes objects are named by the provider when the program does not, and live in `default`."""
    metadata = outputs.get("metadata", {})
    if isinstance(metadata, dict) and SIGNATURE not in metadata:
        name = shapes.physical_name(subject.name)
        outputs["metadata"] = {"name": name, "namespace": "default", **metadata}
