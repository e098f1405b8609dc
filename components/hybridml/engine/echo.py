"""Whether an input can stand for the output of the same name: only if it has the shape that the output declares.

Providers are lenient with inputs (`"true"` for a boolean, a list where the output is a map), the SDK's classes are
strict with outputs, so an input is converted where Pulumi's providers do, and is unknown where its shape is another.
"""

from __future__ import annotations

import collections.abc
import functools
import json
from enum import StrEnum
from typing import Any, get_args, get_origin

from hybridml.engine.declared import bare, fields_of, is_object
from hybridml.engine.values import SIGNATURE, UNKNOWN, Secret, Value, contains_secret, contains_unknown


class Kind(StrEnum):
    """What a declared type looks like on the wire."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"
    ANY = "any"


_KINDS = {
    str: Kind.TEXT,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.BOOLEAN,
    list: Kind.LIST,
    collections.abc.Sequence: Kind.LIST,
    dict: Kind.MAP,
    collections.abc.Mapping: Kind.MAP,
}


@functools.cache
def kind_of(declared: Any) -> Kind:
    """The kind of a declared type; `ANY` for unions, enumerations and what else says little."""
    if is_object(declared):
        return Kind.OBJECT
    return _KINDS.get(get_origin(declared) or declared, Kind.ANY)


@functools.cache
def member_of(declared: Any) -> Any:
    """The type of the members of a declared list or map."""
    members = get_args(declared)
    return bare(members[-1]) if members else Any


def echoed(value: Value, declared: Any) -> Value:
    """`value` as an output of type `declared`; `UNKNOWN`, as a whole or in the part concerned, where it is none."""
    if isinstance(value, Secret):
        return Secret(echoed(value.value, declared))
    kind = kind_of(declared)
    if value is None or value is UNKNOWN or kind is Kind.ANY or (isinstance(value, dict) and SIGNATURE in value):
        return value
    if kind is Kind.TEXT:
        return value if isinstance(value, str) else _text(value)
    if isinstance(value, list):
        return [echoed(item, member_of(declared)) for item in value] if kind is Kind.LIST else UNKNOWN
    if isinstance(value, dict):
        return _mapping(value, declared, kind)
    return _scalar(value, kind)


def _mapping(value: dict[str, Value], declared: Any, kind: Kind) -> Value:
    if kind is Kind.MAP:
        member = member_of(declared)
        return {key: echoed(item, member) for key, item in value.items()}
    if kind is not Kind.OBJECT:
        return UNKNOWN
    fields = fields_of(declared)
    return {key: echoed(item, fields[key].type) if key in fields else item for key, item in value.items()}


def _scalar(value: Value, kind: Kind) -> Value:
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower(), UNKNOWN)
    if kind is not Kind.NUMBER or isinstance(value, bool):
        return UNKNOWN
    return value if isinstance(value, int | float) else _number(value)


def _number(text: str) -> Value:
    try:
        number = float(text)
    except ValueError:
        return UNKNOWN
    return int(number) if number.is_integer() else number


def _text(value: Value) -> Value:
    """Numbers, booleans and documents given where text is declared; a provider writes them as JSON."""
    if isinstance(value, list) or contains_unknown(value) or contains_secret(value):
        return UNKNOWN
    return json.dumps(value)
