"""What the gates say about a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hybridml.rollout.counts import Counts, Pair
from hybridml.rollout.plan import Gates
from hybridml.rollout.verdict import GateResult, Judgement, Verdict, judge
from hybridml.spec.vocabulary import Strategy
from hypothesis import given
from hypothesis import strategies as st
from rollout.simulated import PLAN

GOOD = Counts(requests=1000, failures=0, latency={10.0: 500, 20.0: 490, 40.0: 10})
IN_BAKE, AFTER_BAKE, AFTER_ALL = PLAN.bake / 2, PLAN.bake, PLAN.max_bake


def _said(candidate: Counts, champion: Counts | None = GOOD, elapsed: float = AFTER_BAKE) -> Judgement:
    return judge(PLAN, 0, elapsed, {"champion": Pair(candidate=candidate, champion=champion)})


def _gate(said: Judgement, name: str) -> GateResult:
    (gate,) = [gate for gate in said.gates if gate.gate == name]
    return gate


def test_a_good_version_passes_when_its_step_has_lasted() -> None:
    """Before the end of the bake it is held, then promoted."""
    assert _said(GOOD, elapsed=IN_BAKE).verdict is Verdict.HOLD
    assert _said(GOOD).verdict is Verdict.PROMOTE


def test_a_version_that_fails_is_aborted_before_the_step_ends() -> None:
    """A fifth of 200 requests is more than one in twenty, for certain; nobody waits for the bake."""
    said = _said(Counts(requests=200, failures=40, latency={10.0: 200}), elapsed=IN_BAKE)

    assert said.verdict is Verdict.ABORT
    assert _gate(said, "error_rate").verdict is Verdict.ABORT
    assert _gate(said, "error_rate").observed == 0.2
    assert "40 of 200 requests failed" in said.reason
    assert "against 5 %" in said.reason
    assert "at confidence 0.95" in said.reason


def test_a_version_that_is_slow_is_aborted() -> None:
    """Every second answer beyond the limit is more than one in a hundred."""
    said = _said(Counts(requests=200, failures=0, latency={20.0: 100, 700.0: 100}))

    assert said.verdict is Verdict.ABORT
    assert _gate(said, "p99_ms").observed == 0.5
    assert "100 of 200 answers took more than 500 ms" in said.reason


def test_a_version_worse_than_the_champion_is_aborted_within_the_limits() -> None:
    """Three in a hundred is within five, and more than the champion's none; ten times its latency is within 500 ms."""
    fails = _said(Counts(requests=2000, failures=60, latency={10.0: 2000}))
    slow = _said(Counts(requests=200, failures=0, latency={90.0: 0, 100.0: 100, 200.0: 100}))

    assert [gate.gate for gate in fails.gates if gate.verdict is Verdict.ABORT] == ["champion_failures"]
    assert _gate(slow, "champion_p50").verdict is Verdict.ABORT
    assert _gate(slow, "error_rate").verdict is Verdict.PROMOTE


def test_a_slower_tail_alone_is_found() -> None:
    """The median is the champion's; three in a hundred take far longer than its slowest."""
    champion = Counts(requests=20_000, failures=0, latency={10.0: 19_900, 20.0: 100})
    said = _said(Counts(requests=5000, failures=0, latency={10.0: 4850, 90.0: 0, 100.0: 150}), champion)

    assert [gate.gate for gate in said.gates if gate.verdict is Verdict.ABORT] == ["champion_p99"]


def test_a_quarter_slower_is_not_yet_slower() -> None:
    """A latency up to 1.25 times the champion's is never called worse, however many requests show it."""
    many = Counts(requests=10**6, failures=0, latency={99.0: 0, 100.0: 10**6})
    quarter = Counts(requests=10**6, failures=0, latency={110.0: 0, 125.0: 10**6})

    assert _said(quarter, many).verdict is Verdict.PROMOTE


def test_a_latency_in_the_next_bins_is_slower_where_bins_allow_it() -> None:
    """Between 5 and 6 ms is more than 1.25 times what is between 3 and 4 ms; between 4 and 5 ms may not be."""
    old = Counts(requests=5000, latency={3.0: 0, 4.0: 5000})
    longer = _said(Counts(requests=500, latency={5.0: 0, 6.0: 500}), old)
    nearly = _said(Counts(requests=500, latency={4.0: 0, 5.0: 500}), old)

    assert _gate(longer, "champion_p50").verdict is Verdict.ABORT
    assert nearly.verdict is Verdict.PROMOTE


def test_answers_in_no_time_are_no_reason() -> None:
    """A champion that takes no measurable time does not make its equal slower."""
    instant = Counts(requests=1000, latency={0.0: 1000})

    assert _said(instant, instant).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("elapsed", "verdict"), [(AFTER_BAKE, Verdict.HOLD), (AFTER_ALL, Verdict.ABORT)])
def test_below_the_minimum_a_step_waits_and_is_then_given_up(elapsed: float, verdict: Verdict) -> None:
    """99 of 100 requests decide nothing, not even when all of them failed."""
    said = _said(Counts(requests=99, failures=99), elapsed=elapsed)

    assert said.verdict is verdict
    assert "champion answered 99 of the 100 requests it takes" in said.reason


def test_a_value_above_the_limit_that_may_be_chance_holds() -> None:
    """7 failures in 100 requests may be a true share of one in twenty: more requests decide, or `max_bake`."""
    chance = Counts(requests=100, failures=7, latency={10.0: 100})

    assert _said(chance).verdict is Verdict.HOLD
    assert _said(chance, elapsed=AFTER_ALL).verdict is Verdict.ABORT
    assert "still undecided after 180 s" in _said(chance, elapsed=AFTER_ALL).reason


def test_a_champion_without_requests_is_no_comparison() -> None:
    """A champion that answered nothing, or gets no traffic, holds the step instead of passing it unseen."""
    idle, none = _said(GOOD, Counts()), _said(GOOD, None)

    assert idle.verdict is none.verdict is Verdict.HOLD
    assert "the version in charge gets no traffic to compare with" in none.reason


def test_answers_whose_latency_nobody_measured_pass_no_latency_gate() -> None:
    """Requests without latencies hold a step that has a limit for them."""
    assert _gate(_said(Counts(requests=500)), "p99_ms").verdict is Verdict.HOLD


def test_nothing_measured_is_never_a_promotion() -> None:
    """Without a variant in the measurements there is no evidence."""
    assert judge(PLAN, 0, AFTER_BAKE, {}).verdict is Verdict.HOLD
    assert judge(PLAN, 0, AFTER_ALL, {}).verdict is Verdict.ABORT


def test_one_bad_variant_of_two_aborts_both() -> None:
    """Each variant has its own gates; the rollout has one verdict."""
    pairs = {
        "champion": Pair(candidate=GOOD, champion=GOOD),
        "challenger": Pair(candidate=Counts(requests=300, failures=100), champion=GOOD),
    }
    said = judge(PLAN, 0, IN_BAKE, pairs)

    assert said.verdict is Verdict.ABORT
    assert {gate.variant for gate in said.gates if gate.verdict is Verdict.ABORT} == {"challenger"}


def test_gates_that_are_off_ask_nothing() -> None:
    """Only what the plan names is judged."""
    plan = replace(PLAN, gates=Gates(error_rate=0.05))
    said = judge(plan, 0, AFTER_BAKE, {"champion": Pair(candidate=GOOD)})

    assert [gate.gate for gate in said.gates] == ["error_rate"]
    assert said.verdict is Verdict.PROMOTE


def test_more_confidence_needs_more_requests() -> None:
    """What breaks a gate at 0.6 may be undecided at 0.9999."""
    pairs = {"champion": Pair(candidate=Counts(requests=100, failures=16), champion=GOOD)}
    gates = Gates(error_rate=0.05)

    assert judge(replace(PLAN, gates=gates, confidence=0.6), 0, IN_BAKE, pairs).verdict is Verdict.ABORT
    assert judge(replace(PLAN, gates=gates, confidence=0.9999), 0, IN_BAKE, pairs).verdict is Verdict.HOLD


def test_every_number_of_a_judgement_is_json() -> None:
    """Bounds that are not there are null, never infinity."""
    said = _said(Counts(requests=3, failures=1, latency={10.0: 2})).to_mapping()

    assert json.loads(json.dumps(said, allow_nan=False)) == said


@st.composite
def _counts(draw: st.DrawFn) -> Counts:
    bins = draw(st.dictionaries(st.sampled_from([10.0, 20.0, 50.0, 100.0, 700.0]), st.integers(0, 10**6), max_size=5))
    requests = sum(bins.values()) + draw(st.integers(0, 50))
    return Counts(requests=requests, failures=draw(st.integers(0, requests)), latency=bins)


PAIRS = st.dictionaries(
    st.sampled_from(["champion", "challenger"]),
    st.builds(lambda new, old: Pair(candidate=new, champion=old), _counts(), st.none() | _counts()),
    max_size=2,
)


@given(PAIRS, st.floats(0, 400), st.integers(0, 2))
def test_nothing_is_promoted_over_a_gate(pairs: Mapping[str, Pair], elapsed: float, step: int) -> None:
    """A step ends well only after its bake, with enough requests, every limit kept, and no gate broken."""
    said = judge(PLAN, step, elapsed, pairs)
    if said.verdict is Verdict.PROMOTE:
        assert elapsed >= PLAN.bake
        assert {gate.variant for gate in said.gates} == set(pairs)
        assert {gate.verdict for gate in said.gates} == {Verdict.PROMOTE}
        for pair in pairs.values():
            assert pair.candidate.requests >= PLAN.min_requests
            assert pair.candidate.failures <= 0.05 * pair.candidate.requests
            assert pair.candidate.slower_than(500) <= 0.01 * pair.candidate.timed
    if said.verdict is Verdict.HOLD:
        assert elapsed < PLAN.max_bake


@given(PAIRS, st.floats(0, 400))
def test_a_broken_gate_has_its_proof(pairs: Mapping[str, Pair], elapsed: float) -> None:
    """A gate is broken with enough requests only, and when even its low end exceeds the limit."""
    for gate in judge(PLAN, 0, elapsed, pairs).gates:
        if gate.verdict is Verdict.ABORT:
            assert gate.requests >= PLAN.min_requests
            assert gate.limit is not None
            assert gate.low >= gate.limit


@given(PAIRS, st.floats(0, 400))
def test_equal_counts_are_never_worse(pairs: Mapping[str, Pair], elapsed: float) -> None:
    """A version that shows exactly what the champion shows is not called worse than it."""
    same = {name: Pair(candidate=pair.candidate, champion=pair.candidate) for name, pair in pairs.items()}
    compared = [gate for gate in judge(PLAN, 0, elapsed, same).gates if gate.gate.startswith("champion_")]

    assert Verdict.ABORT not in {gate.verdict for gate in compared}


def test_everything_at_once_without_gates_is_promoted() -> None:
    """A plan that asks nothing holds nothing up."""
    plan = replace(PLAN, strategy=Strategy.ALL_AT_ONCE, steps=(), gates=Gates())

    assert judge(plan, 0, PLAN.bake, {}).verdict is Verdict.PROMOTE
