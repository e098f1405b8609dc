"""What a deployment and a resource's entry in it hold, by Pulumi's format (sdk/go/common/apitype/core.go).

Versions 3 and 4 are read, the latter where its features are known (pkg/resource/stack/deployment.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hybridml.engine.aliases import Urn
from hybridml.errors import StateError

VERSIONS: Final = (3, 4)
"""The deployment formats that are read."""
FEATURES: Final = frozenset(
    {"refreshBeforeUpdate", "views", "hooks", "taint", "replaceWith", "extensionParameterization", "byteString"}
)
"""What a deployment of version 4 may use; none of it hides a change of a program."""
_EXPORT: Final = "export one with `pulumi stack export`"
_SHAPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("urn", "type", "id", "parent", "provider", "deletedWith", "created", "modified"), str),
    **dict.fromkeys(("inputs", "outputs", "propertyDependencies", "customTimeouts"), dict),
    **dict.fromkeys(("dependencies", "initErrors", "additionalSecretOutputs"), list),
}


def deployment_of(document: Any) -> Mapping[str, Any]:
    """The deployment itself: of an export, or of a stack's file in a folder that Pulumi keeps its state in.

    Errors: `StateError` when it is none, or of a version or with features that are not read here.
    """
    if not isinstance(document, Mapping) or document.get("version") is None:
        raise StateError(f"not a deployment of version 3 or 4; {_EXPORT}")
    checkpoint = document.get("checkpoint")
    found = checkpoint.get("latest") or {} if isinstance(checkpoint, Mapping) else document.get("deployment")
    version, features = document["version"], document.get("features") or ()
    if isinstance(version, int) and not isinstance(version, bool) and 0 < version < min(VERSIONS):
        raise StateError(
            f"a deployment of version {version}, which is old; import it with a current Pulumi and {_EXPORT}"
        )
    if version not in VERSIONS or not isinstance(found, Mapping) or not isinstance(features, list | tuple):
        raise StateError(f"not a deployment of version 3 or 4; {_EXPORT}")
    unknown = sorted(set(map(str, features)) - FEATURES)
    if unknown:
        raise StateError(f"a deployment that uses {', '.join(unknown)}, which this release does not know")
    return found


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
