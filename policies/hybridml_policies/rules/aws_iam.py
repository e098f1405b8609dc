"""Identities on AWS."""

from __future__ import annotations

from collections.abc import Callable

from hybridml_policies.policy_document import Statement, statements
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Found, Resource, find_input, is_unknown
from hybridml_policies.verdict import PASS, Verdict, all_of, fails, unknown


@rule(
    "AWS-IAM-001",
    severity=Severity.CRITICAL,
    types=[
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/role:Role",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iam/groupPolicy:GroupPolicy",
    ],
    reads=[
        "Policy.policy",
        "RolePolicy.policy",
        "Role.inlinePolicies[].policy",
        "UserPolicy.policy",
        "GroupPolicy.policy",
    ],
    fix="Name the actions and the ARNs that the workload needs.",
    references=[
        "CKV_AWS_62",
        "CKV_AWS_63",
        "CKV2_AWS_40",
        "AWS-0057",
        "guard:IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS",
    ],
    frameworks=[
        "ISO27001:2022 A.5.18,A.8.2",
        "SOC2 CC6.3",
        "NIST800-53r5 AC-6,AC-3",
        "HIPAA 164.308(a)(4)(ii)(B)",
        "GDPR Art.25",
        "CIS-AWS 7.0 2.14",
        "FSBP IAM.1",
    ],
)
def no_administrators(identity: Resource) -> Verdict:
    """No administrator statements.

    A statement is one when it allows `*`, every action of a service, or every action but some, on every resource, on
    every resource but some, or on every one of a service.
    """
    policies = (*find_input(identity, "policy"), *find_input(identity, "inlinePolicies[].policy"))
    return all_of(_grants_no_administration(policy) for policy in policies if not policy.absent)


def _grants_no_administration(policy: Found) -> Verdict:
    found = statements(policy.value)
    if found is None:
        return unknown(f"{policy.path} is not known yet" if policy.unknown else f"{policy.path} is no policy document")
    return all_of((PASS, *(_is_no_administrator(policy.path, statement) for statement in found)))


def _is_no_administrator(path: str, statement: Statement) -> Verdict:
    everywhere = _any(statement.resources, _is_everything, lambda resource: not resource.startswith("arn:"))
    answers = (
        _any((statement.effect,), lambda effect: effect == "Allow"),
        bool(statement.not_actions) or _any(statement.actions, _is_every_action),
        bool(statement.not_resources) or everywhere,
    )
    if False in answers:
        return PASS
    if None in answers:
        return unknown(f"{path} has a statement that is not known yet")
    actions = ", ".join(filter(_is_every_action, statement.actions)) or f"all but {', '.join(statement.not_actions)}"
    but = f" but {', '.join(statement.not_resources)}" if statement.not_resources else ""
    return fails(f"{path} allows {actions} on every resource{but}")


def _any(
    values: tuple[str, ...], holds: Callable[[str], bool], may_hold: Callable[[str], bool] = lambda _: True
) -> bool | None:
    """Whether one of the values holds; None when only one that is not known may."""
    if any(map(holds, values)):
        return True
    return None if any(is_unknown(value) and may_hold(value) for value in values) else False


def _is_everything(resource: str) -> bool:
    """Tell whether the resource is `*`, or an ARN whose last part is. Source: AWS General Reference, "ARN format"."""
    return _is_wild(resource.split(":", maxsplit=5)[-1])


def _is_every_action(action: str) -> bool:
    """Tell whether the action is `*` or `service:*`."""
    return _is_wild(action.rpartition(":")[2])


def _is_wild(text: str) -> bool:
    return "*" in text and set(text) <= {"*", "?"}


RULES: tuple[Rule, ...] = (no_administrators,)
