"""Values as Pulumi's protocol carries them: plain lists and mappings, with secrets and unknowns marked in place.

Source of the signatures: `sdk/go/common/resource/plugin/rpc.go` of pulumi/pulumi, which every engine and SDK shares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf import struct_pb2

from hybridml.provider.unknown import UNKNOWN

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature of the protocol
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


@dataclasses.dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state and hides in what it shows."""

    value: Any = dataclasses.field(repr=False)


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A message's properties, secrets wrapped in `Secret`, values not known yet as UNKNOWN."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _decode_struct(value.struct_value)
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
    return None


def _decode_struct(struct: struct_pb2.Struct) -> Any:
    fields = decode(struct)
    match fields.get(SIGNATURE):
        case str(kind) if kind == SECRET:
            return Secret(reveal(fields.get("value")))
        case str(kind) if kind == OUTPUT:
            inner = fields.get("value", UNKNOWN)
            return Secret(reveal(inner)) if fields.get("secret") is True else inner
    return fields


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The message for `values`: what `decode` reads back."""
    return struct_pb2.Struct(fields={key: _encode(value) for key, value in values.items()})


def _encode(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if isinstance(value, Secret):
        wrapped = {SIGNATURE: struct_pb2.Value(string_value=SECRET), "value": _encode(value.value)}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=wrapped))
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode(value))
    if isinstance(value, (list, tuple)):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=map(_encode, value)))
    return _encode_scalar(value)


def _encode_scalar(value: str | bool | int | float | None) -> struct_pb2.Value:
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE) if value is None else struct_pb2.Value(number_value=value)


def reveal(value: Any) -> Any:
    """`value` without its secret wrappers."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(entry) for key, entry in value.items()}
    return [reveal(entry) for entry in value] if isinstance(value, list) else value


def conceal(value: Any, like: Any) -> Any:
    """`value` with a secret wrapper wherever `like`, a value of the same shape, has one."""
    if isinstance(like, Secret):
        return Secret(value)
    if isinstance(value, Mapping) and isinstance(like, Mapping):
        return {key: conceal(entry, like.get(key)) for key, entry in value.items()}
    if isinstance(value, list) and isinstance(like, list):
        if len(value) != len(like):
            return Secret(value) if holds_secret(like) else value
        return [conceal(entry, other) for entry, other in zip(value, like, strict=True)]
    return Secret(value) if holds_secret(like) else value


def holds_secret(value: Any) -> bool:
    """Whether `value` is or contains a secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return isinstance(value, list) and any(map(holds_secret, value))


def secret_texts(value: Any, inside: bool = False) -> Iterator[str]:
    """Every piece of text inside a secret of `value`."""
    if isinstance(value, Secret):
        yield from secret_texts(value.value, True)
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from secret_texts(entry, inside)
    elif isinstance(value, list):
        for entry in value:
            yield from secret_texts(entry, inside)
    elif inside and isinstance(value, str):
        yield value
