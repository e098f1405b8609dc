"""The one place where manifests in Kubernetes' spelling meet the SDK's typed arguments.

The SDK takes mappings in its own spelling (`match_labels`) and passes keys that it does not know as they are, so a
manifest in Kubernetes' spelling (`matchLabels`) arrives unchanged; its types only know the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi_kubernetes as kubernetes


def metadata(values: Mapping[str, object]) -> kubernetes.meta.v1.ObjectMetaArgs:
    """Name, namespace, labels and annotations of an object."""
    return kubernetes.meta.v1.ObjectMetaArgs(**cast("Any", dict(values)))


def spec(manifest: Mapping[str, object]) -> Any:
    """The `spec` of an object."""
    return dict(manifest)


def references(names: Sequence[Mapping[str, str]]) -> list[kubernetes.core.v1.LocalObjectReferenceArgs] | None:
    """References to objects of the same namespace; None for none."""
    return [kubernetes.core.v1.LocalObjectReferenceArgs(**each) for each in names] or None
