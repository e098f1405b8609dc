"""The gates of a rollout: each asks one question about one variant, and answers with numbers.

A gate is broken when the new version's true value exceeds the limit at the confidence of the rollout, passed when it is
not and the value seen is within the limit, undecided otherwise. A comparison knows no "seen within": equal versions
are seen worse half of the time, so it passes unless it is broken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hybridml.rollout.counts import Counts, Pair
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.rollout.sequences import Interval, quantile, quantile_interval, share_interval

SLOWER: Final = 1.25
"""Factor of the champion's latency from which on a new version is slower."""
TAIL: Final = 0.01
"""Share of the answers beyond the 99th percentile."""
COMPARABLE: Final = 0.1
"""Part of `min_requests` that the champion must have answered before it is compared with."""
_LEVELS: Final = {"p50": 0.5, "p99": 0.99}


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
    """What the new version shows: a share (for `p99_ms`, of answers slower than it), or for `champion_p50` and
    `champion_p99` milliseconds. None while nothing was answered."""
    limit: float | None
    """What `low` must exceed, or as a latency reach, to break the gate, in the unit of `observed`; None while nothing
    shows a limit."""
    low: float
    """Least that the true value is, at the confidence of the rollout."""
    high: float | None
    """Most that it is; None when nothing bounds it yet."""
    requests: int
    """Requests of the new version in this step."""
    reason: str
    """One sentence with the numbers."""


def comparisons(gates: Gates) -> int:
    """How many questions `gates` ask of each variant; they share the error that the rollout may make."""
    absolute = (gates.error_rate, gates.p99_ms)
    return sum(gate is not None for gate in absolute) + (3 if gates.worse_than_champion is not None else 0)


def ask(plan: RolloutPlan, variant: str, pair: Pair, alpha: float) -> Iterator[GateResult]:
    """What every gate of `plan` says about `variant`, each of them wrong with probability `alpha` at most."""
    about = _Question(plan=plan, variant=variant, pair=pair, alpha=alpha)
    if plan.gates.error_rate is not None:
        yield _error_rate(about, plan.gates.error_rate)
    if plan.gates.p99_ms is not None:
        yield _slow_share(about, plan.gates.p99_ms)
    if plan.gates.worse_than_champion is not None:
        yield from _against_champion(about)


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What a gate is asked about."""

    plan: RolloutPlan
    variant: str
    pair: Pair
    alpha: float

    @property
    def seen(self) -> Counts:
        return self.pair.candidate

    def answer(
        self,
        gate: str,
        *,
        observed: float | None,
        limit: float | None,
        interval: Interval,
        broken: bool,
        passed: bool,
        reason: str,
    ) -> GateResult:
        """The result: too few requests hold, whatever they show; else as `broken` and `passed` say."""
        verdict = Verdict.PROMOTE if passed else Verdict.HOLD
        if self.seen.requests < self.plan.min_requests:
            verdict = Verdict.HOLD
            reason = f"{reason}; {self.seen.requests} of the {self.plan.min_requests} requests it takes"
        elif broken:
            verdict = Verdict.ABORT
        return GateResult(
            gate=gate,
            variant=self.variant,
            verdict=verdict,
            observed=observed,
            limit=limit,
            low=interval.low,
            high=interval.high if math.isfinite(interval.high) else None,
            requests=self.seen.requests,
            reason=reason,
        )


def _error_rate(about: _Question, limit: float) -> GateResult:
    seen = about.seen
    interval = share_interval(seen.failures, seen.requests, about.alpha)
    observed = _share(seen.failures, seen.requests)
    said = f"{seen.failures} of {seen.requests} requests failed{_between(interval)}, against {_percent(limit)}"
    within = observed is None or observed <= limit
    return about.answer(
        "error_rate",
        observed=observed,
        limit=limit,
        interval=interval,
        broken=interval.low > limit,
        passed=within,
        reason=said,
    )


def _slow_share(about: _Question, limit_ms: float) -> GateResult:
    slow, timed = about.seen.slower_than(limit_ms), about.seen.timed
    interval = share_interval(slow, timed, about.alpha)
    observed = _share(slow, timed)
    said = f"{slow} of {timed} answers took more than {limit_ms:g} ms{_between(interval)}, against {_percent(TAIL)}"
    within = (observed is None or observed <= TAIL) and timed >= min(about.plan.min_requests, about.seen.requests)
    return about.answer(
        "p99_ms",
        observed=observed,
        limit=TAIL,
        interval=interval,
        broken=interval.low > TAIL,
        passed=within,
        reason=said,
    )


def _against_champion(about: _Question) -> Iterator[GateResult]:
    champion = about.pair.champion
    if champion is None:
        yield about.answer(
            "champion_failures",
            observed=_share(about.seen.failures, about.seen.requests),
            limit=None,
            interval=Interval(low=0.0, high=1.0),
            broken=False,
            passed=False,
            reason="the version in charge gets no traffic to compare with; give it some, or remove worse_than_champion",
        )
        return
    yield _more_failures(about, champion)
    for name, level in _LEVELS.items():
        yield _slower(about, champion, name, level)


def _more_failures(about: _Question, champion: Counts) -> GateResult:
    seen, alpha = about.seen, about.alpha / 2
    interval = share_interval(seen.failures, seen.requests, alpha)
    theirs = share_interval(champion.failures, champion.requests, alpha)
    said = (
        f"{seen.failures} of {seen.requests} requests failed{_between(interval)}, "
        f"against {champion.failures} of {champion.requests}{_between(theirs)} of the version in charge"
    )
    return about.answer(
        "champion_failures",
        observed=_share(seen.failures, seen.requests),
        limit=theirs.high,
        interval=interval,
        broken=interval.low > theirs.high,
        passed=_comparable(about.plan, champion.requests),
        reason=said,
    )


def _slower(about: _Question, champion: Counts, name: str, level: float) -> GateResult:
    alpha = about.alpha / 2
    interval = quantile_interval(about.seen.latency, level, alpha)
    theirs = quantile_interval(champion.latency, level, alpha)
    observed = quantile(about.seen.latency, level)
    said = (
        f"{name} is {_ms(observed)}{_between_ms(interval)}, against {SLOWER:g} times the "
        f"{_ms(quantile(champion.latency, level))}{_between_ms(theirs)} of the version in charge"
    )
    return about.answer(
        f"champion_{name}",
        observed=observed if observed is not None and math.isfinite(observed) else None,
        limit=theirs.high * SLOWER if math.isfinite(theirs.high) else None,
        interval=interval,
        broken=interval.low > 0
        and interval.low >= theirs.high * SLOWER,  # a quantile lies above its low end, not at it
        passed=_comparable(about.plan, champion.timed),
        reason=said,
    )


def _comparable(plan: RolloutPlan, requests: int) -> bool:
    return requests >= COMPARABLE * plan.min_requests


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _between(interval: Interval) -> str:
    return f" ({_percent(interval.low)} to {_percent(interval.high)})"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g} ms"


def _between_ms(interval: Interval) -> str:
    high = f"{interval.high:.4g} ms" if math.isfinite(interval.high) else "no bound"
    return f" ({interval.low:.4g} ms to {high})"
