"""Confidence sequences hold at every look, and say as much as they can."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hybridml.rollout.sequences import Interval, evidence, quantile, quantile_interval, share_interval
from hypothesis import given
from hypothesis import strategies as st

ALPHAS = st.floats(1e-9, 0.4)
TRIALS = st.integers(0, 10**9)


@st.composite
def _seen(draw: st.DrawFn) -> tuple[int, int]:
    trials = draw(TRIALS)
    return draw(st.integers(0, trials)), trials


@given(_seen(), ALPHAS)
def test_the_interval_holds_what_was_seen(seen: tuple[int, int], alpha: float) -> None:
    """The share that the data show is never refuted by the same data, up to a thousand million trials."""
    hits, trials = seen
    interval = share_interval(hits, trials, alpha)

    assert 0 <= interval.low <= interval.high <= 1
    assert not trials or hits / trials in interval


@given(_seen(), ALPHAS)
def test_an_end_of_the_interval_is_where_the_evidence_suffices(seen: tuple[int, int], alpha: float) -> None:
    """Bisection finds the shares at which the martingale reaches 1 / alpha."""
    hits, trials = seen
    low = share_interval(hits, trials, alpha).low
    if low > 0:
        assert evidence(hits, trials, low) >= -math.log(alpha) - 1e-6
        assert evidence(hits, trials, min(low * (1 + 1e-6), hits / trials)) <= -math.log(alpha) + 1e-3


@given(_seen(), ALPHAS)
def test_hits_and_misses_are_symmetric(seen: tuple[int, int], alpha: float) -> None:
    """The interval of the misses mirrors that of the hits."""
    hits, trials = seen
    straight, mirrored = share_interval(hits, trials, alpha), share_interval(trials - hits, trials, alpha)

    assert straight.low == pytest.approx(1 - mirrored.high, abs=1e-12)
    assert straight.high == pytest.approx(1 - mirrored.low, abs=1e-12)


@given(_seen(), st.floats(1e-9, 0.2))
def test_more_confidence_is_a_wider_interval(seen: tuple[int, int], alpha: float) -> None:
    """Nothing that a smaller error leaves out is inside at a larger one."""
    wide, narrow = share_interval(*seen, alpha / 2), share_interval(*seen, alpha)

    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


def test_without_requests_nothing_is_known() -> None:
    """Before the first request every share is possible, and every quantile."""
    assert share_interval(0, 0, 0.05) == Interval(low=0.0, high=1.0)
    assert quantile_interval({}, 0.5, 0.05) == Interval(low=0.0, high=math.inf)
    assert quantile({}, 0.5) is None


def test_the_martingale_is_the_mixture_it_says() -> None:
    """Averaged over all sequences under the share itself, the evidence is worth exactly one."""
    trials, share = 12, 0.3
    mean = sum(
        math.comb(trials, hits) * share**hits * (1 - share) ** (trials - hits) * math.exp(evidence(hits, trials, share))
        for hits in range(trials + 1)
    )
    assert mean == pytest.approx(1)


def test_small_numbers_agree_with_exact_arithmetic() -> None:
    """The mixture over Beta(1/2, 1/2) is a product of fractions."""
    hits, trials, share = 3, 8, Fraction(1, 5)
    mixture = Fraction(1)
    for number in range(trials):
        mixture *= (Fraction(number) + Fraction(1, 2)) if number < hits else (number - hits + Fraction(1, 2))
        mixture /= number + 1
    exact = mixture / (share**hits * (1 - share) ** (trials - hits))

    assert math.exp(evidence(hits, trials, 0.2)) == pytest.approx(float(exact))


@pytest.mark.parametrize("trials", [10**6, 10**9, 10**10])
def test_large_numbers_agree_with_theory(trials: int) -> None:
    """At the share seen the evidence is the regret of Krichevsky and Trofimov, half a logarithm and a constant."""
    regret = math.log(trials) / 2 + math.log(math.pi / 2) / 2

    assert evidence(trials // 5, trials, 0.2) == pytest.approx(-regret, abs=1e-3)


def test_a_million_million_shares_apart_is_seen() -> None:
    """One failure in a thousand million requests is bounded on both sides."""
    interval = share_interval(1, 10**9, 0.001)

    assert 0 < interval.low < 1e-9 < interval.high < 1e-7


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.99]), ALPHAS)
def test_the_interval_of_a_quantile_holds_the_quantile_seen(values: list[float], level: float, alpha: float) -> None:
    """The quantile of the sample lies inside, above the low end or at it."""
    bins = {value: values.count(value) for value in values}
    interval = quantile_interval(bins, level, alpha)

    assert quantile(bins, level) in interval


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.sampled_from([0.5, 0.99]), ALPHAS)
def test_bins_only_widen_the_interval_of_a_quantile(values: list[int], level: float, alpha: float) -> None:
    """Coarse bins never claim more than fine ones."""
    fine = {float(edge): values.count(edge) for edge in range(1, 51)}
    coarse = {float(edge): sum(fine[edge - below] for below in range(10)) for edge in range(10, 51, 10)}
    narrow, wide = (quantile_interval(bins, level, alpha) for bins in (fine, coarse))

    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def _left_out(rng: random.Random, share: float, requests: int, alpha: float) -> bool:
    """Whether the interval of a share leaves it out at any look, one look per request."""
    hits, enough = 0, -math.log(alpha)
    for trials in range(1, requests + 1):
        hits += rng.random() < share
        if evidence(hits, trials, share) >= enough:
            return True
    return False


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_looking_after_every_request_makes_no_more_errors_than_allowed(share: float) -> None:
    """Of 300 runs of 1,000 looks each, one in ten may leave out the truth at some look; fewer do."""
    rng = random.Random(7)
    wrong = sum(_left_out(rng, share, 1000, 0.1) for _ in range(300))

    assert wrong <= 30


def test_an_ordinary_interval_would_be_wrong_far_more_often() -> None:
    """The same runs, judged at each look by the normal approximation at the same confidence."""
    rng, wrong = random.Random(7), 0
    for _ in range(100):
        hits = 0
        for trials in range(1, 1001):
            hits += rng.random() < 0.3
            wide = 1.645 * math.sqrt(0.21 / trials)
            if trials >= 30 and abs(hits / trials - 0.3) > wide:
                wrong += 1
                break
    assert wrong > 30


def test_looking_often_at_a_quantile_makes_no_more_errors_than_allowed() -> None:
    """Of 100 runs with 100 looks each, one in ten may leave out the true median or p99."""
    rng, wrong = random.Random(11), 0
    median, tail = math.log(2), -math.log(0.01)
    for _ in range(100):
        bins: dict[float, int] = {}
        missed = False
        for _ in range(100):
            for _ in range(10):
                edge = math.ceil(rng.expovariate(1) * 10) / 10
                bins[edge] = bins.get(edge, 0) + 1
            missed |= median not in quantile_interval(bins, 0.5, 0.05)
            missed |= tail not in quantile_interval(bins, 0.99, 0.05)
        wrong += missed
    assert wrong <= 10


def test_differences_of_intervals_are_bounded_where_both_are() -> None:
    """An end without a bound leaves that side of the difference without one."""
    known, open_ended = Interval(low=1.0, high=2.0), Interval(low=3.0, high=math.inf)

    assert open_ended - known == Interval(low=1.0, high=math.inf)
    assert known - open_ended == Interval(low=-math.inf, high=-1.0)


def test_intervals_narrow_as_requests_come() -> None:
    """Ten times the requests of the same share know more."""
    widths = [
        (interval := share_interval(trials // 10, trials, 0.01)).high - interval.low
        for trials in (100, 1000, 10_000, 100_000)
    ]
    assert all(later < earlier / 2 for earlier, later in pairwise(widths))
