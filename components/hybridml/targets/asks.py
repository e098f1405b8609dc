"""What an endpoint asks of the target it is placed on, and the refusals that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybridml.errors import Problem
from hybridml.targets.base import Promise, Promises, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hybridml.spec import AwsTarget, EndpointSpec, GcpTarget, KubernetesTarget


def asks(spec: EndpointSpec) -> dict[Promise, str]:
    """Every promise that `spec` asks for, with the dotted path of the value that asks.

    A rollout that nobody wrote asks for nothing: each target then takes over a new version the way it can.
    """
    return {promise: path for found in (_placement, _traffic, _scale, _care) for promise, path in found(spec)}


def refuse(kind: str, promises: Promises, name: str, spec: EndpointSpec) -> list[Problem]:
    """One problem for each promise that `spec` asks for and `promises` refuses.

    The path starts with the endpoint's name; `Platform` adds the file and the line.
    """
    return [
        refusal(kind, name, path, answer)
        for promise, path in asks(spec).items()
        if isinstance(answer := promises[promise], Refusal)
    ]


def refusal(kind: str, name: str, path: str, answer: Refusal) -> Problem:
    """The problem that says: `<kind> <reason>: <fix>`, at `path` of endpoint `name`."""
    return Problem(path=f"{name}.{path}", message=f"{kind} {answer.reason}", fix=answer.fix)


def serving_image(spec: EndpointSpec, target: AwsTarget | GcpTarget | KubernetesTarget) -> str | None:
    """The image that serves the endpoint: its own, else the target's for the default runtime."""
    return spec.runtime.image or (target.serving_image if spec.runtime.kind == "mlflow" else None)


def overflow(name: str, spec: EndpointSpec) -> list[Problem]:
    """The problem of an endpoint that wants to overflow to other targets: nothing here moves its requests there."""
    if not spec.placement or not spec.placement.overflow:
        return []
    said = ", ".join(spec.placement.overflow)
    return [
        Problem(
            path=f"{name}.placement.overflow",
            message=f"no router takes overflow to {said} in this release",
            fix="leave `overflow` out, and size the primary target for the peak",
        )
    ]


def _placement(spec: EndpointSpec) -> Iterator[tuple[Promise, str]]:
    yield Promise(f"mode={spec.mode}"), "mode"
    yield Promise(f"runtime.kind={spec.runtime.kind}"), "runtime.kind"
    if spec.runtime.resources.gpu.count:
        yield Promise.GPU, "runtime.resources.gpu.count"
    if spec.runtime.secrets:
        yield Promise.SECRETS, "runtime.secrets"
    for version, model in spec.versions.items():
        if model.artifact.signature:
            yield Promise.SIGNATURE, f"versions.{version}.artifact.signature"


def _traffic(spec: EndpointSpec) -> Iterator[tuple[Promise, str]]:
    if spec.traffic.challenger:
        yield Promise.SPLIT, "traffic.challenger"
    if spec.traffic.routes:
        yield Promise.HEADER_ROUTES, "traffic.routes"
    if spec.traffic.shadow:
        yield Promise.SHADOW, "traffic.shadow"


def _scale(spec: EndpointSpec) -> Iterator[tuple[Promise, str]]:
    if spec.scaling.max > spec.scaling.min:
        yield Promise.AUTOSCALING, "scaling.max"
    if spec.scaling.schedules:
        yield Promise.SCHEDULES, "scaling.schedules"
    if "rollout" in spec.model_fields_set:
        yield Promise(f"rollout.strategy={spec.rollout.strategy}"), "rollout.strategy"
    if "abort_on" in spec.rollout.model_fields_set:
        yield Promise.ROLLOUT_GATES, "rollout.abort_on"


def _care(spec: EndpointSpec) -> Iterator[tuple[Promise, str]]:
    if spec.capture:
        yield Promise.CAPTURE, "capture"
    for monitor in spec.monitors.enabled:
        yield Promise(f"monitors.{monitor}"), f"monitors.{monitor}"
    for level, value in spec.slo:
        if value is not None:
            yield Promise.SLO_ALARMS, f"slo.{level}"
    yield Promise.INVOKERS, "access.invokers"
