"""What SageMaker keeps, what it does not, and the cases where it would drop a promise without saying so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hybridml.errors import Problem
from hybridml.targets.asks import refusal, refuse, serving_image
from hybridml.targets.aws.guardrails import deployment_refusals
from hybridml.targets.aws.machines import GIB, machine
from hybridml.targets.aws.names import repository
from hybridml.targets.base import KEEPS, Keeps, Promise, Refusal

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec

SERVING_PORT = 8080
"""The port on which SageMaker calls `/ping` and `/invocations`."""

_MODES = Refusal("serves realtime endpoints only in this release", "set mode: realtime, or place the endpoint on local")
_MONITOR = Refusal(
    "runs no monitors in this release", "leave it out for this stack and run the check on the captured requests"
)

PROMISES: Mapping[Promise, Keeps | Refusal] = {
    Promise.REALTIME: KEEPS,
    Promise.SERVERLESS: Refusal(
        "has neither a private network nor network isolation nor guarded updates in serverless mode",
        "set mode: realtime",
    ),
    Promise.ASYNC: _MODES,
    Promise.BATCH: _MODES,
    Promise.RUNTIME_MLFLOW: KEEPS,
    Promise.RUNTIME_TRITON: Refusal(
        "starts no triton in this release", "use runtime.kind: custom with an image that answers /ping and /invocations"
    ),
    Promise.RUNTIME_VLLM: Refusal(
        "starts no vllm in this release", "use runtime.kind: custom with an image that answers /ping and /invocations"
    ),
    Promise.RUNTIME_CUSTOM: KEEPS,
    Promise.GPU: KEEPS,
    Promise.SECRETS: Refusal(
        "shows a container's environment to everyone who may describe the model",
        "let the container read the secret with its execution role, or place the endpoint on local",
    ),
    Promise.SPLIT: KEEPS,
    Promise.HEADER_ROUTES: Refusal(
        "has no routing by header",
        "remove traffic.routes for this stack and let the caller name the variant, or put a router in front",
    ),
    Promise.SHADOW: KEEPS,
    Promise.AUTOSCALING: KEEPS,
    Promise.SCHEDULES: Refusal("has no scaling schedules in this release", "remove scaling.schedules for this stack"),
    Promise.ROLLOUT_CANARY: KEEPS,
    Promise.ROLLOUT_LINEAR: KEEPS,
    Promise.ROLLOUT_BLUE_GREEN: KEEPS,
    Promise.ROLLOUT_ALL_AT_ONCE: KEEPS,
    Promise.ROLLOUT_GATES: KEEPS,
    Promise.CAPTURE: KEEPS,
    Promise.DRIFT: _MONITOR,
    Promise.DATA_QUALITY: _MONITOR,
    Promise.MODEL_QUALITY: _MONITOR,
    Promise.BIAS: _MONITOR,
    Promise.EXPLAINABILITY: _MONITOR,
    Promise.SLO_ALARMS: KEEPS,
    Promise.INVOKERS: KEEPS,
    Promise.SIGNATURE: Refusal(
        "verifies no signature before serving",
        "verify it where the artifact is copied to S3, and remove it for this stack",
    ),
}
"""SageMaker's answer to every promise."""


def refusals(name: str, spec: EndpointSpec, target: AwsTarget) -> list[Problem]:
    """Everything in `spec` that SageMaker cannot keep on `target`, with the way out of each."""
    own = (_placed, _runtime, _machine, _traffic, deployment_refusals, _capture, _access)
    found = (refusal("aws", name, path, answer) for check in own for path, answer in check(spec, target))
    return [*refuse("aws", PROMISES, name, spec), *found]


Refused = Iterator[tuple[str, Refusal]]
"""Dotted path of the value that asks, and the answer."""


def _placed(spec: EndpointSpec, target: AwsTarget) -> Refused:
    if spec.data_class == "on-premises-only":
        yield "data_class", Refusal("is a cloud", "place the endpoint on premises, or correct data_class")
    if spec.port is not None:
        yield "port", Refusal("serves no port of this machine", "remove port for this stack")
    if not target.subnet_ids or not target.security_group_ids:
        yield (
            "placement.primary",
            Refusal(
                "would give the model a way to the internet", "set subnet_ids and security_group_ids of the target"
            ),
        )


def _runtime(spec: EndpointSpec, target: AwsTarget) -> Refused:
    image = serving_image(spec, target)
    source = repository(image) if image else None
    if not image:
        yield (
            "runtime.image",
            Refusal("has no image that serves it", "set serving_image of the target, or runtime.image"),
        )
    elif not source:
        yield (
            "runtime.image",
            Refusal(f"pulls no image from outside ECR: {image}", "copy the image to ECR, same digest"),
        )
    elif target.account and source.account != target.account:
        yield (
            "runtime.image",
            Refusal(
                f"drops guarded updates without a word for Marketplace images; {source.account} is not your account",
                "copy the image to a repository of your own account, same digest",
            ),
        )
    fixed = Refusal(
        f"calls /ping and /invocations on port {SERVING_PORT} of every container", "let the image listen there"
    )
    if spec.runtime.port not in {None, SERVING_PORT}:
        yield "runtime.port", fixed
    routes = spec.runtime.routes
    if routes and routes.predict != "/invocations":
        yield "runtime.routes.predict", fixed
    if routes and routes.health != "/ping":
        yield "runtime.routes.health", fixed


def _machine(spec: EndpointSpec, target: AwsTarget) -> Refused:
    instance = spec.instance or target.instance
    has, wanted = machine(instance), spec.runtime.resources
    bigger = "choose a larger instance, or ask for less"
    if has.cores is not None and wanted.cpu.millicores > has.cores * 1000:
        yield "runtime.resources.cpu", Refusal(f"has {has.cores} cores on {instance}, asked: {wanted.cpu}", bigger)
    if has.memory is not None and wanted.memory.bytes > has.memory:
        room = f"{has.memory // GIB}Gi"
        yield "runtime.resources.memory", Refusal(f"has {room} on {instance}, asked: {wanted.memory}", bigger)
    if wanted.gpu.count > has.gpus:
        asked = f"has {has.gpus} accelerators on {instance}, asked: {wanted.gpu.count}"
        yield "runtime.resources.gpu.count", Refusal(asked, "choose an instance such as ml.g6.xlarge")
    if wanted.gpu.count and wanted.gpu.type and wanted.gpu.type != has.gpu:
        other = f"has {has.gpu or 'no accelerator'} on {instance}, asked: {wanted.gpu.type}"
        yield "runtime.resources.gpu.type", Refusal(other, "choose the instance that has it, or leave the type out")


def _traffic(spec: EndpointSpec, _: AwsTarget) -> Refused:
    if spec.traffic.shadow and spec.traffic.challenger:
        yield (
            "traffic.shadow",
            Refusal(
                "shadows an endpoint with one variant only",
                "remove the challenger or the shadow for this stack, or put a router in front",
            ),
        )


def _capture(spec: EndpointSpec, _: AwsTarget) -> Refused:
    if not spec.capture:
        return
    whole: Sequence[tuple[str, object]] = (("drop", spec.capture.drop), ("hash", spec.capture.hash))
    for field, features in whole:
        if features:
            yield (
                f"capture.{field}",
                Refusal("captures requests as they are", f"capture without {field}, or not at all"),
            )
    if spec.capture.sample != int(spec.capture.sample):
        yield "capture.sample", Refusal("captures whole percents", "round it")


def _access(spec: EndpointSpec, target: AwsTarget) -> Refused:
    for index, group in enumerate(spec.access.groups):
        if group not in target.invoker_roles:
            yield (
                f"access.invokers.{index}",
                Refusal(f"knows no IAM role of group {group}", f"add invoker_roles.{group} to the target"),
            )
