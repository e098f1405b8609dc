"""A rollout ends with everything on the new version, or with nothing on it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hybridml.errors import HybridMLError
from hybridml.rollout.counts import Counts, Pair
from hybridml.rollout.drive import REMEMBERED, Asked, NotRestored
from hybridml.rollout.plan import Gates
from hybridml.rollout.verdict import Verdict
from hybridml.spec.vocabulary import Strategy
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout.simulated import PLAN, Version, World

FAILING = Version(failing=0.2)
SLOW = Version(median_ms=200.0)
QUICK = replace(PLAN, bake=10.0, max_bake=30.0, interval=2.0, min_requests=20)
"""A canary of half a minute."""


def test_a_good_version_takes_every_step_and_then_everything() -> None:
    """Each step lasts its bake, and the whole is promoted after the last."""
    world = World()
    outcome = world.run()

    assert (outcome.verdict, outcome.cause) == (Verdict.PROMOTE, "gates")
    assert world.moves == [5, 25, 50, 100]
    assert world.at >= 3 * PLAN.bake
    assert world.at < 3 * PLAN.bake + 60


@pytest.mark.parametrize(("new", "gate"), [(FAILING, "error_rate"), (SLOW, "champion_p50")])
def test_a_bad_version_gets_one_step_and_then_nothing(new: Version, gate: str) -> None:
    """A fifth of failures, or ten times the latency, ends in the first step with the split restored."""
    world = World(new=new, rate=200)
    outcome = world.run()

    assert (outcome.verdict, outcome.cause, outcome.step) == (Verdict.ABORT, "gates", 0)
    assert world.moves == [5, 0]
    assert gate in outcome.reason
    assert outcome.history[-1].judgement


def test_a_version_without_requests_is_given_up() -> None:
    """Below `min_requests` a step waits until `max_bake`; then the split is restored."""
    world = World(rate=1)
    outcome = world.run()

    assert outcome.verdict is Verdict.ABORT
    assert world.percent == 0
    assert world.at == pytest.approx(PLAN.max_bake)
    assert "of the 100 requests it takes" in outcome.reason


def test_each_step_counts_for_itself() -> None:
    """What an earlier step measured is not in the numbers of a later one."""
    world = World()
    world.run()
    first = {look.step: look.judgement.gates[0].requests for look in reversed(world.looks) if look.judgement}

    assert first[0] < 5 * 0.05 * 20 * 4
    assert first[1] < 5 * 0.25 * 20 * 4
    assert first[2] < 5 * 0.50 * 20 * 4


def test_blue_green_moves_everything_and_keeps_a_way_back() -> None:
    """The new version gets all at once; for one bake the absolute gates may still take it back."""
    plan = replace(PLAN, strategy=Strategy.BLUE_GREEN, steps=(100.0,), gates=Gates(error_rate=0.05))
    good, bad = World(), World(new=FAILING)

    assert good.run(plan).verdict is Verdict.PROMOTE
    assert good.moves == [100, 100]
    assert good.at == pytest.approx(PLAN.bake)
    assert bad.run(plan).verdict is Verdict.ABORT
    assert bad.moves == [100, 0]


def test_all_at_once_looks_at_nothing() -> None:
    """Without steps everything moves, and nobody waits."""
    world = World(new=FAILING)
    outcome = world.run(replace(PLAN, strategy=Strategy.ALL_AT_ONCE, steps=(), gates=Gates()))

    assert (outcome.verdict, world.moves, world.at) == (Verdict.PROMOTE, [100], 0)


@pytest.mark.parametrize(
    ("asked", "verdict", "cause", "last"),
    [
        ("promote", Verdict.PROMOTE, "person", 100),
        ("abort", Verdict.ABORT, "person", 0),
        ("orphaned", Verdict.ABORT, "orphaned", 0),
    ],
)
def test_somebody_steers(asked: Asked, verdict: Verdict, cause: str, last: float) -> None:
    """A person promotes or aborts; a rollout that nobody waits for is taken back. It is heard within a second."""
    world = World(asks={7.5: asked})
    outcome = world.run()

    assert (outcome.verdict, outcome.cause) == (verdict, cause)
    assert world.moves == [5, last]
    assert world.at <= 8.5


def test_a_source_that_fails_for_a_while_holds() -> None:
    """Statistics that cannot be read for a minute cost time, not the rollout."""
    world = World(unread=(20, 80))
    outcome = world.run()

    assert outcome.verdict is Verdict.PROMOTE
    assert any("nothing measured: no statistics" in look.note for look in outcome.history)
    assert world.at > 3 * PLAN.bake + 10


@pytest.mark.parametrize("since", [0, 20])
def test_a_source_that_fails_for_longer_than_a_step_may_last_aborts(since: float) -> None:
    """Whoever cannot be measured is not promoted."""
    world = World(unread=(since, math.inf))
    outcome = world.run()

    assert outcome.verdict is Verdict.ABORT
    assert world.moves == [5, 0]
    assert world.at == pytest.approx(PLAN.max_bake)
    assert "no statistics" in outcome.reason


def test_a_proxy_that_does_not_move_is_an_abort() -> None:
    """When the traffic cannot be moved, it is put back where it was, and the reason says why."""
    world = World(unmoved=3)
    outcome = world.run()

    assert (outcome.verdict, outcome.cause, world.moves) == (Verdict.ABORT, "error", [0])
    assert outcome.reason == "OSError: the proxy does not answer"


def test_a_split_that_cannot_be_restored_is_an_error() -> None:
    """Nobody is told that the old version serves when it does not."""
    with pytest.raises(NotRestored, match="could not be restored: the proxy does not answer"):
        World(unmoved=10**6).run()


def test_a_last_move_that_fails_takes_everything_back() -> None:
    """Promotion is only what arrived."""
    world = World()
    move, calls = world.move, iter([None, None, None, OSError("gone")])

    def moving(percent: float) -> None:
        if error := next(calls, None):
            raise error
        move(percent)

    world.move = moving  # type: ignore[method-assign]
    outcome = world.run()

    assert (outcome.verdict, outcome.cause, world.moves) == (Verdict.ABORT, "error", [5, 25, 50, 0])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_end_of_the_process_restores_first(error: type[BaseException]) -> None:
    """Ctrl-C puts the split back and goes on its way."""
    world = World()

    def interrupt() -> Asked | None:
        raise error

    world.asked = interrupt  # type: ignore[method-assign]
    with pytest.raises(error):
        world.run()
    assert world.moves == [5, 0]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_of_the_restoring_waits_for_it(error: type[BaseException]) -> None:
    """Ctrl-C while the split is put back does not leave it half way."""
    world = World(new=FAILING, rate=200)
    move, calls = world.move, iter([None, error()])

    def moving(percent: float) -> None:
        if interrupt := next(calls, None):
            raise interrupt
        move(percent)

    world.move = moving  # type: ignore[method-assign]
    with pytest.raises(error):
        world.run()
    assert world.moves == [5, 0]


def test_whoever_listens_may_fail() -> None:
    """A progress that cannot be written ends the rollout, and names what was wrong."""
    world = World()

    class Listener(list[object]):
        def append(self, _: object) -> None:
            raise HybridMLError("rollout/progress.json cannot be written: the disk is full")

    world.looks = Listener()  # type: ignore[assignment]
    outcome = world.run()

    assert (outcome.cause, world.moves) == ("error", [5, 0])
    assert outcome.reason == "rollout/progress.json cannot be written: the disk is full"


def test_counters_that_begin_again_lose_no_evidence() -> None:
    """A proxy that restarts in the middle of a step does not hide the failures before it."""
    world = World(new=Version(failing=0.1), rate=100, restarts=30)
    looks = replace(PLAN, steps=(50.0,), interval=29.0, min_requests=1000)
    outcome = world.run(looks)
    judged = [look.judgement.gates[0].requests for look in outcome.history if look.judgement]

    assert outcome.verdict is Verdict.ABORT
    assert all(earlier < later for earlier, later in pairwise(judged))


def test_a_variant_that_is_no_longer_measured_stays_judged() -> None:
    """Losing sight of a failing variant does not promote it."""
    world = World(new=FAILING, rate=40)
    read = world.read

    def blind() -> Mapping[str, Pair]:
        return read() if world.at < 30 else {"challenger": Pair(candidate=Counts(), champion=Counts())}

    world.read = blind  # type: ignore[method-assign]
    outcome = world.run(replace(PLAN, min_requests=60))

    assert outcome.verdict is Verdict.ABORT
    assert world.percent == 0


def test_a_variant_that_was_out_of_sight_for_a_moment_is_counted_once() -> None:
    """What it answered before the step, or before it was lost, is not counted again."""
    world = World(rate=100)
    world.candidate = Counts(requests=10**6, failures=10**6)
    read = world.read

    def blinking() -> Mapping[str, Pair]:
        return {} if 20 <= world.at < 25 else read()

    world.read = blinking  # type: ignore[method-assign]
    outcome = world.run()

    assert outcome.verdict is Verdict.PROMOTE
    assert all(gate.requests < 10**5 for look in outcome.history if look.judgement for gate in look.judgement.gates)


def test_an_outcome_is_json_and_ends_somewhere() -> None:
    """Every number of a report can be written down; a very long rollout keeps its last looks."""
    world = World(rate=2)
    outcome = world.run(replace(PLAN, interval=1.0, max_bake=1500.0, min_requests=10**6))
    plain = outcome.to_mapping()

    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert len(outcome.history) == REMEMBERED


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    versions = st.builds(Version, st.sampled_from([0.0, 0.01, 0.3, 1.0]), st.sampled_from([20.0, 22.0, 200.0]))
    asks = st.dictionaries(st.floats(0, 100), st.sampled_from(["promote", "abort", "orphaned"]), max_size=1)
    blind = draw(st.floats(0, 60))
    return World(
        new=draw(versions),
        rate=draw(st.sampled_from([0.0, 2.0, 10.0])),
        seed=draw(st.integers(0, 99)),
        asks=draw(asks),
        unread=(blind, blind + draw(st.floats(0, 40))),
        restarts=draw(st.floats(0, 60)),
    )


STEPS = st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True).map(sorted)


@settings(deadline=None, max_examples=60)
@given(_worlds(), STEPS, st.floats(1, 40))
def test_every_rollout_ends_whole(world: World, steps: list[int], interval: float) -> None:
    """Whatever happens, the steps come in order, none is overtaken, and the end is 100 or 0 as the verdict says."""
    outcome = world.run(replace(QUICK, steps=tuple(map(float, steps)), interval=interval))
    *before, last = world.moves

    assert before == [float(step) for step in steps[: len(before)]]
    assert last == (100 if outcome.verdict is Verdict.PROMOTE else 0)
    if outcome.cause == "gates" and outcome.verdict is Verdict.PROMOTE:
        assert len(before) == len(steps)
    for look in world.looks:
        assert look.percent == steps[look.step]
        assert look.elapsed <= QUICK.max_bake + 1e-6
