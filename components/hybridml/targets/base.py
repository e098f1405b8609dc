"""What every target fulfils: the promises it answers for, what its endpoints share, and how one is placed.

A target is a folder beside this file whose package exports `TARGET`. Nothing here knows which targets exist
beyond their kinds; `find` imports the one that is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from hybridml.errors import Problem
from hybridml.spec.stack import DISPOSABLE

if TYPE_CHECKING:
    import pulumi

    from hybridml.spec import EndpointSpec


class Promise(StrEnum):
    """What an endpoint can ask a target to keep; the value is the dotted path that asks for it."""

    REALTIME = "mode=realtime"
    SERVERLESS = "mode=serverless"
    ASYNC = "mode=async"
    BATCH = "mode=batch"
    RUNTIME_MLFLOW = "runtime.kind=mlflow"
    RUNTIME_TRITON = "runtime.kind=triton"
    RUNTIME_VLLM = "runtime.kind=vllm"
    RUNTIME_CUSTOM = "runtime.kind=custom"
    GPU = "runtime.resources.gpu"
    SECRETS = "runtime.secrets"
    SPLIT = "traffic.challenger"
    HEADER_ROUTES = "traffic.routes"
    SHADOW = "traffic.shadow"
    AUTOSCALING = "scaling.max"
    SCHEDULES = "scaling.schedules"
    ROLLOUT_CANARY = "rollout.strategy=canary"
    ROLLOUT_LINEAR = "rollout.strategy=linear"
    ROLLOUT_BLUE_GREEN = "rollout.strategy=blue-green"
    ROLLOUT_ALL_AT_ONCE = "rollout.strategy=all-at-once"
    ROLLOUT_GATES = "rollout.abort_on"
    CAPTURE = "capture"
    DRIFT = "monitors.drift"
    DATA_QUALITY = "monitors.data_quality"
    MODEL_QUALITY = "monitors.model_quality"
    BIAS = "monitors.bias"
    EXPLAINABILITY = "monitors.explainability"
    SLO_ALARMS = "slo"
    INVOKERS = "access.invokers"
    SIGNATURE = "versions.artifact.signature"


ALL_AT_ONCE = "set rollout: {strategy: all-at-once, steps: null, abort_on: null} for this stack"
"""What to do where a target moves traffic otherwise than asked for; whatever else `rollout` says, it holds."""


@dataclass(frozen=True)
class Refusal:
    """Why a target cannot keep a promise, and the way out."""

    reason: str
    """Ends the sentence "<kind> <reason>": `has no shadow traffic`."""
    fix: str
    """What to do instead: `put a router in front, or place the endpoint on kubernetes`."""


@dataclass(frozen=True)
class Keeps:
    """The target keeps the promise."""


KEEPS = Keeps()
"""The only answer that is not a refusal."""

Promises = Mapping[Promise, Keeps | Refusal]
"""A target's whole answer: every member of `Promise` is in it (a test holds each target to that)."""


@dataclass(frozen=True, kw_only=True)
class StackContext:
    """What every target is told about the stack it builds for."""

    root: Path
    """Project root: relative artifact paths start here, and `.hybridml/` lies in it."""
    project: str
    """Pulumi project name."""
    stack: str
    """Pulumi stack name."""
    environment: str
    """`local`, `dev`, `staging`, `prod`, `onprem`, ..."""
    profile: str = ""
    """Policy profile of the stack."""
    cost_centre: str = ""
    """Who pays."""
    registered: bool = True
    """Whether a target that brings its own model registry starts it and registers what it serves."""

    @property
    def disposable(self) -> bool:
        """Whether keys, stores and registries may be deleted with the stack."""
        return self.environment in DISPOSABLE

    @property
    def state_folder(self) -> Path:
        """Where the local target and the embedded engine keep what they own on this machine."""
        return self.root / ".hybridml" / self.stack

    def tags(self, **more: str) -> dict[str, str]:
        """Labels of a resource that endpoints share: environment, stack, cost centre and `more`; never an empty one."""
        tags = {"environment": self.environment, "stack": self.stack, "cost-centre": self.cost_centre, **more}
        return {key: value for key, value in sorted(tags.items()) if value}

    def endpoint_tags(self, name: str, spec: EndpointSpec) -> dict[str, str]:
        """Labels of an endpoint's resources: those of the stack, owner, data class and model."""
        return self.tags(owner=spec.owner, **{"data-class": str(spec.data_class), "model": name})


@dataclass(frozen=True, kw_only=True)
class EndpointOutputs:
    """What a placed endpoint gives to callers and to the next component."""

    url: pulumi.Input[str] | None
    """Address that takes POST requests in the MLflow scoring protocol; None where nobody asks, for a batch."""
    kind: str
    """Kind of the target that answers."""
    authentication: Mapping[str, pulumi.Input[Any]] = field(default_factory=dict)
    """How a caller authenticates: `scheme` (`jwt`, `sigv4`, `google`) and what that scheme needs."""
    versions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Version to the name by which the target knows what serves it."""
    details: Mapping[str, pulumi.Input[Any]] = field(default_factory=dict)
    """Names, ids and addresses that the next component needs; keys are snake_case nouns."""

    def exported(self) -> dict[str, pulumi.Input[Any]]:
        """The outputs under the stable names that `hybridml status` and `hybridml invoke` read."""
        return {
            "target": self.kind,
            **({"url": self.url} if self.url is not None else {}),
            "authentication": dict(self.authentication),
            "versions": dict(self.versions),
            **self.details,
        }


class Foundation(Protocol):
    """What the endpoints of one target share: key, store, identity, registry, namespace."""

    def endpoint(self, name: str, spec: EndpointSpec, opts: pulumi.ResourceOptions) -> EndpointOutputs:
        """Creates the resources of one endpoint.

        `name` is the endpoint's name and the prefix of every child's logical name; `opts` carries the
        parent and the provider, to be merged and never replaced. `refusals` has already been asked.
        """
        ...


TargetSpecT_contra = TypeVar("TargetSpecT_contra", contravariant=True)


class Target(Protocol[TargetSpecT_contra]):
    """One place where endpoints run. Exported as `TARGET` by `hybridml.targets.<kind>`."""

    @property
    def kind(self) -> str:
        """The word in the stack file: `local`, `kubernetes`, `aws`, `gcp`."""
        ...

    @property
    def promises(self) -> Promises:
        """The answer to every promise, whatever the endpoint."""
        ...

    def refusals(self, name: str, spec: EndpointSpec, target: TargetSpecT_contra) -> list[Problem]:
        """Everything in `spec` that this target cannot keep. Usually `refuse(...)` plus the target's own limits."""
        ...

    def foundation(
        self, name: str, target: TargetSpecT_contra, stack: StackContext, opts: pulumi.ResourceOptions
    ) -> Foundation:
        """Creates what the endpoints on this target share.

        `name` is the target's name in the stack file and the prefix of every child's logical name.
        """
        ...


KINDS = ("local", "kubernetes", "aws", "gcp")
"""Every kind of target there is."""


def find(kind: str) -> Target[Any]:
    """The target of that kind; its package is imported now, so nobody pays for a target that is not used."""
    if kind not in KINDS:
        raise LookupError(f"unknown target kind {kind!r}; one of {', '.join(KINDS)}")
    return cast("Target[Any]", importlib.import_module(f"hybridml.targets.{kind}").TARGET)
