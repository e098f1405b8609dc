"""Small projects with one endpoint on this machine, planned without applying."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.program import plan

PROGRAM = """\
import json
from pathlib import Path

import pulumi
from hybridml import ModelEndpoint, ModelEndpointArgs

wanted = json.loads((Path(pulumi.runtime.get_root_directory()) / "wanted.json").read_text())
endpoint = ModelEndpoint(wanted["name"], ModelEndpointArgs(spec=wanted["spec"], target=wanted["target"]))
pulumi.export("endpoints", {wanted["name"]: endpoint.outputs})
"""
CHURN: dict[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team-growth",
    "data_class": "internal",
    "versions": {
        "3": {"artifact": {"uri": "models/3", "sha256": "3" * 64}},
        "4": {"artifact": {"uri": "models/4", "sha256": "4" * 64}},
        "5": {"artifact": {"uri": "models/5", "sha256": "5" * 64}},
    },
    "traffic": {
        "champion": {"version": "3", "weight": 90},
        "challenger": {"version": "4", "weight": 10},
        "routes": [{"header": {"x-cohort": "beta"}, "version": "4"}],
        "shadow": {"version": "4", "sample": 20},
    },
    "scaling": {"min": 2},
    "rollout": {"strategy": "all-at-once"},
    "access": {"invokers": ["group:scoring-clients"]},
}
"""An endpoint with everything that the local target keeps; version 5 is declared and not served."""


@dataclass(frozen=True)
class Planned:
    """A plan, by what tests ask of it."""

    root: Path
    plan: Plan

    def one(self, name: str) -> PlannedResource:
        """The one resource that is no component and has this name."""
        (found,) = (each for each in self.plan.resources if each.name == name and each.custom)
        return found

    def names(self, kind: str) -> list[str]:
        """Names of all resources of one class, sorted."""
        return sorted(each.name for each in self.plan.resources if each.type == f"hybridml:index:{kind}")


PlanOf = Callable[..., Planned]


@pytest.fixture
def plan_of(tmp_path: Path) -> PlanOf:
    """Plans a project whose only resource is one endpoint on a local target."""

    def planned(
        spec: Mapping[str, Any] = CHURN, *, config: Mapping[str, str] | None = None, name: str = "churn", **target: Any
    ) -> Planned:
        (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (tmp_path / "__main__.py").write_text(PROGRAM)
        wanted = {"name": name, "spec": dict(spec), "target": {"kind": "local", "port": 18080} | target}
        (tmp_path / "wanted.json").write_text(json.dumps(wanted))
        return Planned(tmp_path, plan(tmp_path, "local", config=config))

    return planned
