"""Carries a rollout out: moves traffic, looks at the gates, and restores the split when it ends badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from hybridml.rollout.counts import Pair
from hybridml.rollout.plan import RolloutPlan
from hybridml.rollout.verdict import Judgement, Verdict

Asked = Literal["promote", "abort", "orphaned"]
"""What a person asked for; `orphaned` says that whoever began the rollout is gone."""


class TrafficMover(Protocol):
    """Moves the traffic of the variants whose version changes."""

    def move(self, percent: float) -> None:
        """Give the new versions `percent` of their variants' weight: 0 all old, 100 all new. Repeating is harmless."""


class MetricSource(Protocol):
    """Measures the versions."""

    def read(self) -> Mapping[str, Pair]:
        """What each changing variant answered since counting began; counters only grow, or begin again from zero."""


class Clock(Protocol):
    """Time, so that a test can simulate it."""

    def now(self) -> float:
        """Seconds since any moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Steering(Protocol):
    """What is asked of a rollout from outside."""

    def asked(self) -> Asked | None:
        """What is asked now; None lets it go on."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One look at a rollout."""

    step: int
    """Index of the step, from 0."""
    steps: int
    """How many steps there are."""
    percent: float
    """Percent of the variant's weight that the new version has."""
    elapsed: float
    """Seconds since the step began."""
    judgement: Judgement | None
    """What the gates say; None when nothing could be measured, or before the first look."""
    note: str
    """One sentence: what happens."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a rollout ended."""

    verdict: Verdict
    """`promote` or `abort`."""
    step: int
    """Index of the step in which it ended."""
    reason: str
    """One sentence: what decided."""
    history: tuple[Progress, ...]
    """Every look, the latest last."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        raise NotImplementedError


def drive(
    plan: RolloutPlan,
    mover: TrafficMover,
    source: MetricSource,
    *,
    clock: Clock,
    steering: Steering,
    progress: Callable[[Progress], None],
) -> Outcome:
    """Carry out `plan`. On abort, an exception or when orphaned, `mover.move(0)` comes first, the reason after."""
    raise NotImplementedError
