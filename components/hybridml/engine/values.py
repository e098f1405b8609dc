"""Property values as the engine sees them: plain JSON values, secrets, and what nobody knows yet.

A value is `None`, a boolean, a number, a string, a list or a dictionary with string keys, plus two marks: `UNKNOWN`
for what only a provider could say, and `Secret` around whatever must not be shown. Assets, archives and references to
resources stay the dictionaries that Pulumi sends, recognisable by `SIGNATURE`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hybridml.errors import StateError

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""Key that marks a dictionary with a meaning of its own (sdk/go/common/resource/properties.go)."""
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public constant of the protocol
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
FLOAT_SIGNATURE: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"
"""Marks a number that JSON has no word for: its bits in hexadecimal (pkg/resource/stack/deployment.go)."""
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How Pulumi writes an unknown value on the wire."""

SHOWN_UNKNOWN: Final = "[unknown]"
SHOWN_SECRET: Final = "[secret]"  # noqa: S105 - what is shown in place of one


class Unknown:
    """The type of `UNKNOWN`; there is one instance."""

    _instance: Unknown | None = None
    __slots__ = ()

    def __new__(cls) -> Unknown:
        """The one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return SHOWN_UNKNOWN

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""A value that only a provider could say."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that is never shown; its text is `[secret]`."""

    value: Value
    """What is secret; may itself be unknown."""

    def __repr__(self) -> str:
        return SHOWN_SECRET


Value: TypeAlias = Any
"""None, bool, int, float, str, list of values, dict from str to value, `UNKNOWN` or a `Secret`."""
Properties: TypeAlias = Mapping[str, Value]
"""The inputs or outputs of a resource by their wire names (camelCase)."""


def to_json(value: Value) -> Any:
    """`value` as it is shown: secrets are `[secret]`, unknowns `[unknown]`, keys sorted.

    Numbers that JSON does not have are their names: `inf`, `-inf`, `nan`.
    """
    if isinstance(value, Secret):
        return SHOWN_SECRET
    if value is UNKNOWN:
        return SHOWN_UNKNOWN
    if isinstance(value, Mapping):
        return _shown_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def to_wire(value: Value) -> Any:
    """`value` as Pulumi writes it, in its state files and between processes; the inverse of `from_wire`."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET_SIGNATURE, "value": to_wire(value.value)}
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_wire(item) for item in value]
    return value


def from_wire(value: Any) -> Value:
    """A value from Pulumi's own writing, with secrets and unknowns as marks.

    A secret that is encrypted (`ciphertext`, as in a state file) is a secret whose content is unknown; one that was
    exported in the clear (`plaintext`) holds JSON text.
    """
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return Secret(_sealed(value))
        if value.get(SIGNATURE) == FLOAT_SIGNATURE:
            return _number(value)
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return UNKNOWN if value == UNKNOWN_TEXT else value


def contains_unknown(value: Value) -> bool:
    """Whether any part of `value` is unknown, inside secrets too."""
    if isinstance(value, Secret):
        return contains_unknown(value.value)
    if isinstance(value, Mapping):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(contains_unknown(item) for item in value)
    return value is UNKNOWN


def contains_secret(value: Value) -> bool:
    """Whether any part of `value` is secret."""
    if isinstance(value, Mapping):
        return any(contains_secret(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(contains_secret(item) for item in value)
    return isinstance(value, Secret)


def seal(value: Value, texts: Sequence[str]) -> Value:
    """`value` with every text or number in it that holds one of `texts` made secret, and objects with such keys."""
    if isinstance(value, str | int | float):
        return Secret(value) if holds(str(value), texts) else value
    if isinstance(value, Mapping):
        sealed = {key: seal(item, texts) for key, item in value.items()}
        return Secret(value) if any(holds(key, texts) for key in value) else sealed
    return [seal(item, texts) for item in value] if isinstance(value, list) else value


def holds(value: str, texts: Sequence[str]) -> bool:
    """Whether one of `texts` stands in `value`."""
    return any(text in value for text in texts)


def reveal(value: Value) -> Value:
    """`value` without its secret marks; only for what goes to a provider or is compared, never for what is shown."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value


def _number(value: Mapping[str, Any]) -> float:
    try:
        return float(struct.unpack(">d", bytes.fromhex(value["value"]))[0])
    except (KeyError, TypeError, ValueError, struct.error):
        raise StateError("a number of the state is damaged") from None


def _sealed(secret: Mapping[str, Any]) -> Value:
    if "plaintext" in secret:
        try:
            return from_wire(json.loads(secret["plaintext"]))
        except (ValueError, TypeError):
            raise StateError("a secret of the state was exported in the clear, and is no JSON") from None
    return from_wire(secret["value"]) if "value" in secret else UNKNOWN


def _shown_mapping(value: Mapping[str, Value]) -> Any:
    kind = value.get(SIGNATURE)
    if kind == RESOURCE_SIGNATURE:
        return {"resource": value["urn"]}
    if kind == OUTPUT_SIGNATURE:
        return SHOWN_SECRET if value.get("secret") else to_json(value.get("value", UNKNOWN))
    name = {ASSET_SIGNATURE: "asset", ARCHIVE_SIGNATURE: "archive"}.get(kind or "")
    shown = {key: to_json(value[key]) for key in sorted(value) if key != SIGNATURE}
    return {name: shown} if name else shown
