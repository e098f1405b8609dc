"""Outputs of what does not exist yet, by the SDK's own declarations."""

from __future__ import annotations

import collections.abc
import enum
import inspect
import typing
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from hybridml.engine import shapes
from hybridml.engine.declared import bare, fields_of, is_object
from hybridml.engine.echo import echoed
from hybridml.engine.values import SIGNATURE, UNKNOWN, Properties, Value, contains_unknown

_DEPTH = 3
"""How deep objects inside objects are made up; deeper they are unknown."""
_MEMBERS = 3
"""How many members a made-up list has, where a program wants a plain list at once."""

_WITHOUT_NAMESPACE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
}
"""Kinds of Kubernetes objects that belong to the whole cluster."""


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
    found: dict[str, Value] = dict(inputs)
    for name, field in fields_of(declared).items() if declared else ():
        if name in found:
            found[name] = echoed(found[name], field.type)
        elif not field.optional:
            found[name] = _made_up(subject, name, field.type)
    if subject.type.startswith("kubernetes:"):
        _name_kubernetes_object(subject, found, inputs)
    return {name: value for name, value in found.items() if value is not UNKNOWN}


def result_of(subject: Subject, declared: type, args: Properties, *, plain: bool) -> dict[str, Value]:
    """The result of a function. What is plain cannot be unknown: lists have made-up members, numbers are 1."""
    make = _plain if plain else _made_up
    found: dict[str, Value] = {}
    for name, field in fields_of(declared).items():
        given = echoed(args.get(name, UNKNOWN), field.type)
        found[name] = make(subject, name, field.type) if contains_unknown(given) else given
    return found


def _made_up(subject: Subject, name: str, type_: Any, depth: int = 0) -> Value:
    """What stands for a field that nobody set: text or an object of texts, else unknown."""
    if type_ is str:
        return shapes.text(subject.type, subject.name, name, subject.region)
    if get_origin(type_) is typing.Literal:
        return get_args(type_)[0]
    if depth < _DEPTH and is_object(type_):
        made = {
            key: _made_up(subject, f"{name}{key[:1].upper()}{key[1:]}", field.type, depth + 1)
            for key, field in fields_of(type_).items()
        }
        return made if any(value is not UNKNOWN for value in made.values()) else UNKNOWN
    return UNKNOWN


def _plain(subject: Subject, name: str, type_: Any, depth: int = 0) -> Value:
    origin = get_origin(type_) or type_
    if origin in (list, collections.abc.Sequence):
        member = bare((*get_args(type_), Any)[0])
        return [_plain(subject, f"{name}-{i}", member, depth) for i in range(_MEMBERS)] if depth < _DEPTH else []
    if is_object(type_):
        fields = fields_of(type_).items() if depth < _DEPTH else ()
        return {key: _plain(subject, f"{name}-{key}", field.type, depth + 1) for key, field in fields}
    if origin in (dict, collections.abc.Mapping):
        return {}
    if inspect.isclass(origin) and issubclass(origin, enum.Enum):
        return next(iter(origin)).value
    constants: dict[Any, Value] = {bool: False, int: 1, float: 1}
    return constants[origin] if origin in constants else _made_up(subject, name, str if origin is Any else type_)


def _name_kubernetes_object(subject: Subject, outputs: dict[str, Value], given: Properties) -> None:
    """Kubernetes objects are named by the provider when the program does not, and live in `default`."""
    metadata = given.get("metadata", {})
    if not isinstance(metadata, dict) or SIGNATURE in metadata:
        return
    made = outputs["metadata"] if "metadata" not in given and isinstance(outputs.get("metadata"), dict) else {}
    scoped = subject.type.rpartition(":")[2] not in _WITHOUT_NAMESPACE
    namespace = {"namespace": "default"} if scoped else {}
    outputs["metadata"] = {**made, "name": shapes.physical_name(subject.name), **namespace, **metadata}
