"""What processes of one machine keep, what they do not, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hybridml.targets.asks import refusal, refuse
from hybridml.targets.base import KEEPS, Promise, Promises, Refusal

if TYPE_CHECKING:
    from hybridml.errors import Problem
    from hybridml.spec import EndpointSpec

KIND = "local"
MOST_REPLICAS = 100
"""Replicas of one version; each that is not needed still has a supervisor of about 12 MiB."""
CONFIG_SECRET = "config:"  # noqa: S105 - the prefix of a reference, not a secret
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|projects/[^/]+/locations/[^/]+/keyRings/")
"""A key that a service keeps: a URI, an ARN, a resource name of Cloud KMS."""
_MONITORED = Refusal("has no monitors in this release", "leave them out in this stack: `monitors: null`")
_RUNTIME = Refusal(
    "serves models with the MLflow scoring server only",
    "set `runtime.kind: mlflow`, or place the endpoint on kubernetes",
)
_MODE = Refusal("answers while the caller waits", "set `mode: realtime`, or place the endpoint on a cloud")

PROMISES: Promises = {
    Promise.REALTIME: KEEPS,
    Promise.SERVERLESS: _MODE,
    Promise.ASYNC: _MODE,
    Promise.BATCH: KEEPS,
    Promise.RUNTIME_MLFLOW: KEEPS,
    Promise.RUNTIME_TRITON: _RUNTIME,
    Promise.RUNTIME_VLLM: _RUNTIME,
    Promise.RUNTIME_CUSTOM: _RUNTIME,
    Promise.GPU: Refusal("assigns no GPUs", "set `runtime.resources.gpu.count: 0` in this stack"),
    Promise.SECRETS: KEEPS,
    Promise.SPLIT: KEEPS,
    Promise.HEADER_ROUTES: KEEPS,
    Promise.SHADOW: KEEPS,
    Promise.AUTOSCALING: KEEPS,
    Promise.SCHEDULES: KEEPS,
    Promise.ROLLOUT_ALL_AT_ONCE: KEEPS,
    Promise.ROLLOUT_GATES: KEEPS,
    Promise.ROLLOUT_CANARY: KEEPS,
    Promise.ROLLOUT_LINEAR: KEEPS,
    Promise.ROLLOUT_BLUE_GREEN: KEEPS,
    Promise.CAPTURE: KEEPS,
    Promise.DRIFT: _MONITORED,
    Promise.DATA_QUALITY: _MONITORED,
    Promise.MODEL_QUALITY: _MONITORED,
    Promise.BIAS: _MONITORED,
    Promise.EXPLAINABILITY: _MONITORED,
    Promise.SLO_ALARMS: Refusal("raises no alarms", "leave the service levels out in this stack: `slo: null`"),
    Promise.INVOKERS: KEEPS,
    Promise.SIGNATURE: KEEPS,
}


def refusals(name: str, spec: EndpointSpec) -> list[Problem]:
    """Everything in `spec` that this target cannot keep."""
    found = (*_artifacts(spec), *_signatures(spec), *_environment(spec), *_batch(spec))
    own = [refusal(KIND, name, path, answer) for path, answer in found]
    return [*refuse(KIND, PROMISES, name, spec), *own]


def _artifacts(spec: EndpointSpec) -> Iterator[tuple[str, Refusal]]:
    for version in spec.served:
        model = spec.versions[version]
        if ":/" in model.artifact.uri:
            yield (
                f"versions.{version}.artifact.uri",
                Refusal(
                    f"reads artifacts of this machine, not {model.artifact.uri!r}",
                    "override it in this stack with a path from the project's root",
                ),
            )
        if model.format != "mlflow" and not model.format.pickled:  # a pickle that MLflow saved is loaded like the rest
            yield (
                f"versions.{version}.format",
                Refusal(
                    f"cannot load {str(model.format)!r}", "save the model in MLflow's format, or place it elsewhere"
                ),
            )


def _signatures(spec: EndpointSpec) -> Iterator[tuple[str, Refusal]]:
    """Keys and bundles that lie elsewhere, of the versions that are served."""
    for version in spec.served:
        signature = spec.versions[version].artifact.signature
        if signature and _ELSEWHERE.match(signature.key):
            yield (
                f"versions.{version}.artifact.signature.key",
                Refusal(
                    f"verifies with a public key in a file, not with {signature.key!r}",
                    "export the public key as PEM, and override it in this stack with its path",
                ),
            )
        if signature and signature.bundle and ":/" in signature.bundle:
            yield (
                f"versions.{version}.artifact.signature.bundle",
                Refusal(
                    f"reads signatures of this machine, not {signature.bundle!r}",
                    "override it in this stack with a path from the project's root",
                ),
            )


def _batch(spec: EndpointSpec) -> Iterator[tuple[str, Refusal]]:
    """What a batch on this machine cannot read or write, and what only requests could be asked for."""
    if spec.batch is None:
        return
    for field in ("input", "output"):
        uri = getattr(spec.batch, field)
        if ":/" in uri:
            reason = f"reads and writes files of this machine, not {uri!r}"
            yield f"batch.{field}", Refusal(reason, "override it in this stack with a path from the project's root")
    if spec.capture:
        yield "capture", Refusal("keeps no rows of a batch beside its predictions", "leave it out: `capture: null`")
    if spec.scaling.most > 1:
        yield "scaling.max", Refusal("predicts a batch with one process", "set `scaling: {min: 1, max: 1}`")
    if "rollout" in spec.model_fields_set and spec.rollout.strategy != "all-at-once":
        fix = "leave it out in this stack: `rollout: null`"
        yield "rollout.strategy", Refusal("predicts a batch with one version, so nothing rolls out", fix)


def _environment(spec: EndpointSpec) -> Iterator[tuple[str, Refusal]]:
    if spec.scaling.most > MOST_REPLICAS:
        yield (
            "scaling",
            Refusal(
                f"has room for {MOST_REPLICAS} replicas of a version, not {spec.scaling.most}",
                "lower `max`, of the endpoint and of its schedules, in this stack",
            ),
        )
    if spec.instance:
        yield "instance", Refusal("has no machine types", "remove `instance` in this stack")
    if spec.runtime.image:
        yield "runtime.image", Refusal("runs no images", "leave it out in this stack: `image: null`")
    for variable, reference in spec.runtime.secrets.items():
        if not reference.startswith(CONFIG_SECRET):
            yield (
                f"runtime.secrets.{variable}",
                Refusal(f"cannot read {reference!r}", "keep the secret in the stack's configuration: `config:<key>`"),
            )
