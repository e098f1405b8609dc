"""What a resource's entry in a deployment holds, by Pulumi's format (sdk/go/common/apitype/core.go, ResourceV3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hybridml.engine.aliases import Urn

_SHAPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("urn", "type", "id", "parent", "provider", "deletedWith", "created", "modified"), str),
    **dict.fromkeys(("inputs", "outputs", "propertyDependencies", "customTimeouts"), dict),
    **dict.fromkeys(("dependencies", "initErrors", "additionalSecretOutputs"), list),
}


def check_resource(entry: Mapping[str, Any]) -> None:
    """Errors: `KeyError`, `TypeError`, `AttributeError` or `ValueError` when the entry of a resource is damaged."""
    Urn.parse(entry["urn"])
    if not isinstance(entry["type"], str):
        raise TypeError(f"type is {entry['type']!r}")
    for key, kind in _SHAPES.items():
        if not isinstance(entry.get(key), kind | None):
            raise TypeError(f"{key} is {entry[key]!r}")
    by_property = entry.get("propertyDependencies") or {}
    for urn in (*(entry.get("dependencies") or ()), *(urn for urns in by_property.values() for urn in urns or ())):
        Urn.parse(urn)
