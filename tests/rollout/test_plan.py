"""A plan is what a spec asks for, and survives being written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec import EndpointSpec
from hybridml.spec.vocabulary import Strategy
from rollout.simulated import PLAN

MINIMAL: dict[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team-a",
    "data_class": "internal",
    "versions": {"1": {"artifact": {"uri": "models/1"}}},
    "traffic": {"champion": {"version": "1"}},
    "access": {"invokers": ["group:scoring-clients"]},
}


def _plan(**rollout: Any) -> RolloutPlan:
    return RolloutPlan.asked(EndpointSpec.from_mapping("iris", MINIMAL | {"rollout": rollout}))


def test_a_canary_is_planned_as_written() -> None:
    """Durations become seconds, and the comparison's confidence that of every verdict."""
    plan = _plan(
        strategy="canary",
        steps=[10, 50],
        interval="15s",
        bake="2m",
        max_bake="1h",
        min_requests=500,
        abort_on={"error_rate": 0.02, "p99_ms": 250, "worse_than_champion": 0.999},
    )
    assert plan == RolloutPlan(
        strategy=Strategy.CANARY,
        steps=(10.0, 50.0),
        interval=15.0,
        bake=120.0,
        max_bake=3600.0,
        min_requests=500,
        gates=Gates(error_rate=0.02, p99_ms=250, worse_than_champion=0.999),
        confidence=0.999,
    )


def test_defaults_follow_the_strategy() -> None:
    """A canary has three steps, linear nine of ten percent, blue-green one of everything, all-at-once none."""
    assert _plan(strategy="canary").steps == (5.0, 25.0, 50.0)
    assert _plan(strategy="linear").steps == (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
    assert _plan(strategy="blue-green").steps == (100.0,)
    assert _plan(strategy="all-at-once").steps == ()
    assert _plan(strategy="canary").confidence == 0.95


def test_all_at_once_has_no_gates() -> None:
    """Nothing is judged where nothing could be taken back."""
    assert _plan(strategy="all-at-once").gates == Gates()
    assert _plan(strategy="blue-green").gates == Gates(error_rate=0.01)


def test_a_rollout_that_nobody_wrote_is_all_at_once() -> None:
    """Ten lines without a word about rollouts never wait for requests."""
    plan = RolloutPlan.asked(EndpointSpec.from_mapping("iris", MINIMAL))

    assert (plan.strategy, plan.steps, plan.gates) == (Strategy.ALL_AT_ONCE, (), Gates())


def test_a_plan_is_the_same_after_json() -> None:
    """What is written into a folder is read back from it."""
    assert RolloutPlan.from_mapping(json.loads(json.dumps(PLAN.to_mapping()))) == PLAN


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [50, 20]},
        {"steps": [50, 150]},
        {"steps": [0]},
        {"interval": 0},
        {"bake": 500},
        {"confidence": 1},
        {"strategy": "hope"},
    ],
)
def test_numbers_that_are_no_plan_are_refused(wrong: dict[str, Any]) -> None:
    """A folder that somebody edited does not move traffic where nobody asked."""
    with pytest.raises(ValueError, match=r"steps|times|confidence|Strategy"):
        RolloutPlan.from_mapping(PLAN.to_mapping() | wrong)
