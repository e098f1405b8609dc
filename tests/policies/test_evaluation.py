"""What a report says: counts, baselines, exit statuses, what is out of sight, and what is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml.report import findings_json
from hybridml_policies import Kind, Level, Profile, evaluate, exit_code, load_baseline, with_stack
from hybridml_policies.exported import plan_of_export

from policies.cases import STRICT, TODAY, cases_of, plan_of, resource

MODEL = "aws:sagemaker/model:Model"
ONLY_ISOLATION = Profile("one", "", Level.OFF, {"AWS-SM-003": Level.MANDATORY})
ADVICE = Profile("advice", "", Level.OFF, {"AWS-SM-003": Level.ADVISORY})


def plan(verdict: str) -> dict[str, object]:
    """The fixture of one rule."""
    return cases_of("AWS-SM-003", verdict)[0].plan


@pytest.mark.parametrize(("verdict", "status"), [("pass", 0), ("fail", 5), ("unknown", 6)])
def test_exit_status_is_that_of_the_worst_answer(verdict: str, status: int) -> None:
    """0 clean, 5 violated, 6 only unknown."""
    assert exit_code(evaluate(plan(verdict), ONLY_ISOLATION, today=TODAY)) == status


@pytest.mark.parametrize("verdict", ["fail", "unknown"])
def test_advice_does_not_fail_a_check(verdict: str) -> None:
    """An advisory rule is reported and leaves the exit status alone."""
    report = evaluate(plan(verdict), ADVICE, today=TODAY)

    assert [finding.level for finding in report.findings] == [Level.ADVISORY]
    assert exit_code(report) == 0


def test_a_rule_that_is_off_is_not_asked() -> None:
    """Neither asked nor counted."""
    report = evaluate(plan("fail"), Profile("none", "", Level.OFF, {}), today=TODAY)

    assert report.rules == ()
    assert report.findings == ()
    assert sum(report.counts.values()) == 0


def test_violation_is_worse_than_unknown() -> None:
    """A plan with both exits as violated."""
    both = plan_of((*cases_of("AWS-SM-003", "fail")[0].resources, *cases_of("AWS-SM-003", "unknown")[0].resources))

    assert exit_code(evaluate(both, ONLY_ISOLATION, today=TODAY)) == 5


def test_what_the_baseline_has_is_not_new(tmp_path: Path) -> None:
    """The JSON of an earlier check is the baseline; a violation that was only unknown in it is new."""
    before = evaluate(plan("fail"), ONLY_ISOLATION, today=TODAY)
    path = tmp_path / "before.json"
    path.write_text(json.dumps(findings_json([before])))
    known = load_baseline(path)

    same = evaluate(plan("fail"), ONLY_ISOLATION, baseline=known, today=TODAY)
    other = evaluate(plan("unknown"), ONLY_ISOLATION, baseline=known, today=TODAY)

    assert [finding.known for finding in same.findings] == [True]
    assert exit_code(same) == 0
    assert [finding.known for finding in other.findings] == [False]
    assert exit_code(other) == 6


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"stacks": 1}', '{"stacks": [{"findings": [{}]}]}', '{"stacks": [{}]}']
)
def test_baseline_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file and the command that writes one."""
    path = tmp_path / "baseline.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"is no report of hybridml check .*--format json"):
        load_baseline(path)


def test_what_is_only_looked_up_is_not_judged() -> None:
    """A bucket that another stack owns is that stack's to close."""
    (resource,) = cases_of("AWS-SM-003", "fail")[0].resources

    report = evaluate(plan_of((resource | {"external": True},)), STRICT, today=TODAY)

    assert report.findings == ()


def test_what_no_rule_can_see_is_said() -> None:
    """Notes of the plan, and releases whose resources are made inside the cluster."""
    release = {"urn": "urn:release", "type": "kubernetes:helm.sh/v3:Release", "name": "kserve", "inputs": {}}
    noted = plan_of((release,)) | {
        "notes": [{"subject": "eks:index:Cluster", "message": "its children are out of sight"}]
    }

    report = evaluate(noted, STRICT, today=TODAY)

    assert [(unseen.subject, unseen.reason) for unseen in report.unseen] == [
        ("eks:index:Cluster", "its children are out of sight"),
        ("urn:release", "the resources of a Helm release are made inside the cluster"),
    ]


def test_finding_knows_where_the_program_makes_the_resource() -> None:
    """File and line come from the plan."""
    (finding,) = evaluate(plan("fail"), ONLY_ISOLATION, today=TODAY).findings

    assert (finding.file, finding.line, finding.name, finding.kind) == ("infra/__main__.py", 12, "churn-3", Kind.FAIL)


def test_what_is_deployed_is_judged_by_the_same_rules() -> None:
    """An exported state is read as a plan: what waits for deletion is left out, secrets stay hidden."""
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    urn = "urn:pulumi:prod::acme::aws:sagemaker/model:Model::churn"
    export = {
        "version": 3,
        "deployment": {
            "resources": [
                {"urn": "urn:pulumi:prod::acme::pulumi:pulumi:Stack::acme-prod", "type": "pulumi:pulumi:Stack"},
                {"urn": urn, "type": MODEL, "custom": True, "inputs": {"enableNetworkIsolation": secret}},
                {"urn": f"{urn}-old", "type": MODEL, "custom": True, "delete": True, "inputs": {}},
            ]
        },
    }

    report = evaluate(plan_of_export(export), ONLY_ISOLATION, today=TODAY)

    assert (report.project, report.stack) == ("acme", "prod")
    assert [(finding.urn, finding.kind) for finding in report.findings] == [(urn, Kind.UNKNOWN)]


@pytest.mark.parametrize("export", [{}, {"deployment": None}, {"deployment": {"resources": [1, {}]}}])
def test_empty_export_is_an_empty_plan(export: dict[str, object]) -> None:
    """Nothing deployed, nothing judged."""
    assert evaluate(plan_of_export(export), STRICT, today=TODAY).findings == ()


def test_stack_is_judged_by_what_its_files_say(tmp_path: Path) -> None:
    """Backend from the project, secrets provider from the stack file, with the line that says it."""
    (tmp_path / "Pulumi.yaml").write_text("name: acme\nruntime: python\nbackend: {url: 'file:///srv/state'}\n")
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config: {}\nencryptionsalt: v1:abc\n")

    report = evaluate(with_stack(plan_of(()), tmp_path, file), STRICT, today=TODAY)

    (finding,) = report.findings
    reason = "backend.url is a folder of one machine; the stack's secrets are under a passphrase"
    assert (finding.rule.id, finding.reason) == ("ML-STA-001", reason)
    assert (finding.file, finding.line) == ("Pulumi.prod.yaml", 2)
    assert finding.urn == "urn:pulumi:prod::acme::pulumi:pulumi:Stack::acme-prod"


def test_stack_whose_files_say_nothing_is_not_judged(tmp_path: Path) -> None:
    """A project without files, or with a stack file that names neither."""
    file = tmp_path / "Pulumi.prod.yaml"
    without = evaluate(with_stack(plan_of(()), tmp_path, file), STRICT, today=TODAY)
    file.write_text("config: {}\n")

    assert without.findings == ()
    assert evaluate(with_stack(plan_of(()), tmp_path, file), STRICT, today=TODAY).findings == ()


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        ("kubernetes:apps/v1:DeploymentPatch", {"spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}}),
        ("kubernetes:core/v1:PodList", {"items": [{"spec": {"containers": [{"image": "a"}]}}]}),
        ("kubernetes:argoproj.io/v1alpha1:Rollout", {"spec": {"template": {"spec": {"containers": []}}}}),
    ],
)
def test_pods_of_types_that_no_rule_knows_are_said_not_to_be_seen(token: str, inputs: dict[str, Any]) -> None:
    """A stack is not called clean without a word about them."""
    made = resource(token, "odd", inputs)

    report = evaluate(plan_of((made,)), STRICT)

    assert [unseen.subject for unseen in report.unseen] == [made["urn"]]
