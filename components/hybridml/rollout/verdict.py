"""Promote, hold or abort: what the gates say about a step, from what was measured in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from hybridml.rollout.counts import Pair
from hybridml.rollout.plan import RolloutPlan


class Verdict(StrEnum):
    """What to do with a new version."""

    PROMOTE = "promote"
    HOLD = "hold"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What one gate says about one variant."""

    gate: str
    """`error_rate`, `p99_ms`, `champion_failures`, `champion_p50` or `champion_p99`."""
    variant: str
    """The variant whose version changes."""
    verdict: Verdict
    """`abort` when broken, `hold` when undecided, `promote` when passed."""
    observed: float | None
    """What the new version shows: a share, or milliseconds. None while nothing was answered."""
    limit: float | None
    """What `low` must exceed to break the gate; None while the version in charge shows no limit."""
    low: float
    """Least that the true value is, at the confidence of the rollout."""
    high: float | None
    """Most that it is; None when nothing bounds it yet."""
    requests: int
    """Requests of the new version in this step."""
    reason: str
    """One sentence with the numbers."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on a step, and what each gate said."""

    verdict: Verdict
    """`promote` ends the step well; `hold` waits; `abort` ends the rollout."""
    gates: tuple[GateResult, ...]
    """Every gate of every variant."""
    reason: str
    """One sentence: what decided."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        return asdict(self)


def judge(plan: RolloutPlan, step_index: int, elapsed: float, pairs: Mapping[str, Pair]) -> Judgement:
    """What to do after `elapsed` seconds of step `step_index`, in which `pairs` was measured, by variant."""
    raise NotImplementedError
