"""The platform of one stack: load what is wanted, compose it, export where it answers."""

from __future__ import annotations

from pathlib import Path

import pulumi
from hybridml import Platform, PlatformArgs
from hybridml.spec import load

ROOT = Path(pulumi.runtime.get_root_directory())
KEYS = ("environment", "profile", "cost_centre", "targets", "endpoints")


def configuration() -> dict[str, object]:
    """The `hybridml:` values of the stack as the engine delivers them."""
    config = pulumi.Config("hybridml")
    delivered = {key: config.get_object(key) if key in ("targets", "endpoints") else config.get(key) for key in KEYS}
    return {key: value for key, value in delivered.items() if value is not None}


spec = load(
    ROOT / "infra" / "endpoints",
    ROOT / "stacks" / f"Pulumi.{pulumi.get_stack()}.yaml",
    configuration(),
    ROOT / ".hybridml" / "digests.yaml",
)
platform = Platform("platform", PlatformArgs(spec=spec))

pulumi.export("endpoints", platform.endpoints)
