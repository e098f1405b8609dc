"""What Vertex AI keeps, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hybridml.errors import Problem
from hybridml.targets.asks import refusal, refuse, serving_image
from hybridml.targets.base import ALL_AT_ONCE, KEEPS, Keeps, Promise, Refusal
from hybridml.targets.gcp.machines import GIB, accelerator, machine, takes

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, GcpTarget

_MODES = Refusal("serves realtime endpoints only in this release", "set mode: realtime, or place the endpoint on local")
_MONITOR = Refusal(
    "runs no monitors in this release", "leave it out for this stack and run the check on the captured requests"
)
_ROUTER = "put a router in front, or place the endpoint on kubernetes"
_BY_HAND = f"{ALL_AT_ONCE} and shift the weights yourself"
_STEPS = Refusal(
    "moves no traffic step by step and rolls nothing back by itself",
    _BY_HAND,
)

PROMISES: Mapping[Promise, Keeps | Refusal] = {
    Promise.REALTIME: KEEPS,
    Promise.SERVERLESS: Refusal("has no endpoint that scales to nothing", "set mode: realtime"),
    Promise.ASYNC: _MODES,
    Promise.BATCH: _MODES,
    Promise.RUNTIME_MLFLOW: KEEPS,
    Promise.RUNTIME_TRITON: Refusal(
        "starts no triton in this release", "use runtime.kind: custom with the image, its port and its routes"
    ),
    Promise.RUNTIME_VLLM: Refusal(
        "starts no vllm in this release", "use runtime.kind: custom with the image, its port and its routes"
    ),
    Promise.RUNTIME_CUSTOM: KEEPS,
    Promise.GPU: KEEPS,
    Promise.SECRETS: Refusal(
        "shows a container's environment to everyone who may describe the model",
        "let the container read the secret with its service account, or place the endpoint on local",
    ),
    Promise.SPLIT: KEEPS,
    Promise.HEADER_ROUTES: Refusal("has no routing by header", f"remove traffic.routes for this stack; {_ROUTER}"),
    Promise.SHADOW: Refusal("has no shadow traffic", f"remove traffic.shadow for this stack; {_ROUTER}"),
    Promise.AUTOSCALING: KEEPS,
    Promise.SCHEDULES: Refusal("has no scaling schedules", "remove scaling.schedules for this stack"),
    Promise.ROLLOUT_CANARY: _STEPS,
    Promise.ROLLOUT_LINEAR: _STEPS,
    Promise.ROLLOUT_BLUE_GREEN: Refusal(
        "rolls nothing back by itself",
        _BY_HAND,
    ),
    Promise.ROLLOUT_ALL_AT_ONCE: KEEPS,
    Promise.ROLLOUT_GATES: Refusal(
        "watches no gates of a rollout in this release", "set rollout.abort_on: null for this stack"
    ),
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
        "verify it where the artifact is copied to Cloud Storage, and remove it for this stack",
    ),
}
"""Vertex AI's answer to every promise."""

Refused = Iterator[tuple[str, Refusal]]
"""Dotted path of the value that asks, and the answer."""


def refusals(name: str, spec: EndpointSpec, target: GcpTarget) -> list[Problem]:
    """Everything in `spec` that Vertex AI cannot keep on `target`, with the way out of each."""
    own = (_placed, _private, _runtime, _machine, _accelerators, _capture, _access)
    found = (refusal("gcp", name, path, answer) for check in own for path, answer in check(spec, target))
    return [*refuse("gcp", PROMISES, name, spec), *found]


def _placed(spec: EndpointSpec, target: GcpTarget) -> Refused:
    if spec.data_class == "on-premises-only":
        yield "data_class", Refusal("is a cloud", "place the endpoint on premises, or correct data_class")
    if spec.port is not None:
        yield "port", Refusal("serves no port of this machine", "remove port for this stack")
    if not target.network and not target.consumer_projects:
        yield (
            "placement.primary",
            Refusal("would answer on the internet", "set network or consumer_projects of the target"),
        )


def _private(spec: EndpointSpec, target: GcpTarget) -> Refused:
    """Source: Vertex AI, "Use private services access endpoints for online inference", limitations."""
    if not target.network:
        return
    way_out = "set consumer_projects of the target instead of network (Private Service Connect)"
    if spec.traffic.challenger:
        yield "traffic.challenger", Refusal("deploys one model per peered endpoint, so it splits no traffic", way_out)
    if spec.capture:
        yield "capture", Refusal("logs no requests of peered endpoints", way_out)


def _runtime(spec: EndpointSpec, target: GcpTarget) -> Refused:
    image = serving_image(spec, target)
    if not image:
        yield (
            "runtime.image",
            Refusal("has no image that serves it", "set serving_image of the target, or runtime.image"),
        )
    elif not image.partition("/")[0].endswith("-docker.pkg.dev"):
        yield (
            "runtime.image",
            Refusal(f"pulls no image from outside Artifact Registry: {image}", "copy the image there, same digest"),
        )


def _machine(spec: EndpointSpec, target: GcpTarget) -> Refused:
    instance = spec.instance or target.instance
    has, wanted = machine(instance), spec.runtime.resources
    bigger = "choose a larger machine type, or ask for less"
    if has.cores is not None and wanted.cpu.millicores > has.cores * 1000:
        yield "runtime.resources.cpu", Refusal(f"has {has.cores} cores on {instance}, asked: {wanted.cpu}", bigger)
    if has.memory is not None and wanted.memory.bytes > has.memory:
        room = f"{has.memory / GIB:g}Gi"
        yield "runtime.resources.memory", Refusal(f"has {room} on {instance}, asked: {wanted.memory}", bigger)


def _accelerators(spec: EndpointSpec, target: GcpTarget) -> Refused:
    instance, gpu = spec.instance or target.instance, spec.runtime.resources.gpu
    if not gpu.count:
        return
    if not gpu.type:
        yield "runtime.resources.gpu.type", Refusal("has to know which GPU", "name it, such as nvidia-l4")
    elif not accelerator(gpu.type):
        yield "runtime.resources.gpu.type", Refusal(f"offers no {gpu.type}", "choose another, such as nvidia-l4")
    elif not takes(instance, gpu.type):
        yield (
            "runtime.resources.gpu.type",
            Refusal(
                f"puts no {gpu.type} into {instance}", "choose the machine type that has it, such as g2-standard-8"
            ),
        )


def _capture(spec: EndpointSpec, _: GcpTarget) -> Refused:
    if not spec.capture:
        return
    for field, features in (("drop", spec.capture.drop), ("hash", spec.capture.hash)):
        if features:
            yield f"capture.{field}", Refusal("logs requests as they are", f"capture without {field}, or not at all")


def _access(spec: EndpointSpec, target: GcpTarget) -> Refused:
    for index, group in enumerate(spec.access.groups):
        if group not in target.invoker_members:
            yield (
                f"access.invokers.{index}",
                Refusal(f"knows no IAM member of group {group}", f"add invoker_members.{group} to the target"),
            )
