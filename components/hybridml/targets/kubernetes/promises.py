"""What Kubernetes keeps, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hybridml.errors import Problem
from hybridml.targets.asks import refusal, refuse, serving_image
from hybridml.targets.base import ALL_AT_ONCE, KEEPS, Keeps, Promise, Refusal
from hybridml.targets.kubernetes.artifacts import is_claim, is_registry, is_remote

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, KubernetesTarget

OLDEST_MINOR = 30
"""First release whose containers sleep before they stop without a shell (`lifecycle.preStop.sleep`)."""

_REALTIME = Refusal(
    "serves realtime endpoints only in this release", "set mode: realtime, or place the endpoint on local"
)
_MONITOR = Refusal("runs no monitors in this release", "leave it out for this stack")
_CUSTOM = "use runtime.kind: custom with the image, its port and its routes"

_BY_HAND = f"{ALL_AT_ONCE} and shift the weights yourself"
_STEPS = Refusal(
    "moves no traffic step by step in this release",
    _BY_HAND,
)

PROMISES: Mapping[Promise, Keeps | Refusal] = {
    Promise.REALTIME: KEEPS,
    Promise.SERVERLESS: _REALTIME,
    Promise.ASYNC: _REALTIME,
    Promise.BATCH: _REALTIME,
    Promise.RUNTIME_MLFLOW: KEEPS,
    Promise.RUNTIME_TRITON: Refusal("starts no triton in this release", _CUSTOM),
    Promise.RUNTIME_VLLM: Refusal("starts no vllm in this release", _CUSTOM),
    Promise.RUNTIME_CUSTOM: KEEPS,
    Promise.GPU: KEEPS,
    Promise.SECRETS: Refusal(
        "puts no secret into a container's environment in this release",
        "let the container read it with its service account, or remove runtime.secrets for this stack",
    ),
    Promise.SPLIT: KEEPS,
    Promise.HEADER_ROUTES: KEEPS,
    Promise.SHADOW: KEEPS,
    Promise.AUTOSCALING: Refusal(
        "adds no replicas by load in this release", "set scaling.max to scaling.min for this stack"
    ),
    Promise.SCHEDULES: Refusal("has no scaling schedules in this release", "remove scaling.schedules for this stack"),
    Promise.ROLLOUT_CANARY: _STEPS,
    Promise.ROLLOUT_LINEAR: _STEPS,
    Promise.ROLLOUT_BLUE_GREEN: Refusal(
        "keeps no old version to go back to in this release",
        _BY_HAND,
    ),
    Promise.ROLLOUT_ALL_AT_ONCE: KEEPS,
    Promise.ROLLOUT_GATES: Refusal(
        "watches no gates of a rollout in this release", "set rollout.abort_on: null for this stack"
    ),
    Promise.CAPTURE: Refusal("keeps no requests in this release", "set capture: null for this stack"),
    Promise.DRIFT: _MONITOR,
    Promise.DATA_QUALITY: _MONITOR,
    Promise.MODEL_QUALITY: _MONITOR,
    Promise.BIAS: _MONITOR,
    Promise.EXPLAINABILITY: _MONITOR,
    Promise.SLO_ALARMS: Refusal("raises no alarms in this release", "set slo: null for this stack"),
    Promise.INVOKERS: KEEPS,
    Promise.SIGNATURE: Refusal(
        "verifies digests, and no signatures, before serving", "remove artifact.signature for this stack"
    ),
}
"""Kubernetes' answer to every promise."""

Refused = Iterator[tuple[str, Refusal]]
"""Dotted path of the value that asks, and the answer."""


def refusals(name: str, spec: EndpointSpec, target: KubernetesTarget) -> list[Problem]:
    """Everything in `spec` that Kubernetes cannot keep on `target`, with the way out of each."""
    own = (_placed, _runtime, _artifacts, _access)
    found = (refusal("kubernetes", name, path, answer) for check in own for path, answer in check(spec, target))
    return [*refuse("kubernetes", PROMISES, name, spec), *found]


def _placed(spec: EndpointSpec, target: KubernetesTarget) -> Refused:
    if spec.data_class == "on-premises-only" and not target.on_premises:
        yield (
            "data_class",
            Refusal(
                f"runs {target.context} in a cloud", "place the endpoint on premises, or set location: on-premises"
            ),
        )
    if spec.port is not None:
        yield "port", Refusal("serves no port of this machine", "remove port for this stack")
    if int(target.version.partition(".")[2]) < OLDEST_MINOR:
        yield (
            "placement.primary",
            Refusal(
                f"drains no pod on {target.version} without losing requests",
                f"upgrade the cluster to 1.{OLDEST_MINOR} or later",
            ),
        )


def _runtime(spec: EndpointSpec, target: KubernetesTarget) -> Refused:
    if not serving_image(spec, target):
        yield (
            "runtime.image",
            Refusal("has no image that serves it", "set serving_image of the target, or runtime.image"),
        )
    if spec.runtime.resources.gpu.type:
        yield (
            "runtime.resources.gpu.type",
            Refusal(
                "knows nodes by labels, and no GPU by its model",
                "leave the type out and set node_selector of the target",
            ),
        )


def _artifacts(spec: EndpointSpec, target: KubernetesTarget) -> Refused:
    for version in spec.served:
        uri, path = spec.versions[version].artifact.uri, f"versions.{version}.artifact.uri"
        if not is_remote(uri) and not is_claim(uri):
            yield path, Refusal(f"fetches nothing from {uri}", "copy it to s3://, gs://, models:/ or pvc://")
        if is_remote(uri) and not target.artifacts.networks:
            yield (
                path,
                Refusal(f"lets no pod reach {uri}", "name the store's networks in artifacts.networks of the target"),
            )
        if is_remote(uri) and not _on_https(target.artifacts.endpoint):
            yield (
                path,
                Refusal(f"lets pods reach port 443 only, not {target.artifacts.endpoint}", "serve the store there"),
            )
        if is_registry(uri) and "MLFLOW_TRACKING_URI" not in spec.runtime.env:
            yield path, Refusal(f"does not know the registry of {uri}", "set runtime.env.MLFLOW_TRACKING_URI")


def _on_https(endpoint: str | None) -> bool:
    return endpoint is None or urlsplit(endpoint).port in {None, 443}


def _access(_: EndpointSpec, target: KubernetesTarget) -> Refused:
    if not target.tokens:
        yield (
            "access.invokers",
            Refusal("does not know who signs the tokens of callers", "set tokens of the target: issuer and jwks_uri"),
        )
