"""A stack: where endpoints run in one environment, and how big."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from hybridml.spec.endpoint import Placement
from hybridml.spec.part import Part, refuse
from hybridml.spec.placement import unknown_targets
from hybridml.spec.scalars import Day, Name, Port, Text
from hybridml.spec.target import AnyTarget, TargetSpec

NAMESPACE: Final = "hybridml:"
"""Prefix of our keys in a stack's configuration."""
DISPOSABLE: Final = frozenset({"local", "dev"})
"""Environments that hold nothing of value: what they keep may be deleted with them."""


class EndpointOverride(Part):
    """What a stack says about an endpoint: its placement, and any field of it, merged over its file."""

    model_config = ConfigDict(extra="allow")

    placement: Placement = Field(description="Targets it runs on. An endpoint without an entry is not deployed.")
    instance: Text | None = Field(None, description="Machine type on the primary target, such as ml.c7i.xlarge.")
    port: Port | None = Field(None, description="Port on 127.0.0.1 where a local target serves it, 1024 to 65535.")

    @property
    def overrides(self) -> Mapping[str, Any]:
        """The fields of the endpoint that the stack overrides, as written."""
        return dict(self.model_extra or {})


class Waiver(Part):
    """An exception from a policy that somebody answers for."""

    policy: Text = Field(description="Id of the rule: AWS-SM-003. Critical rules cannot be waived.")
    urn: Text = Field(description="Pattern of the URNs it covers: * is any text, ? any character.")
    reason: Text = Field(description="Why the rule does not hold here.")
    owner: Name = Field(description="Team that answers for it.")
    expires: Day = Field(description="The last day on which it holds: 2027-03-31.")


class StackSpec(Part):
    """The `hybridml:` keys of `stacks/Pulumi.<stack>.yaml`."""

    environment: Name = Field(
        description="Name of the environment. Outside local and dev, keys, stores and registries are protected."
    )
    cost_centre: Name = Field("unassigned", description="Who pays; becomes a tag or label.")
    profile: Name = Field("prod", description="Policy profile that `hybridml check` uses.")
    waivers: tuple[Waiver, ...] = Field((), max_length=10, description="Exceptions from the policies, at most ten.")
    targets: Mapping[Name, AnyTarget] = Field(min_length=1, description="Where endpoints can run, by name.")
    endpoints: Mapping[Name, EndpointOverride] = Field(
        default_factory=dict, description="Which endpoints run here, and what differs from their files."
    )

    @property
    def disposable(self) -> bool:
        """Whether what the stack keeps may be deleted with it."""
        return self.environment in DISPOSABLE

    def target(self, name: str) -> TargetSpec:
        """The target `name`."""
        return self.targets[name]

    @model_validator(mode="after")
    def _rules(self) -> Self:
        placements = {name: endpoint.placement for name, endpoint in self.endpoints.items()}
        refuse(unknown_targets(placements, self.targets))
        return self
