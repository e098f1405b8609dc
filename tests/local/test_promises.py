"""What the local target keeps, and how it refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hybridml.spec import EndpointSpec
from hybridml.targets.base import KEEPS, Promise, Refusal
from hybridml.targets.local.promises import PROMISES, refusals

BATCH: dict[str, Any] = {"mode": "batch", "batch": {"input": "in/*.csv", "output": "out"}}
MINIMAL: dict[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team",
    "data_class": "internal",
    "versions": {"1": {"artifact": {"uri": "models/1"}}},
    "traffic": {"champion": {"version": "1"}},
    "rollout": {"strategy": "all-at-once"},
    "access": {"invokers": ["group:scoring-clients"]},
}


def spec(**over: Any) -> EndpointSpec:
    """The smallest endpoint that the local target keeps, with `over` on top."""
    return EndpointSpec.from_mapping("iris", MINIMAL | over)


def test_a_rollout_that_nobody_wrote_asks_for_nothing() -> None:
    """Ten lines without a word about rollouts are kept: versions then change at once."""
    silent = {key: value for key, value in MINIMAL.items() if key != "rollout"}

    assert refusals("iris", EndpointSpec.from_mapping("iris", silent)) == []


def test_every_promise_has_an_answer() -> None:
    """No promise is left without an answer, and each refusal says a way out."""
    assert set(PROMISES) == set(Promise)
    assert all(answer == KEEPS or answer.fix for answer in PROMISES.values())  # type: ignore[union-attr]


def test_the_smallest_endpoint_is_kept() -> None:
    """Nothing in the smallest endpoint is refused."""
    assert refusals("iris", spec()) == []


@pytest.mark.parametrize("strategy", ["canary", "linear", "blue-green", "all-at-once"])
def test_every_strategy_is_kept(strategy: str) -> None:
    """Versions change on this machine in whichever way is asked for, under gates."""
    assert refusals("iris", spec(rollout={"strategy": strategy})) == []


def test_a_batch_is_kept() -> None:
    """Files of this machine are predicted by a program of it."""
    assert refusals("iris", spec(**BATCH)) == []


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"mode": "serverless"}, "iris.mode"),
        ({"mode": "async"}, "iris.mode"),
        ({**BATCH, "batch": {"input": "s3://data/x.csv", "output": "out"}}, "iris.batch.input"),
        ({**BATCH, "batch": {"input": "in", "output": "gs://data/out"}}, "iris.batch.output"),
        ({**BATCH, "capture": {"sample": 10}}, "iris.capture"),
        ({**BATCH, "scaling": {"min": 2}}, "iris.scaling.max"),
        ({"runtime": {"kind": "triton"}}, "iris.runtime.kind"),
        ({"runtime": {"kind": "vllm"}}, "iris.runtime.kind"),
        ({"runtime": {"resources": {"gpu": {"count": 1}}}}, "iris.runtime.resources.gpu.count"),
        ({"runtime": {"image": "serving:1"}}, "iris.runtime.image"),
        ({"runtime": {"secrets": {"TOKEN": "kubernetes:a/b"}}}, "iris.runtime.secrets.TOKEN"),
        ({"slo": {"p99_ms": 300}}, "iris.slo.p99_ms"),
        ({"scaling": {"min": 1, "max": 101}}, "iris.scaling"),
        ({"scaling": {"schedules": [{"cron": "0 20 * * *", "min": 0, "max": 101}]}}, "iris.scaling"),
        ({"instance": "ml.m7i.large"}, "iris.instance"),
        ({"versions": {"1": {"artifact": {"uri": "s3://models/1/"}}}}, "iris.versions.1.artifact.uri"),
        ({"versions": {"1": {"artifact": {"uri": "models:/churn/1"}}}}, "iris.versions.1.artifact.uri"),
        ({"versions": {"1": {"artifact": {"uri": "m"}, "format": "onnx"}}}, "iris.versions.1.format"),
    ],
)
def test_what_is_not_kept_is_refused_by_name(over: dict[str, Any], path: str) -> None:
    """Each thing the target cannot do is one problem, at the path that asks for it, with a way out."""
    found = refusals("iris", spec(**over))

    assert [problem.path for problem in found] == [path]
    assert found[0].message.startswith("local ")
    assert found[0].fix


def test_all_refusals_come_at_once() -> None:
    """An endpoint that asks for three things that are not there hears of all three."""
    asked = spec(mode="async", slo={"p99_ms": 1}, runtime={"kind": "triton"})

    assert {problem.path for problem in refusals("iris", asked)} == {
        "iris.mode",
        "iris.slo.p99_ms",
        "iris.runtime.kind",
    }


def test_a_monitor_is_refused_and_the_capture_it_needs_is_kept() -> None:
    """The requests are there to look at; who looks is for a later release."""
    asked = spec(capture={"sample": 1}, monitors={"drift": {"baseline": "s3://baselines/churn/"}})

    assert {problem.path for problem in refusals("iris", asked)} == {"iris.monitors.drift"}


def test_a_refusal_is_not_a_promise_kept() -> None:
    """The two answers are told apart by type."""
    assert isinstance(PROMISES[Promise.DRIFT], Refusal)
    assert PROMISES[Promise.SHADOW] is KEEPS
