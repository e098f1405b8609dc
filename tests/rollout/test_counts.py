"""Counters are subtracted and added without losing a request."""

from __future__ import annotations

import json
import math

from hybridml.rollout.counts import Counts, Pair
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(0, 10**9)
COUNTS = st.builds(
    lambda requests, failures, latency: Counts(requests=requests, failures=failures, latency=latency),
    NUMBERS,
    NUMBERS,
    st.dictionaries(st.sampled_from([1.0, 2.5, 10.0, math.inf]), st.integers(1, 10**9)),
)


@given(COUNTS, COUNTS)
def test_what_was_added_is_what_happened_in_between(earlier: Counts, between: Counts) -> None:
    """Later minus earlier is the growth."""
    later = earlier + between

    assert later.follows(earlier)
    assert later.since(earlier) == later - earlier
    assert (later - earlier).requests == between.requests
    assert (later - earlier).failures == between.failures
    assert {bound: n for bound, n in (later - earlier).latency.items() if n} == between.latency


def test_counters_that_began_again_count_from_zero() -> None:
    """A restart of whoever counts loses what came before it, and nothing after."""
    before, after = Counts(requests=900, failures=9), Counts(requests=12, failures=1)

    assert not after.follows(before)
    assert after.since(before) == after


def test_one_side_of_a_pair_may_begin_again() -> None:
    """A restart of one version's counters does not count the other's twice."""
    before = Pair(candidate=Counts(requests=50), champion=Counts(requests=1000))
    now = Pair(candidate=Counts(requests=5), champion=Counts(requests=1100))

    assert now.since(before) == Pair(candidate=Counts(requests=5), champion=Counts(requests=100))


def test_a_champion_that_comes_and_goes() -> None:
    """Adding keeps what was counted while there was a champion."""
    alone, pair = Pair(candidate=Counts(requests=1)), Pair(candidate=Counts(requests=2), champion=Counts(requests=3))

    assert alone + pair == pair + alone == Pair(candidate=Counts(requests=3), champion=Counts(requests=3))
    assert (alone + alone).champion is None


def test_a_bin_that_straddles_a_limit_is_slower() -> None:
    """Only bins that end at the limit or before it are certainly fast enough."""
    counts = Counts(requests=6, latency={100.0: 1, 110.0: 2, math.inf: 3})

    assert counts.slower_than(100) == 5
    assert counts.slower_than(105) == 5
    assert counts.slower_than(110) == 3


def test_counts_are_json() -> None:
    """Bins are named by their bound, infinity included."""
    counts = Counts(requests=4, failures=1, latency={math.inf: 1, 0.5: 2})

    assert json.loads(json.dumps(counts.to_mapping(), allow_nan=False)) == {
        "requests": 4,
        "failures": 1,
        "latency": {"0.5": 2, "inf": 1},
    }
