"""Protobuf structures to values and back. Uses only what `google.protobuf` documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

from hybridml.engine.values import (
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_TEXT,
    Properties,
    Secret,
    Unknown,
    Value,
)
from hybridml.errors import ProgramError


def read_struct(struct: struct_pb2.Struct) -> dict[str, Value]:
    """The properties in `struct`: secrets and unknowns as marks, whole numbers as `int`."""
    return {key: read_value(value) for key, value in struct.fields.items()}


def read_value(value: struct_pb2.Value) -> Value:
    """One value; see `read_struct`."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == UNKNOWN_TEXT else text
    if kind == "struct_value":
        return _read_mapping(value.struct_value)
    if kind == "list_value":
        return [read_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            raise ProgramError("a property is infinite or not a number, which no state and no provider can hold")
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def write_struct(properties: Properties) -> struct_pb2.Struct:
    """`properties` for the wire; the inverse of `read_struct`."""
    struct = struct_pb2.Struct()
    _write_fields(struct, properties)
    return struct


def write_value(target: struct_pb2.Value, value: Value) -> None:
    """Write one value into `target`."""
    if isinstance(value, str):
        target.string_value = value
    elif value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, Secret):
        _write_fields(target.struct_value, {SIGNATURE: SECRET_SIGNATURE, "value": value.value})
    elif isinstance(value, Unknown):
        target.string_value = UNKNOWN_TEXT
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        _write_fields(target.struct_value, value)
    else:
        _write_list(target.list_value, value)


def _read_mapping(struct: struct_pb2.Struct) -> Value:
    read = read_struct(struct)
    if read.get(SIGNATURE) == SECRET_SIGNATURE:
        return Secret(read.get("value"))
    return read


def _write_fields(struct: struct_pb2.Struct, properties: Properties) -> None:
    fields = struct.fields
    for key, value in properties.items():
        write_value(fields[key], value)


def _write_list(target: struct_pb2.ListValue, items: Any) -> None:
    target.SetInParent()
    for item in items:
        write_value(target.values.add(), item)
