"""An endpoint that every target takes, one target of each kind, and how a test speaks of what is planned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

DIGEST_3 = "3" * 64
DIGEST_4 = "4" * 64

SPEC: Mapping[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team-growth",
    "data_class": "internal",
    "versions": {
        "3": {
            "artifact": {"uri": "models:/churn/3", "sha256": DIGEST_3},
            "card": "docs/models/churn.md",
            "lineage": {"git": "a1b2c3", "data": "dvc:77", "run": "mlflow:7be2"},
        },
        "4": {"artifact": {"uri": "models:/churn/4", "sha256": DIGEST_4}},
    },
    "runtime": {"kind": "mlflow", "env": {"MLFLOW_TRACKING_URI": "https://mlflow.acme.example"}},
    "traffic": {"champion": {"version": "3", "weight": 90}, "challenger": {"version": "4", "weight": 10}},
    "scaling": {"min": 2},
    "rollout": {"strategy": "all-at-once"},
    "access": {"invokers": ["group:scoring-clients"]},
}
"""An endpoint that every target takes."""

TARGETS: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "kind": "aws",
        "region": "eu-central-1",
        "account": "111122223333",
        "subnet_ids": ["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"],
        "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
        "serving_image": f"111122223333.dkr.ecr.eu-central-1.amazonaws.com/serving:1.0@sha256:{'a' * 64}",
        "invoker_roles": {"scoring-clients": "arn:aws:iam::111122223333:role/apps/scoring-clients"},
        "alarm_topics": ["arn:aws:sns:eu-central-1:111122223333:on-call"],
    },
    "gcp": {
        "kind": "gcp",
        "region": "europe-west3",
        "project": "acme-ml",
        "project_number": "123456789012",
        "consumer_projects": ["acme-apps"],
        "serving_image": f"europe-west3-docker.pkg.dev/acme-ml/serving/mlflow:1.0@sha256:{'b' * 64}",
        "invoker_members": {"scoring-clients": "group:scoring-clients@acme.example"},
    },
    "kubernetes": {
        "kind": "kubernetes",
        "context": "prod-dc1",
        "location": "on-premises",
        "serving_image": f"registry.acme.example/serving:1.0@sha256:{'c' * 64}",
        "tokens": {"issuer": "https://id.acme.example", "jwks_uri": "https://id.acme.example/keys"},
        "artifacts": {"networks": ["10.20.0.0/24"]},
    },
}
"""One target of each kind."""


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, mapping by mapping; None removes."""
    result = deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = deepcopy(value)
    return result


def only(items: list[Any]) -> Any:
    """The one item of `items`."""
    assert len(items) == 1, items
    return items[0]


@dataclass(frozen=True)
class Planned:
    """A resource of the plan's JSON."""

    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.data["inputs"][key]

    @property
    def inputs(self) -> Mapping[str, Any]:
        return self.data["inputs"]

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def kept(self) -> tuple[bool, bool]:
        """Whether it is protected, and whether it stays behind."""
        options = self.data["options"]
        return bool(options.get("protect")), bool(options.get("retainOnDelete"))

    def json(self, key: str) -> Any:
        """The document in the property `key`."""
        return json.loads(self.inputs[key])


@dataclass(frozen=True)
class PlanOf:
    """What is planned for one endpoint."""

    resources: tuple[Planned, ...]
    text: str
    """The plan's JSON."""

    def all(self, kind: str) -> list[Planned]:
        """Every resource of that type, by name."""
        return sorted((each for each in self.resources if each.data["type"] == kind), key=lambda each: each.name)

    def one(self, kind: str, name: str | None = None) -> Planned:
        """The one resource of that type, or of that type and name."""
        return only([each for each in self.all(kind) if name in {None, each.name}])
