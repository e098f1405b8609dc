"""Endpoints on Vertex AI. `TARGET` is made when it is first asked for; nothing here imports pulumi_gcp before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.targets.gcp.target import Gcp

    TARGET: Gcp

__all__ = ["TARGET"]


def __getattr__(name: str) -> Gcp:
    if name != "TARGET":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hybridml.targets.gcp.target import Gcp

    return Gcp()
