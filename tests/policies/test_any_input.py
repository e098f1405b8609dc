"""Whatever a program writes into a property, every rule gives a verdict and every report can be written."""

from __future__ import annotations

import json
from typing import Any

from hybridml.report import findings_json, findings_text, plan_text, sarif
from hybridml_policies import ALL, Kind, evaluate
from hybridml_policies.stack import Stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.cases import STRICT, TODAY, cases, plan_of

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["[unknown]", "[secret]", "arn:aws:s3:::hybridml-unknown/*", "*", "Allow", '{"Statement": [1]}', "1s", "-1%"]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
JSON = st.recursive(
    SCALARS,
    lambda child: st.one_of(st.lists(child, max_size=3), st.dictionaries(TEXTS, child, max_size=3)),
    max_leaves=8,
)
CASES = cases()


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Any, list[dict[str, Any]]]:
    """A fixture with any JSON in the place of any part of it."""
    case = draw(st.sampled_from(CASES))
    resources = json.loads(json.dumps(case.resources))
    place: Any = resources
    key: Any = draw(st.integers(0, len(resources) - 1))
    while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 5)):
        place = place[key]
        key = draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
    place[key] = draw(JSON)
    return case.rule, resources


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(spoiled())
def test_rule_gives_a_verdict_on_anything(example: tuple[Any, list[dict[str, Any]]]) -> None:
    """No value of any type in any property makes a rule raise."""
    rule, resources = example
    stack = Stack(resources)

    for resource in resources:
        if isinstance(resource, dict):
            assert rule(resource, stack).kind in Kind


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(spoiled(), JSON)
def test_reports_can_be_written_about_anything(example: tuple[Any, list[dict[str, Any]]], notes: Any) -> None:
    """A plan with any JSON in it is evaluated and rendered in every format."""
    plan = plan_of(tuple(example[1])) | {"notes": notes}
    report = evaluate(plan, STRICT, today=TODAY)

    assert findings_text([report]).startswith("prod: ")
    assert json.dumps(findings_json([report])) == json.dumps(findings_json([report]))
    assert json.dumps(sarif([report], "0.1.0"))
    assert plan_text(plan)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(JSON, max_size=4), st.sampled_from(sorted({token for rule in ALL.values() for token in rule.types})))
def test_inputs_of_any_shape_are_judged(inputs: list[Any], token: str) -> None:
    """Inputs that are no object, or an object of odd values, are judged too."""
    resources = [{"urn": f"u{i}", "type": token, "name": "x", "inputs": value} for i, value in enumerate(inputs)]

    report = evaluate({"resources": resources}, STRICT, today=TODAY)

    rules = [rule for rule in ALL.values() if token in rule.types]
    assert sum(report.counts.values()) == len(inputs) * len(rules)
