"""Every field of the spec and of the targets, and a change of each that nobody may overlook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from hybridml.spec.part import Part


def leaves(model: type[Part], prefix: str = "") -> Iterator[str]:
    """Dotted path of every field below `model` that holds a value; keys and positions are left out."""
    for name, info in model.model_fields.items():
        parts = list(_parts(info.annotation))
        for part in parts:
            yield from leaves(part, f"{prefix}{name}.")
        if not parts:
            yield f"{prefix}{name}"


def _parts(annotation: object) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)


@dataclass(frozen=True)
class Change:
    """A field that changes, and what has to stand around it."""

    after: Mapping[str, Any]
    """Laid over `before`."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the endpoint, or target, of the tests."""


def _monitor(name: str, **fields: Any) -> dict[str, Any]:
    return {"capture": {"sample": 10}, "monitors": {name: fields}}


_QUALITY = {"ground_truth": "s3://truth/churn/", "metric": "auc", "threshold": 0.8}
_BIAS = {"baseline": "s3://base/churn/", "facet": "age"}
_BASE = {"baseline": "s3://base/churn/"}
_CUSTOM = {"kind": "custom", "port": 8080, "routes": {"predict": "/invocations", "health": "/ping"}}
_NIGHT = {"cron": "0 20 * * *", "timezone": "UTC", "min": 1, "max": 2}
_ROUTE = {"header": {"x-a": "b"}, "version": "4"}
_ALONE = {"champion": {"weight": 100}, "challenger": None}
_SHADOW = {**_ALONE, "shadow": {"version": "4", "sample": 20}}
_SIGNED = {"key": "keys/models.pub"}
_BATCH = {"mode": "batch", "traffic": _ALONE, "batch": {"input": "s3://data/churn/*.csv", "output": "s3://results/"}}
_CANARY = {"strategy": "canary", "steps": [10]}
_THIRD = {"5": {"artifact": {"uri": "models:/churn/5", "sha256": "5" * 64}}}


def _version(**fields: Any) -> dict[str, Any]:
    return {"versions": {"3": fields}}


SPEC: Mapping[str, Change] = {
    "owner": Change({"owner": "team-b"}),
    "data_class": Change({"data_class": "public"}),
    "versions.artifact.uri": Change(_version(artifact={"uri": "models:/churn/33"})),
    "versions.artifact.sha256": Change(_version(artifact={"sha256": "7" * 64})),
    "versions.artifact.signature.key": Change(_version(artifact={"signature": _SIGNED})),
    "versions.artifact.signature.bundle": Change(
        _version(artifact={"signature": {**_SIGNED, "bundle": "s3://sigs/3"}})
    ),
    "versions.format": Change(_version(format="onnx")),
    "versions.card": Change(_version(card="docs/models/other.md")),
    "versions.lineage.git": Change(_version(lineage={"git": "f00"})),
    "versions.lineage.data": Change(_version(lineage={"data": "dvc:78"})),
    "versions.lineage.run": Change(_version(lineage={"run": "mlflow:9"})),
    "runtime.kind": Change({"runtime": {"kind": "triton"}}),
    "runtime.image": Change({"runtime": {"image": "{image}-two:1.0"}}),
    "runtime.port": Change({"runtime": {"port": 9000}}, {"runtime": {**_CUSTOM, "image": "{image}:1.0"}}),
    "runtime.routes.predict": Change(
        {"runtime": {"routes": {"predict": "/p"}}}, {"runtime": {**_CUSTOM, "image": "{image}:1.0"}}
    ),
    "runtime.routes.health": Change(
        {"runtime": {"routes": {"health": "/h"}}}, {"runtime": {**_CUSTOM, "image": "{image}:1.0"}}
    ),
    "runtime.resources.cpu": Change({"runtime": {"resources": {"cpu": "64"}}}),
    "runtime.resources.memory": Change({"runtime": {"resources": {"memory": "512Gi"}}}),
    "runtime.resources.gpu.count": Change({"runtime": {"resources": {"gpu": {"count": 1}}}}),
    "runtime.resources.gpu.type": Change({"runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}}),
    "runtime.env": Change({"runtime": {"env": {"LEVEL": "debug"}}}),
    "runtime.secrets": Change({"runtime": {"secrets": {"TOKEN": "config:token"}}}),
    "traffic.champion.version": Change({"traffic": {"champion": {"version": "5"}}}, {"versions": _THIRD}),
    "traffic.champion.weight": Change({"traffic": {"champion": {"weight": 80}, "challenger": {"weight": 20}}}),
    "traffic.challenger.version": Change({"traffic": {"challenger": {"version": "5"}}}, {"versions": _THIRD}),
    "traffic.challenger.weight": Change({"traffic": {"champion": {"weight": 70}, "challenger": {"weight": 30}}}),
    "traffic.routes.header": Change(
        {"traffic": {"routes": [{**_ROUTE, "header": {"x-c": "d"}}]}}, {"traffic": {"routes": [_ROUTE]}}
    ),
    "traffic.routes.version": Change(
        {"traffic": {"routes": [{**_ROUTE, "version": "3"}]}}, {"traffic": {"routes": [_ROUTE]}}
    ),
    "traffic.shadow.version": Change({"traffic": {"shadow": {"version": "3"}}}, {"traffic": _SHADOW}),
    "traffic.shadow.sample": Change({"traffic": {"shadow": {"sample": 30}}}, {"traffic": _SHADOW}),
    "scaling.min": Change({"scaling": {"min": 3}}),
    "scaling.max": Change({"scaling": {"max": 4}}),
    "scaling.requests_per_replica": Change({"scaling": {"requests_per_replica": 7}}, {"scaling": {"max": 4}}),
    "scaling.schedules.cron": Change({"scaling": {"schedules": [_NIGHT]}}),
    "scaling.schedules.timezone": Change({"scaling": {"schedules": [{**_NIGHT, "timezone": "Europe/Berlin"}]}}),
    "scaling.schedules.min": Change({"scaling": {"schedules": [{**_NIGHT, "min": 2}]}}),
    "scaling.schedules.max": Change({"scaling": {"schedules": [{**_NIGHT, "max": 3}]}}),
    "rollout.strategy": Change({"rollout": _CANARY}),
    "rollout.steps": Change({"rollout": {"steps": [20]}}, {"rollout": _CANARY}),
    "rollout.interval": Change({"rollout": {"interval": "5m"}}, {"rollout": _CANARY}),
    "rollout.bake": Change({"rollout": {"bake": "20m"}}, {"rollout": _CANARY}),
    "rollout.max_bake": Change({"rollout": {"max_bake": "50m"}}, {"rollout": _CANARY}),
    "rollout.min_requests": Change({"rollout": {"min_requests": 999}}, {"rollout": _CANARY}),
    "rollout.abort_on.error_rate": Change({"rollout": {"abort_on": {"error_rate": 0.5}}}, {"rollout": _CANARY}),
    "rollout.abort_on.p99_ms": Change({"rollout": {"abort_on": {"p99_ms": 9}}}, {"rollout": _CANARY}),
    "rollout.abort_on.worse_than_champion": Change(
        {"rollout": {"abort_on": {"worse_than_champion": 0.9}}},
        {"rollout": _CANARY},
    ),
    "capture.sample": Change({"capture": {"sample": 20}}, {"capture": {"sample": 10}}),
    "capture.retention_days": Change({"capture": {"retention_days": 9}}, {"capture": {"sample": 10}}),
    "capture.drop": Change({"capture": {"drop": ["age"]}}, {"capture": {"sample": 10}}),
    "capture.hash": Change({"capture": {"hash": ["age"]}}, {"capture": {"sample": 10}}),
    "monitors.drift.schedule": Change(_monitor("drift", **_BASE, schedule="hourly")),
    "monitors.drift.threshold": Change(_monitor("drift", **_BASE, threshold=0.3)),
    "monitors.drift.baseline": Change(_monitor("drift", **_BASE)),
    "monitors.data_quality.schedule": Change(_monitor("data_quality", **_BASE, schedule="hourly")),
    "monitors.data_quality.threshold": Change(_monitor("data_quality", **_BASE, threshold=0.3)),
    "monitors.data_quality.baseline": Change(_monitor("data_quality", **_BASE)),
    "monitors.model_quality.schedule": Change(_monitor("model_quality", **_QUALITY, schedule="hourly")),
    "monitors.model_quality.ground_truth": Change(_monitor("model_quality", **_QUALITY)),
    "monitors.model_quality.metric": Change(_monitor("model_quality", **{**_QUALITY, "metric": "f1"})),
    "monitors.model_quality.threshold": Change(_monitor("model_quality", **{**_QUALITY, "threshold": 0.7})),
    "monitors.bias.schedule": Change(_monitor("bias", **_BIAS, schedule="hourly")),
    "monitors.bias.baseline": Change(_monitor("bias", **_BIAS)),
    "monitors.bias.facet": Change(_monitor("bias", **{**_BIAS, "facet": "town"})),
    "monitors.bias.metric": Change(_monitor("bias", **_BIAS, metric="recall-difference")),
    "monitors.bias.threshold": Change(_monitor("bias", **_BIAS, threshold=0.7)),
    "monitors.explainability.schedule": Change(_monitor("explainability", **_BASE, schedule="hourly")),
    "monitors.explainability.baseline": Change(_monitor("explainability", **_BASE)),
    "monitors.explainability.threshold": Change(_monitor("explainability", **_BASE, threshold=0.7)),
    "slo.availability": Change({"slo": {"availability": 99.5}}),
    "slo.p99_ms": Change({"slo": {"p99_ms": 300}}),
    "slo.error_rate": Change({"slo": {"error_rate": 0.01}}),
    "access.invokers": Change({"access": {"invokers": ["group:strangers"]}}),
    "mode": Change({"mode": "async"}),
    "batch.input": Change({"batch": {"input": "s3://data/other/*.csv"}}, _BATCH),
    "batch.output": Change({"batch": {"output": "s3://results/other/"}}, _BATCH),
    "batch.format": Change({"batch": {"format": "jsonl"}}, _BATCH),
    "batch.shard_rows": Change({"batch": {"shard_rows": 7}}, _BATCH),
    "batch.schedule": Change({"batch": {"schedule": "0 3 * * *"}}, _BATCH),
    "batch.timezone": Change({"batch": {"timezone": "Europe/Berlin"}}, _BATCH),
    "batch.timeout": Change({"batch": {"timeout": "1h"}}, _BATCH),
    "instance": Change({"instance": "{instance}"}),
    "port": Change({"port": 8080}),
}
"""Field of an endpoint to its change. `{image}` and `{instance}` stand for what the target's kind takes."""

SWITCHED_ON_BY = {"batch": "mode"}
"""Section of an endpoint to the field that switches it on; where that is refused, so is all of the section."""

ELSEWHERE = {
    "name": "is the endpoint's identity: it is in every child's name",
    "api_version": "has one value",
    "placement.primary": "chooses the target, before a target is asked",
    "placement.overflow": "is refused by the platform, before a target is asked",
}
"""Fields of an endpoint that no target decides on, and why."""

_NETWORK = "projects/123456789012/global/networks/ml"

TARGETS: Mapping[str, Mapping[str, Change]] = {
    "aws": {
        "residency": Change({"residency": "eu"}),
        "region": Change({"region": "eu-west-1"}),
        "account": Change({"account": None}),
        "subnet_ids": Change({"subnet_ids": ["subnet-2a1b2c3d4e5f60718"]}),
        "security_group_ids": Change({"security_group_ids": ["sg-2a1b2c3d4e5f60718"]}),
        "serving_image": Change({"serving_image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/other:1.0"}),
        "instance": Change({"instance": "ml.m7i.xlarge"}),
        "invoker_roles": Change({"invoker_roles": {"scoring-clients": "arn:aws:iam::111122223333:role/other"}}),
        "alarm_topics": Change({"alarm_topics": []}),
        "permissions_boundary": Change({"permissions_boundary": "arn:aws:iam::111122223333:policy/bound"}),
        "log_retention_days": Change({"log_retention_days": 731}),
        "key_deletion_days": Change({"key_deletion_days": 7}),
        "object_lock_days": Change({"object_lock_days": 30}),
    },
    "gcp": {
        "residency": Change({"residency": "eu"}),
        "region": Change({"region": "europe-west4"}),
        "project": Change({"project": "acme-other"}),
        "project_number": Change({"project_number": "999999999999"}),
        "network": Change({"consumer_projects": None, "network": _NETWORK}),
        "consumer_projects": Change({"consumer_projects": ["acme-other"]}),
        "serving_image": Change({"serving_image": "europe-west3-docker.pkg.dev/acme-ml/serving/other:1.0"}),
        "instance": Change({"instance": "n2-standard-8"}),
        "invoker_members": Change({"invoker_members": {"scoring-clients": "group:other@acme.example"}}),
        "notification_channels": Change({"notification_channels": ["projects/acme-ml/notificationChannels/9"]}),
        "key_rotation_days": Change({"key_rotation_days": 30}),
    },
    "kubernetes": {
        "residency": Change({"residency": "de"}),
        "context": Change({"context": "other"}),
        "location": Change({"location": "cloud"}),
        "namespace": Change({"namespace": "other"}),
        "version": Change({"version": "1.35"}),
        "serving_image": Change({"serving_image": "registry.acme.example/other:1.0"}),
        "gateway.name": Change({"gateway": {"name": "other"}}),
        "gateway.namespace": Change({"gateway": {"namespace": "other"}}),
        "gateway.listener": Change({"gateway": {"listener": "other"}}),
        "gateway.domain": Change({"gateway": {"domain": "other.example"}}),
        "tokens.issuer": Change({"tokens": {"issuer": "https://other.example"}}),
        "tokens.jwks_uri": Change({"tokens": {"jwks_uri": "https://other.example/keys"}}),
        "tokens.groups_claim": Change({"tokens": {"groups_claim": "roles"}}),
        "artifacts.endpoint": Change({"artifacts": {"endpoint": "https://objects.example"}}),
        "artifacts.secret": Change({"artifacts": {"secret": "model-store"}}),
        "artifacts.networks": Change({"artifacts": {"networks": ["10.99.0.0/24"]}}),
        "storage_class": Change({"storage_class": "encrypted"}),
        "quota.cpu": Change({"quota": {"cpu": "9"}}),
        "quota.memory": Change({"quota": {"memory": "9Gi"}}),
        "quota.gpus": Change({"quota": {"gpus": 9}}),
        "quota.pods": Change({"quota": {"pods": 9}}),
        "image_pull_secrets": Change({"image_pull_secrets": ["registry"]}),
        "node_selector": Change({"node_selector": {"pool": "serving"}}),
    },
}
"""Kind of target to its fields and their changes."""
