"""How many replicas serve a version, and when."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import Field, model_validator

from hybridml.spec.closest import closest
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
        refuse([*_bounds(self.min, self.max), *_moments(self.cron), *_zone(self.timezone)])
        return self


_MOMENTS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""Where the search for a first moment begins; a fixed day, so that the same text is always judged alike."""


def _moments(cron: str) -> Iterator[Finding]:
    """A finding for each field of `cron` with a number that no clock or calendar has, or one when it never begins."""
    beyond = list(_beyond(cron))
    yield from beyond or _never(cron)


def _beyond(cron: str) -> Iterator[Finding]:
    for (field, (least, most)), text in zip(_MOMENTS.items(), cron.split(" "), strict=True):
        numbers = [int(number) for number in re.findall(r"(?<!/)\b[0-9]+", text)]
        if any(not least <= number <= most for number in numbers):
            yield Finding(path=("cron",), message=f"{field} {text} does not exist", fix=f"write {least} to {most}")


def _never(cron: str) -> Iterator[Finding]:
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(cron, _ANY_DAY))
    except (CronSimError, StopIteration) as reason:
        said = f": {str(reason).lower()}" if str(reason) else ""
        yield Finding(
            path=("cron",),
            message=f"{cron!r} never begins{said}",
            fix="write days that some month has, and ranges upwards",
        )


def _zone(name: str) -> Iterator[Finding]:
    """A finding when the time zone database has no zone of that name."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = closest(name, sorted(zoneinfo.available_timezones()))
        fix = f"did you mean {near}?" if near else 'write a name of the tz database, such as "Europe/Berlin"'
        yield Finding(path=("timezone",), message=f"there is no time zone {name!r}", fix=fix)


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
