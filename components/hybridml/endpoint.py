"""The endpoint itself: one description, placed on one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.errors import ConfigurationError
from hybridml.targets.base import Foundation, StackContext, find

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, TargetSpec


@dataclass(frozen=True, kw_only=True)
class ModelEndpointArgs:
    """What a model endpoint is asked for, and where."""

    spec: EndpointSpec | Mapping[str, Any] | Path | str
    """What is served: a specification, the same as a mapping, or the path of a file that holds it."""
    target: TargetSpec | Mapping[str, Any]
    """Where it runs: `{"kind": "local", "port": 8080}`; the kinds are local, kubernetes, aws and gcp."""
    foundation: Foundation | None = None
    """What the endpoint shares with others on its target; None makes a foundation of its own."""
    environment: str | None = None
    """Name of the environment; the stack's name when left out. Outside local and dev, what holds data is protected."""
    cost_centre: str = "unassigned"
    """Who pays; becomes a tag or label."""


class ModelEndpoint(pulumi.ComponentResource):
    """A model endpoint on one target, the same description on each of them.

    Creates what the target needs to keep the specification's promises: artifacts, servers, traffic, access. A
    foundation of its own brings no model registry.
    Raises `ConfigurationError` with everything that is wrong or that the target refuses, before anything is
    registered.
    """

    url: pulumi.Output[str]
    """Address that takes POST requests in the MLflow scoring protocol; empty for a batch, which nobody asks."""
    outputs: pulumi.Output[dict[str, Any]]
    """`url`, `target`, `authentication`, `versions` and what else the target has to say."""

    def __init__(self, name: str, args: ModelEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        spec, target = _spec(name, args), _target(args)
        problems = find(target.kind).refusals(name, spec, target)
        if problems:
            raise ConfigurationError(problems)
        super().__init__("hybridml:index:ModelEndpoint", name, _judged(spec, target), opts)
        child = pulumi.ResourceOptions(parent=self)
        foundation = args.foundation or find(target.kind).foundation(name, target, _alone(args), child)
        placed = foundation.endpoint(name, spec, child)
        self.url = pulumi.Output.from_input("" if placed.url is None else placed.url)
        self.outputs = pulumi.Output.from_input(placed.exported())
        self.register_outputs({"url": self.url, "outputs": self.outputs})


def _spec(name: str, args: ModelEndpointArgs) -> EndpointSpec:
    from hybridml.spec import EndpointSpec

    return args.spec if isinstance(args.spec, EndpointSpec) else EndpointSpec.from_mapping(name, args.spec)


def _judged(spec: EndpointSpec, target: TargetSpec) -> dict[str, Any]:
    """What policies ask about an endpoint wherever it runs: its target, whose it is, and every version's artifact."""
    return {
        "target": str(target.kind),
        "owner": str(spec.owner),
        "dataClass": str(spec.data_class),
        "versions": {
            str(name): {
                "format": str(version.format),
                "artifact": version.artifact.model_dump(mode="json", exclude_none=True),
            }
            for name, version in spec.versions.items()
        },
    }


def _target(args: ModelEndpointArgs) -> TargetSpec:
    if not isinstance(args.target, Mapping):
        return args.target
    from pydantic import ValidationError

    from hybridml.spec.problems import problems_of
    from hybridml.spec.stack import StackSpec
    from hybridml.spec.written import written

    stack = written({"environment": "any", "targets": {"target": dict(args.target)}})
    try:
        return StackSpec.model_validate(stack.plain()).target("target")
    except ValidationError as error:
        raise ConfigurationError(problems_of(error, stack, StackSpec)) from None


def _alone(args: ModelEndpointArgs) -> StackContext:
    """The stack of an endpoint that a program places by itself."""
    return StackContext(
        root=Path(pulumi.runtime.get_root_directory() or Path.cwd()).resolve(),
        project=pulumi.get_project(),
        stack=pulumi.get_stack(),
        environment=args.environment or pulumi.get_stack(),
        cost_centre=args.cost_centre,
        registered=False,
    )
