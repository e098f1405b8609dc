"""The repository's own stacks pass because of what they hold: take it away, and the rule that asks for it fails."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hybridml_policies import ALL, Kind, evaluate, exit_code, load_profile

from policies.cases import STRICT, TODAY

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated in favor of:DeprecationWarning")
S3, K8S = "aws:s3/bucket", "kubernetes:"
GUARDS = {
    f"{S3}ServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ("AWS-S3-001", "prod"),
    f"{S3}PublicAccessBlock:BucketPublicAccessBlock": ("AWS-S3-002", "prod"),
    f"{S3}Policy:BucketPolicy": ("AWS-S3-003", "prod"),
    f"{S3}Versioning:BucketVersioning": ("AWS-S3-004", "prod"),
    f"{K8S}networking.k8s.io/v1:NetworkPolicy": ("K8S-NET-001", "onprem"),
    f"{K8S}policy/v1:PodDisruptionBudget": ("K8S-HA-001", "onprem"),
}
"""What stands guard, for which rule, and in which stack."""


@cache
def planned(stack: str) -> dict[str, Any]:
    """The plan of one of the repository's stacks."""
    from hybridml.engine import program

    return program.plan(ROOT, stack).to_json()


@pytest.mark.parametrize("stack", ["dev", "local", "onprem", "prod", "staging"])
def test_stack_is_clean_by_its_own_profile(stack: str) -> None:
    """Without a waiver, and with nothing unknown."""
    report = evaluate(planned(stack), load_profile(stack), today=TODAY)

    assert report.findings == ()
    assert exit_code(report) == 0
    assert report.counts[Kind.PASS] > 0


@pytest.mark.parametrize(("token", "rule", "stack"), [(token, *rest) for token, rest in GUARDS.items()])
def test_rule_fails_without_the_resource_that_keeps_it(token: str, rule: str, stack: str) -> None:
    """Exactly that rule, and for every resource that was guarded."""
    plan = planned(stack)
    left = [resource for resource in plan["resources"] if resource["type"] != token]
    assert len(left) < len(plan["resources"])

    report = evaluate(plan | {"resources": left}, STRICT, today=TODAY)

    assert {(finding.rule.id, finding.kind) for finding in report.findings} == {(rule, Kind.FAIL)}


def test_together_the_stacks_hold_every_rule_but_the_one_about_state() -> None:
    """No rule is for show: each is answered with a pass by a resource that the repository plans."""
    reports = [evaluate(planned(stack), STRICT, today=TODAY) for stack in ("dev", "onprem", "prod", "staging")]
    types = {
        resource["type"] for stack in ("dev", "onprem", "prod", "staging") for resource in planned(stack)["resources"]
    }

    assert {rule.id for rule in ALL.values() if not rule.types & types} == {"ML-STA-001"}
    assert all(not report.counts[Kind.UNKNOWN] for report in reports)
