"""The namespace that endpoints share: what its pods may be, and how much they may use together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybridml.targets.kubernetes.network import Manifest
from hybridml.targets.kubernetes.pods import GPU, SCRATCH

if TYPE_CHECKING:
    from hybridml.spec.target import Quota

LEVEL = "restricted"
"""Source: Pod Security Standards."""


def pod_security(version: str) -> dict[str, str]:
    """The labels by which the API server refuses, warns of and records every pod that is not restricted."""
    return {
        label: value
        for mode in ("enforce", "warn", "audit")
        for label, value in (
            (f"pod-security.kubernetes.io/{mode}", LEVEL),
            (f"pod-security.kubernetes.io/{mode}-version", f"v{version}"),
        )
    }


def quota(wanted: Quota) -> Manifest:
    """What all pods may use together. Nothing is published past the gateway."""
    return {
        "hard": {
            "pods": str(wanted.pods),
            "requests.cpu": str(wanted.cpu),
            "requests.memory": str(wanted.memory),
            "limits.memory": str(wanted.memory),
            f"requests.{GPU}": str(wanted.gpus),
            "persistentvolumeclaims": str(wanted.pods),
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        }
    }


def limits() -> Manifest:
    """What a container gets that does not say."""
    given = {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": SCRATCH}
    return {"limits": [{"type": "Container", "default": given, "defaultRequest": given}]}
