"""Confidence sequences: intervals that hold at every moment at once, however often and for whatever reason one looks.

An ordinary interval is wrong with probability `alpha` at one look; a rollout that looks every few seconds and stops at
the first alarm is wrong far more often. These intervals contain the truth at all looks together with probability
`1 - alpha`, so that looking early, late or again costs nothing.

A share (of failures, of slow answers, of a class) is bounded by the method of mixtures: the likelihood of the data,
averaged over Jeffreys' Beta(1/2, 1/2), over their likelihood at the share p is a martingale under p, so that by
Ville's inequality it ever reaches 1 / alpha with probability alpha at most; the interval is every p at which it has
not. Both ends hold together: they are one event. A trial may also hit by a part, a value between 0 and 1 with mean p:
the likelihood ratio is convex in it, so its mean is no more than that of a coin. A quantile is bounded through the same
sequence: whether an answer is slower than a fixed quantile is such a share.

The requests of a version count as independent, with a share that does not change within a step.

Sources: J. Ville, "Étude critique de la notion de collectif", 1939. H. Robbins, "Statistical methods related to the law
of the iterated logarithm", Annals of Mathematical Statistics 41, 1970. R. Krichevsky and V. Trofimov, "The performance
of universal encoding", IEEE Transactions on Information Theory 27, 1981 (the mixture over Beta(1/2, 1/2)).
S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
Annals of Statistics 49, 2021. S. R. Howard and A. Ramdas, "Sequential estimation of quantiles with applications to
A/B testing and best-arm identification", Bernoulli 28, 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_HALVINGS: Final = 200
_CLOSE: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the truth lies."""

    low: float
    """Least that it is."""
    high: float
    """Most that it is; infinity when nothing bounds it."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __sub__(self, other: Interval) -> Interval:
        """Where the difference lies, when both intervals hold."""
        low = self.low - other.high if math.isfinite(other.high) else -math.inf
        high = self.high - other.low if math.isfinite(self.high) else math.inf
        return Interval(low=low, high=high)


def evidence(hits: float, trials: float, share: float) -> float:
    """Logarithm of the mixture martingale against `share`, after `hits` in `trials`; big when `share` is not true.

    Under `share` it ever reaches log(1 / alpha) with probability `alpha` at most. Its error in floating point stays
    below 0.001 up to 1e10 trials. `share` is 0 to 1.
    """
    misses = trials - hits
    mixture = math.lgamma(hits + 0.5) + math.lgamma(misses + 0.5) - math.lgamma(trials + 1.0) - math.log(math.pi)
    return mixture - _weighed_log(hits, share) - _weighed_log1p(misses, -share)


def _weighed_log(times: float, value: float) -> float:
    if not times:
        return 0.0
    return times * math.log(value) if value > 0 else -math.inf


def _weighed_log1p(times: float, value: float) -> float:
    if not times:
        return 0.0
    return times * math.log1p(value) if value > -1 else -math.inf


def share_interval(hits: float, trials: float, alpha: float) -> Interval:
    """Where the share lies after `hits` in `trials`, at all looks with probability 1 - `alpha`."""
    hits = min(max(hits, 0), trials)
    if not trials:
        return Interval(low=0.0, high=1.0)
    return Interval(low=_least(hits, trials, alpha), high=1.0 - _least(trials - hits, trials, alpha))


def _least(hits: float, trials: float, alpha: float) -> float:
    """The smallest share that the data do not refute; bisection, since the evidence falls up to `hits / trials`."""
    if not hits:
        return 0.0
    refuted, open_to = 0.0, hits / trials
    for _ in range(_HALVINGS):
        middle = (refuted + open_to) / 2
        if evidence(hits, trials, middle) >= -math.log(alpha):
            refuted = middle
        else:
            open_to = middle
        if open_to - refuted <= _CLOSE * open_to:
            break
    return refuted


def quantile(bins: Mapping[float, int], level: float) -> float | None:
    """Upper bound of the bin that holds the quantile of `level` (0.5 is the median); None without observations."""
    wanted = level * sum(bins.values())
    return next((bound for bound, below in _below(bins) if below and below >= wanted), None)


def quantile_interval(bins: Mapping[float, int], level: float, alpha: float) -> Interval:
    """Where the quantile of `level` lies, at all looks with probability 1 - `alpha`; `bins` as in `Counts.latency`.

    Its low end is the greatest bound below which too few observations lie, its high end the least below which too
    many do. Bins only widen it.
    """
    trials, enough = sum(bins.values()), -math.log(alpha)
    low, high = 0.0, math.inf
    for bound, below in _below(bins):
        if evidence(below, trials, level) < enough:
            continue
        if below < level * trials:
            low = bound
        else:
            return Interval(low=low, high=bound)
    return Interval(low=low, high=high)


def _below(bins: Mapping[float, int]) -> Iterator[tuple[float, int]]:
    """Each bound in ascending order, and how many observations lie at or below it."""
    bounds = sorted(bins)
    return zip(bounds, accumulate(bins[bound] for bound in bounds), strict=True)
