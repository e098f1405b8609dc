"""What Pulumi's Kubernetes provider adds to the inputs that it records (pulumi-kubernetes, provider/pkg/provider)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hybridml.engine.values import Value

_AUTONAMED: Final = "pulumi.com/autonamed"
"""Annotation of a name that the provider made up."""
_MANAGED_BY: Final = ("app.kubernetes.io/managed-by", "pulumi")
"""Label that releases before 4 added."""
_DEFAULT: Final = "default"
"""The namespace of what names none."""


def as_written(recorded: Mapping[str, Value], asked: Mapping[str, Value]) -> dict[str, Value]:
    """`recorded` without what the provider added to what a program wrote; `asked` is what one writes now."""
    metadata, wanted = recorded.get("metadata"), asked.get("metadata")
    if not isinstance(metadata, Mapping):
        return dict(recorded)
    wanted = wanted if isinstance(wanted, Mapping) else {}
    written = _namespaced(_labelled(_named(dict(metadata)), wanted), wanted)
    kept = {key: value for key, value in recorded.items() if key != "metadata"}
    return {**kept, "metadata": written} if written or "metadata" in asked else kept


def _named(metadata: dict[str, Any]) -> dict[str, Any]:
    annotations = metadata.get("annotations")
    if not isinstance(annotations, Mapping) or _AUTONAMED not in annotations:
        return metadata
    kept = {key: value for key, value in annotations.items() if key != _AUTONAMED}
    named = {key: value for key, value in metadata.items() if key not in ("name", "annotations")}
    return {**named, **({"annotations": kept} if kept else {})}


def _labelled(metadata: dict[str, Any], wanted: Mapping[str, Value]) -> dict[str, Any]:
    labels, (label, value) = metadata.get("labels"), _MANAGED_BY
    asked = wanted.get("labels")
    if not isinstance(labels, Mapping) or labels.get(label) != value or (isinstance(asked, Mapping) and label in asked):
        return metadata
    kept = {key: each for key, each in labels.items() if key != label}
    others = {key: each for key, each in metadata.items() if key != "labels"}
    return {**others, **({"labels": kept} if kept else {})}


def _namespaced(metadata: dict[str, Any], wanted: Mapping[str, Value]) -> dict[str, Any]:
    """A namespace that the program does not name is the provider's, and the one of that name when it names it."""
    if "namespace" not in wanted:
        return {key: value for key, value in metadata.items() if key != "namespace"}
    if wanted["namespace"] == _DEFAULT and "namespace" not in metadata:
        return {**metadata, "namespace": _DEFAULT}
    return metadata
