"""How often a verdict is wrong, and how many requests it takes: rollouts simulated by the hundred."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hybridml.rollout.drive import Outcome
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.rollout.verdict import Verdict
from rollout.simulated import PLAN, Version, World

COMPARED = replace(PLAN, steps=(50.0,), interval=1.0, bake=40.0, max_bake=80.0, gates=Gates(worse_than_champion=0.9))
"""One step that is looked at every second, and judged by the comparison alone at a confidence of 0.9."""
EQUAL = Version(failing=0.05, median_ms=30.0, spread=0.6)
STRICT = replace(
    PLAN, interval=1.0, gates=Gates(error_rate=0.01, p99_ms=2000.0, worse_than_champion=0.999), confidence=0.999
)
"""What a careful team writes."""


def _false_alarms(runs: int, plan: RolloutPlan) -> int:
    worlds = (World(old=EQUAL, new=EQUAL, rate=20, seed=seed) for seed in range(runs))
    return sum(world.run(plan).verdict is Verdict.ABORT for world in worlds)


def test_equal_versions_are_not_called_different() -> None:
    """Of 40 rollouts between equal versions, looked at every second, at most one in ten may be aborted."""
    assert _false_alarms(40, replace(COMPARED, confidence=0.9)) <= 4


@pytest.mark.slow
def test_equal_versions_are_not_called_different_in_a_thousand_rollouts() -> None:
    """The same over 400 canaries of three steps."""
    plan = replace(COMPARED, steps=(5.0, 25.0, 50.0), confidence=0.9, min_requests=20)

    assert _false_alarms(400, plan) <= 40


@pytest.mark.slow
def test_a_share_at_its_limit_is_not_called_above_it() -> None:
    """Of 200 rollouts of a version exactly at the limit, one in ten may be aborted by the gate."""
    plan = replace(COMPARED, gates=Gates(error_rate=0.05), confidence=0.9)
    outcomes = (World(new=EQUAL, rate=40, seed=seed).run(plan) for seed in range(200))

    assert sum("at confidence" in outcome.reason for outcome in outcomes) <= 20


def _requests(outcome: Outcome) -> int:
    judgement = outcome.history[-1].judgement
    return judgement.gates[0].requests if judgement else 0


@pytest.mark.parametrize(
    ("new", "gate"),
    [
        (Version(failing=0.2, median_ms=20.0), "error_rate"),
        (Version(failing=0.2, median_ms=20.0), "champion_failures"),
        (Version(median_ms=200.0), "champion_p50"),
    ],
)
def test_a_bad_version_is_found_in_few_requests(new: Version, gate: str) -> None:
    """A fifth of failures, or ten times the latency, is found at 0.999 as soon as `min_requests` is reached."""
    for seed in range(10):
        outcome = World(new=new, rate=100, seed=seed).run(STRICT)

        assert (outcome.verdict, outcome.step) == (Verdict.ABORT, 0)
        assert gate in outcome.reason
        assert _requests(outcome) < 200


def test_a_good_version_is_promoted_under_strict_gates() -> None:
    """Ten rollouts of an equal version at 0.999 all end with everything on it."""
    good = Version(failing=0.0, median_ms=20.0)
    outcomes = [World(old=good, new=good, rate=50, seed=seed).run(STRICT) for seed in range(10)]

    assert {outcome.verdict for outcome in outcomes} == {Verdict.PROMOTE}
