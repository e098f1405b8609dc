"""Every rule answers its fixtures, reads what it says it reads, and survives whatever is written."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml_policies import ALL, Kind, Rule, Severity, evaluate, exit_code, parse_waivers
from hybridml_policies.pods import POD_PATHS, POD_TYPES
from hybridml_policies.values import UNKNOWN

from policies.cases import REMOVED, STRICT, TODAY, Case, cases, cases_of, changed, plan_of, verdicts

RULES = pytest.mark.parametrize("rule", ALL.values(), ids=list(ALL))
NEEDED = ("pass", "fail", "unknown", "waived")
OTHER_VALUES: tuple[object, ...] = (
    REMOVED,
    False,
    True,
    0,
    10**9,
    "*",
    "other",
    [],
    ["other"],
    {},
    {"matchLabels": {"a": "b"}},
)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_rule_answers_its_fixture(case: Case) -> None:
    """Every resource that the rule is about gets the verdict that the fixture is named for, and a reason."""
    found = case.verdicts()

    assert found, "the fixture holds nothing that the rule is about"
    judged = [(name, kind, reason) for name, kind, reason in found if kind is not Kind.NOT_APPLICABLE]
    if case.kind is Kind.NOT_APPLICABLE:
        assert not judged
    elif case.kind is Kind.PASS:
        assert {kind for _, kind, _ in judged} == {Kind.PASS}
    else:
        assert case.kind in {kind for _, kind, _ in judged}
        assert all(reason for _, kind, reason in judged if kind is not Kind.PASS)


@RULES
def test_rule_has_a_fixture_for_every_verdict(rule: Rule) -> None:
    """A rule without a fixture that passes, fails, is unknown or is waived is not finished."""
    names = {case.name.split("-")[0] for case in cases_of(rule.id)}

    assert names >= set(NEEDED)


@pytest.mark.parametrize(
    "case", [case for case in cases("waived") if case.rule.severity is not Severity.CRITICAL], ids=str
)
def test_waiver_covers_the_finding(case: Case) -> None:
    """A waived violation is reported with its waiver and does not decide the exit status."""
    waivers = parse_waivers([case.waiver])
    report = evaluate(case.plan, STRICT, waivers, today=TODAY)
    findings = [finding for finding in report.findings if finding.rule is case.rule]

    assert [finding.waiver for finding in findings] == list(waivers)
    assert not any(finding.counts for finding in findings)


@pytest.mark.parametrize("case", [case for case in cases("waived") if case.rule.severity is Severity.CRITICAL], ids=str)
def test_critical_rule_refuses_a_waiver(case: Case) -> None:
    """A waiver of a critical rule is a mistake in the configuration, and the violation stays."""
    with pytest.raises(ConfigurationError, match=f"{case.rule.id} is critical and cannot be waived"):
        parse_waivers([case.waiver])
    assert exit_code(evaluate(case.plan, STRICT, today=TODAY)) == 5


def _reads() -> Iterator[Any]:
    for rule in ALL.values():
        for read in rule.reads:
            yield pytest.param(rule, read, id=f"{rule.id}-{read}")


@pytest.mark.parametrize(("rule", "read"), list(_reads()))
def test_what_a_rule_reads_decides(rule: Rule, read: str) -> None:
    """Taking away or changing a property that the rule says it reads turns a pass into something else."""
    places = [(case, *place) for case in cases_of(rule.id, "pass") for place in _places(case, read)]
    assert places, f"no passing fixture sets {read}"

    values = (*OTHER_VALUES, *_broken_values(rule))
    assert any(_spoiled(case, changed(case, index, path, value)) for case, index, path in places for value in values)


@pytest.mark.parametrize(("rule", "read"), list(_reads()))
def test_a_value_that_is_not_known_never_fails(rule: Rule, read: str) -> None:
    """A property that is there and not known yet leaves a pass, or makes it unknown."""
    for case in cases_of(rule.id, "pass"):
        for index, path in _places(case, read):
            for name, kind, reason in verdicts(rule, changed(case, index, path, UNKNOWN)):
                assert kind is not Kind.FAIL, (case.name, name, reason)


def _spoiled(case: Case, resources: tuple[dict[str, Any], ...]) -> bool:
    """Whether a resource that passed no longer does."""
    before = {name for name, kind, _ in case.verdicts() if kind is Kind.PASS}
    return any(name in before and kind is not Kind.PASS for name, kind, _ in verdicts(case.rule, resources))


def _broken_values(rule: Rule) -> list[Any]:
    """What the failing fixtures set where the rule reads."""
    found = []
    for case in cases_of(rule.id, "fail"):
        for index, path in (place for read in rule.reads for place in _places(case, read)):
            value: Any = case.resources[index]["inputs"]
            for step in path:
                value = value[step]
            found.append(value)
    return found


def _places(case: Case, read: str) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Where the fixture sets the property: the resource's position and the steps to the value."""
    for index, resource in enumerate(case.resources):
        for path in _paths(case.rule, read, resource["type"]):
            for steps in _walk(resource["inputs"], path.split(".")):
                yield index, steps


def _paths(rule: Rule, read: str, token: str) -> tuple[str, ...]:
    if read.startswith("{pod}"):
        return tuple(read.replace("{pod}", pod) for pod in POD_PATHS.get(token, ()))
    owner, _, path = read.partition(".")
    if owner[0].isupper():
        return (path,) if token.rpartition(":")[2] == owner else ()
    return (read,) if token in rule.types else ()


def _walk(value: Any, steps: list[str]) -> Iterator[tuple[str | int, ...]]:
    if not steps:
        yield ()
        return
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(value, dict):
        for key, child in value.items():
            yield from ((key, *below) for below in _walk(child, rest))
    elif step.endswith("[]") and isinstance(value, dict) and isinstance(value.get(step[:-2]), list):
        for index, child in enumerate(value[step[:-2]]):
            yield from ((step[:-2], index, *below) for below in _walk(child, rest))
    elif isinstance(value, dict) and value.get(step) is not None:
        yield from ((step, *below) for below in _walk(value[step], rest))


POD_CASES = [case for case in cases() if case.rule.types == POD_TYPES and case.name != "waived"]


@pytest.mark.parametrize("token", sorted(POD_TYPES))
@pytest.mark.parametrize("case", POD_CASES, ids=str)
def test_pod_rule_sees_pods_wherever_they_are(case: Case, token: str) -> None:
    """A pod gets the same verdict in a Deployment, a CronJob, an InferenceService or by itself."""
    resources = tuple(_rehoused(resource, token) for resource in case.resources)

    assert [kind for _, kind, _ in verdicts(case.rule, resources)] == [case.kind]


@pytest.mark.parametrize("part", ["predictor", "transformer", "explainer"])
def test_every_part_of_an_inference_service_is_a_pod(part: str) -> None:
    """One insecure part of three fails the service."""
    rule = ALL["K8S-POD-006"]
    secure = {"containers": [{"name": "server", "securityContext": {"allowPrivilegeEscalation": False}}]}
    parts = dict.fromkeys(("predictor", "transformer", "explainer"), secure) | {part: {"containers": [{"name": "x"}]}}
    token = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
    service = {"urn": "urn", "type": token, "name": "churn", "inputs": {"spec": parts}}

    ((_, kind, reason),) = verdicts(rule, (service,))

    assert kind is Kind.FAIL
    assert reason == f"spec.{part}.containers[0].securityContext.allowPrivilegeEscalation is not set, false is needed"


def test_container_from_a_serving_runtime_is_not_known() -> None:
    """An InferenceService that only names a model gets its container from elsewhere, so nobody knows."""
    token = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
    model = {"spec": {"predictor": {"model": {"modelFormat": {"name": "mlflow"}}}}}
    service = {"urn": "urn", "type": token, "name": "churn", "inputs": model}

    for rule_id in ("K8S-POD-005", "K8S-POD-006", "K8S-POD-007", "K8S-POD-008", "K8S-IMG-001"):
        assert [kind for _, kind, _ in verdicts(ALL[rule_id], (service,))] == [Kind.UNKNOWN]


def _rehoused(resource: dict[str, Any], token: str) -> dict[str, Any]:
    pod = copy.deepcopy(resource["inputs"]["spec"]["template"]["spec"])
    inputs: dict[str, Any] = {"metadata": {"name": "churn"}}
    place = inputs
    *above, last = POD_PATHS[token][0].split(".")
    for step in above:
        place = place.setdefault(step, {})
    place[last] = pod
    return resource | {"type": token, "inputs": inputs}


def test_evaluation_is_the_same_whatever_the_order() -> None:
    """Resources in another order give the same findings in the same order."""
    resources = tuple(r for case in cases("fail") for r in case.resources)
    unique = tuple({r["urn"]: r for r in resources}.values())
    there, back = (evaluate(plan_of(rs), STRICT, today=TODAY) for rs in (unique, unique[::-1]))

    assert [(f.rule.id, f.urn, f.reason) for f in there.findings] == [
        (f.rule.id, f.urn, f.reason) for f in back.findings
    ]
