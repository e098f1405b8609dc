"""Whatever a target does not keep it refuses by name: every refusal of every target, from its table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hybridml.spec import EndpointSpec
from hybridml.spec.stack import StackSpec
from hybridml.targets.base import KINDS, Promise, Refusal, find
from ruamel.yaml import YAML
from targets.planned import SPEC, TARGETS, merged

ALONE = {"champion": {"weight": 100}, "challenger": None}
CAPTURED = {"capture": {"sample": 10}}
QUALITY = {"baseline": "s3://base/churn/"}
CUSTOM = {"kind": "custom", "image": f"serving:1@sha256:{'d' * 64}", "port": 8080, "routes": {"predict": "/p"}}
ASKING: Mapping[Promise, Mapping[str, Any]] = {
    Promise.REALTIME: {"mode": "realtime"},
    Promise.SERVERLESS: {"mode": "serverless"},
    Promise.ASYNC: {"mode": "async"},
    Promise.BATCH: {"mode": "batch", "traffic": ALONE, "batch": {"input": "s3://data/*.csv", "output": "s3://out/"}},
    Promise.RUNTIME_MLFLOW: {"runtime": {"kind": "mlflow"}},
    Promise.RUNTIME_TRITON: {"runtime": {"kind": "triton"}},
    Promise.RUNTIME_VLLM: {"runtime": {"kind": "vllm"}},
    Promise.RUNTIME_CUSTOM: {"runtime": CUSTOM},
    Promise.GPU: {"runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}},
    Promise.SECRETS: {"runtime": {"secrets": {"TOKEN": "config:token"}}},
    Promise.SPLIT: {},
    Promise.HEADER_ROUTES: {"traffic": {"routes": [{"header": {"x-cohort": "beta"}, "version": "4"}]}},
    Promise.SHADOW: {"traffic": {**ALONE, "shadow": {"version": "4"}}},
    Promise.AUTOSCALING: {"scaling": {"min": 1, "max": 3}},
    Promise.SCHEDULES: {"scaling": {"schedules": [{"cron": "0 20 * * *", "min": 1, "max": 2}]}},
    Promise.ROLLOUT_CANARY: {"rollout": {"strategy": "canary"}},
    Promise.ROLLOUT_LINEAR: {"rollout": {"strategy": "linear"}},
    Promise.ROLLOUT_BLUE_GREEN: {"rollout": {"strategy": "blue-green"}},
    Promise.ROLLOUT_ALL_AT_ONCE: {"rollout": {"strategy": "all-at-once"}},
    Promise.ROLLOUT_GATES: {"rollout": {"strategy": "blue-green", "abort_on": {"error_rate": 0.01}}},
    Promise.CAPTURE: CAPTURED,
    Promise.DRIFT: {**CAPTURED, "monitors": {"drift": QUALITY}},
    Promise.DATA_QUALITY: {**CAPTURED, "monitors": {"data_quality": QUALITY}},
    Promise.MODEL_QUALITY: {
        **CAPTURED,
        "monitors": {"model_quality": {"ground_truth": "s3://truth/churn/", "metric": "auc", "threshold": 0.8}},
    },
    Promise.BIAS: {**CAPTURED, "monitors": {"bias": {**QUALITY, "facet": "age"}}},
    Promise.EXPLAINABILITY: {**CAPTURED, "monitors": {"explainability": QUALITY}},
    Promise.SLO_ALARMS: {"slo": {"p99_ms": 300}},
    Promise.INVOKERS: {"access": {"invokers": ["group:scoring-clients"]}},
    Promise.SIGNATURE: {"versions": {"3": {"artifact": {"signature": {"key": "keys/models.pub"}}}}},
}
"""What an endpoint says to ask for each promise."""
REFUSED = [
    (kind, promise) for kind in KINDS for promise, answer in find(kind).promises.items() if isinstance(answer, Refusal)
]


def test_every_promise_can_be_asked_for() -> None:
    """There is a way of asking for each of them here."""
    assert set(ASKING) == set(Promise)


@pytest.mark.parametrize(("kind", "promise"), REFUSED, ids=str)
def test_what_is_not_kept_is_refused_by_name(kind: str, promise: Promise) -> None:
    """Target, value, reason and way out are in the message, and nothing is planned."""
    answer = find(kind).promises[promise]
    assert isinstance(answer, Refusal)

    problems = find(kind).refusals("churn", _asking(promise), _target(kind))

    said = {(problem.path, problem.message, problem.fix) for problem in problems}
    path = promise.value.partition("=")[0]
    assert [each for each in said if _names(each[0], path) and each[1:] == (f"{kind} {answer.reason}", answer.fix)], (
        problems
    )


WRITTEN = re.compile(r"([a-z_.]+): (null|[{].*[}])")
WAYS_OUT = [
    (kind, promise, way)
    for kind, promise in REFUSED
    if (way := WRITTEN.search(getattr(find(kind).promises[promise], "fix", "")))
]


@pytest.mark.parametrize(("kind", "promise", "way"), WAYS_OUT, ids=lambda it: it[0] if isinstance(it, re.Match) else it)
def test_a_way_out_that_is_written_out_is_one(kind: str, promise: Promise, way: re.Match[str]) -> None:
    """Who writes it into the stack's file, word by word, is refused that promise no more."""
    change = YAML(typ="safe").load(way[2])
    for name in reversed(way[1].split(".")):
        change = {name: change}
    gates = {"abort_on": {"error_rate": 0.02}} if promise.value.startswith("rollout.strategy") else {}
    asked = merged(merged(merged(SPEC, ASKING[promise]), {"rollout": gates}), change)

    problems = find(kind).refusals("churn", EndpointSpec.from_mapping("churn", asked), _target(kind))

    assert promise.value.partition("=")[0] not in {problem.path.removeprefix("churn.") for problem in problems}


def _names(said: str, asked: str) -> bool:
    """Whether the path of a problem is that of the promise, or inside it; versions have names of their own."""
    inside = said.removeprefix("churn.").replace("versions.3.", "versions.")
    return inside == asked or inside.startswith(f"{asked}.")


def _asking(promise: Promise) -> EndpointSpec:
    return EndpointSpec.from_mapping("churn", merged(SPEC, ASKING[promise]))


def _target(kind: str) -> Any:
    written = TARGETS.get(kind, {"kind": "local", "port": 8090})
    return StackSpec.model_validate({"environment": "prod", "targets": {"here": written}}).target("here")
