"""Who may talk to whom inside a cluster."""

from __future__ import annotations

from hybridml_policies.rule import Rule, Severity, stack_rule
from hybridml_policies.stack import Stack
from hybridml_policies.values import Resource, find_input, is_unknown, read_input, text_of, texts
from hybridml_policies.verdict import PASS, Verdict, all_of, any_of, fails, unknown

_NAMESPACES = frozenset({"kubernetes:core/v1:Namespace"})
_POLICIES = frozenset({"kubernetes:networking.k8s.io/v1:NetworkPolicy"})
_SELECTS_SOME = ("spec.podSelector.matchLabels", "spec.podSelector.matchExpressions")
_DIRECTIONS = ("Ingress", "Egress")


@stack_rule(
    "K8S-NET-001",
    severity=Severity.HIGH,
    types=_NAMESPACES,
    reads=[
        "NetworkPolicy.metadata.namespace",
        "NetworkPolicy.spec.podSelector",
        "NetworkPolicy.spec.policyTypes",
        "NetworkPolicy.spec.ingress",
        "NetworkPolicy.spec.egress",
    ],
    fix="Add a NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rules to the namespace.",
    references=["CKV2_K8S_6", "KSV-0038", "kyverno:add-network-policy", "kyverno:require-netpol"],
    frameworks=["CIS-K8s 1.12 5.3.2"],
)
def default_deny(namespace: Resource, stack: Stack) -> Verdict:
    """Every namespace has a default-deny policy and pods are selected.

    An empty selector selects every pod of the namespace. Policies add up, so none may allow every pod everything.
    """
    found = stack.referrers(namespace, _NAMESPACES, _POLICIES, "metadata.namespace")
    answers = [_denies_everything(policy) for policy in found.certain]
    if found.possible:
        answers.append(unknown(f"the namespace of {text_of(found.possible[0], 'name')} is not known yet"))
    denied = any_of((*answers, fails("no policy of the namespace denies all ingress and egress")))
    return all_of((denied, *map(_opens_little, found.certain)))


def _opens_little(policy: Resource) -> Verdict:
    """Fail for a policy of every pod with a rule that names neither peers nor ports."""
    if not all(read_input(policy, path).absent for path in _SELECTS_SOME):
        return PASS
    rules = (*find_input(policy, "spec.ingress[]"), *find_input(policy, "spec.egress[]"))
    open_ = next((rule for rule in rules if isinstance(rule.value, dict) and not any(rule.value.values())), None)
    return fails(f"{open_.path} of {text_of(policy, 'name')} allows every pod everything") if open_ else PASS


def _denies_everything(policy: Resource) -> Verdict:
    return all_of(
        (
            *(_is_empty(policy, path) for path in (*_SELECTS_SOME, "spec.ingress", "spec.egress")),
            *(_has_direction(policy, direction) for direction in _DIRECTIONS),
        )
    )


def _is_empty(policy: Resource, path: str) -> Verdict:
    found = read_input(policy, path)
    if found.unknown:
        return unknown(f"{path} of {text_of(policy, 'name')} is not known yet")
    return PASS if found.absent else fails(f"{path} of {text_of(policy, 'name')} is not empty")


def _has_direction(policy: Resource, direction: str) -> Verdict:
    types = read_input(policy, "spec.policyTypes")
    if direction in texts(types.value):
        return PASS
    if types.unknown or any(map(is_unknown, texts(types.value))):
        return unknown(f"spec.policyTypes of {text_of(policy, 'name')} is not known yet")
    return fails(f"spec.policyTypes of {text_of(policy, 'name')} lacks {direction}")


RULES: tuple[Rule, ...] = (default_deny,)
