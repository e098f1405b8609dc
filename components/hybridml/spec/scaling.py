"""How many replicas serve a version, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from hybridml.spec.moments import never, nowhere
from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.scalars import Cron, Natural, Positive, Text


class ScalingSchedule(Part):
    """Bounds that hold from a moment on, until the next schedule."""

    cron: Cron = Field(description='When it begins, as five cron fields: "0 20 * * 1-5".')
    timezone: Text = Field("UTC", description='Time zone of cron, such as "Europe/Berlin".')
    min: Natural = Field(le=10_000, description="Fewest replicas per version; 0 switches off.")
    max: Natural = Field(le=10_000, description="Most replicas per version.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse([*_bounds(self.min, self.max), *never("cron", self.cron), *nowhere("timezone", self.timezone)])
        return self


def _at_least_min(data: Mapping[str, Any]) -> int:
    return int(data.get("min", 1))


class Scaling(Part):
    """How many replicas serve a version."""

    min: Natural = Field(
        1, le=10_000, description="Fewest replicas per version; 0 only where mode is serverless, async or batch."
    )
    max: Positive = Field(
        default_factory=_at_least_min, le=10_000, description="Most replicas per version; as min when left out."
    )
    requests_per_replica: Positive = Field(
        50,
        le=1_000_000,
        description="Requests a second that one replica is meant to carry; more of them add a replica.",
    )
    schedules: tuple[ScalingSchedule, ...] = Field((), description="Other bounds at certain times.")

    @property
    def most(self) -> int:
        """The most replicas that a version ever has."""
        return max(self.max, *(schedule.max for schedule in self.schedules), 0)

    @property
    def varies(self) -> bool:
        """Whether the number of replicas is ever anything but `min`."""
        return self.max > self.min or bool(self.schedules)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_bounds(self.min, self.max))
        return self


def _bounds(least: int, most: int) -> Iterator[Finding]:
    if least > most:
        yield Finding(path=("min",), message=f"min {least} is more than max {most}", fix="raise max or lower min")
