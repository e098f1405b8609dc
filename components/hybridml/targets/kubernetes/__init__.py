"""Endpoints on Kubernetes. `TARGET` is made when first asked for; nothing here imports pulumi_kubernetes before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.targets.kubernetes.target import Kubernetes

    TARGET: Kubernetes

__all__ = ["TARGET"]


def __getattr__(name: str) -> Kubernetes:
    if name != "TARGET":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hybridml.targets.kubernetes.target import Kubernetes

    return Kubernetes()
