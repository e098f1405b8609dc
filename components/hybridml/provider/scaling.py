"""How many replicas a version needs: the bounds in force at a moment, and the load that was measured; pure."""

from __future__ import annotations

import dataclasses
import functools
import math
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

STABLE_SECONDS: Final = 60.0
"""Replicas go only after fewer have been enough for that long."""
MARGIN: Final = 1.1
"""Fewer replicas have to be enough for so many times the load, or the number would swing around a limit."""
RATE_SECONDS: Final = 5.0
"""Time over which a rate is measured."""
_OVERLAP = timedelta(hours=3)
"""Beyond what a clock is ever set back: an hour that happens twice is looked at twice."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Between how many replicas a version has."""

    least: int
    most: int

    def clamp(self, count: int) -> int:
        """The number within the bounds that is nearest to `count`."""
        return max(self.least, min(self.most, count))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """Bounds that hold from a moment on, until the next schedule."""

    cron: str
    """Five fields: minute, hour, day, month, weekday."""
    timezone: str
    """Name in the time zone database."""
    bounds: Bounds

    def began(self, moment: datetime) -> datetime | None:
        """When it last began, at or before `moment`; None when it did not in fifty years."""
        from cronsim import CronSim

        later = (moment + _OVERLAP).astimezone(zoneinfo.ZoneInfo(self.timezone))
        for local in CronSim(self.cron, later, reverse=True):
            if (found := local.astimezone(UTC)) <= moment:
                return found
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """What an endpoint's specification says about scaling."""

    bounds: Bounds
    """What holds where no schedule ever began."""
    requests_per_replica: int
    """Requests a second that one replica is meant to carry."""
    schedules: tuple[Schedule, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """The same as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_mapping(cls, plain: Mapping[str, Any]) -> Self:
        """Back from `to_mapping`."""
        schedules = [Schedule(**{**each, "bounds": Bounds(**each["bounds"])}) for each in plain["schedules"]]
        per_replica = plain["requests_per_replica"]
        return cls(bounds=Bounds(**plain["bounds"]), requests_per_replica=per_replica, schedules=tuple(schedules))


def bounds_at(policy: Policy, moment: datetime) -> Bounds:
    """The bounds of the schedule that began last; of two that began together, those of the one said last."""
    return _bounds_in_minute(policy, moment.astimezone(UTC).replace(second=0, microsecond=0))


@functools.lru_cache(maxsize=8)
def _bounds_in_minute(policy: Policy, minute: datetime) -> Bounds:
    found, since = policy.bounds, None
    for schedule in policy.schedules:
        began = schedule.began(minute)
        if began is not None and (since is None or began >= since):
            found, since = schedule.bounds, began
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """What Envoy has counted since it started."""

    requests: int
    """Requests that were sent to a replica."""
    refused: int = 0
    """Requests for which there was none."""


@dataclasses.dataclass(frozen=True)
class Meter:
    """Counts of the last seconds, oldest first."""

    counts: tuple[tuple[float, Count], ...] = ()

    def seen(self, now: float, count: Count) -> Meter:
        """With one more count; from the beginning again when the counter did."""
        kept = [each for each in self.counts if each[0] >= now - RATE_SECONDS]
        if kept and kept[-1][1].requests > count.requests:
            kept = []
        return Meter((*kept, (now, count)))

    @property
    def rate(self) -> float | None:
        """Requests a second; None until there are two counts."""
        (first, before), (last, after) = self.counts[0], self.counts[-1]
        return (after.requests - before.requests) / (last - first) if last > first else None

    @property
    def refused(self) -> bool:
        """Whether a request found no replica."""
        return self.counts[-1][1].refused > self.counts[0][1].refused


def needed(rate: float, policy: Policy) -> int:
    """Replicas that carry `rate` requests a second."""
    return math.ceil(rate / policy.requests_per_replica)


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """What was enough in the last seconds."""

    since: float
    """When the load was first seen, or seen again."""
    enough: tuple[tuple[float, int], ...] = ()

    def seen(self, now: float, count: int) -> History:
        """With one more observation; older ones than the stabilisation window are forgotten."""
        kept: Sequence[tuple[float, int]] = [each for each in self.enough if each[0] >= now - STABLE_SECONDS]
        return History(since=self.since, enough=(*kept, (now, count)))

    def settled(self, now: float) -> int | None:
        """What was enough all the time; None while the load has not been seen for the whole window."""
        if now - self.since < STABLE_SECONDS or not self.enough:
            return None
        return max(count for _, count in self.enough)


def desired(current: int, load: int, history: History, bounds: Bounds, now: float) -> int:
    """Replicas to have: as many as the `load` needs at once, fewer only when fewer were enough all the time."""
    enough = history.settled(now)
    calmer = current if enough is None else min(current, enough)
    return bounds.clamp(max(load, calmer))
