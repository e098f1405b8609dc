"""The stack itself: where its state lies and who can read its secrets."""

from __future__ import annotations

from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.stack_state import PASSPHRASE, STACK_TYPE
from hybridml_policies.values import Found, Resource, read_input
from hybridml_policies.verdict import PASS, Verdict, all_of, fails, not_applicable, unknown


@rule(
    "ML-STA-001",
    severity=Severity.HIGH,
    types=[STACK_TYPE],
    reads=["backend.url", "secretsProvider"],
    fix="Keep the state in s3:// or gs://, and its secrets under a key (pulumi stack change-secrets-provider).",
    references=["no direct reference check (gap)"],
    frameworks=["ISO27001:2022 A.8.24 [proposed]", "SOC2 CC6.1 [proposed]"],
)
def shared_state(stack: Resource) -> Verdict:
    """State is shared and its secrets are under a key.

    A state in a folder of one machine has no lock that others see, and a passphrase cannot be withdrawn from anybody.
    What neither the project nor the stack file says is not judged.
    """
    backend, provider = read_input(stack, "backend.url"), read_input(stack, "secretsProvider")
    return all_of((_is_shared(backend), _is_key(provider)))


def _is_shared(backend: Found) -> Verdict:
    if backend.absent:
        return not_applicable("the project names no backend")
    if backend.unknown:
        return unknown("backend.url is not known yet")
    local = not isinstance(backend.value, str) or backend.value.startswith("file:")
    return fails("backend.url is a folder of one machine") if local else PASS


def _is_key(provider: Found) -> Verdict:
    if provider.absent:
        return not_applicable("the stack file names no secrets provider")
    if provider.unknown:
        return unknown("secretsProvider is not known yet")
    return fails("the stack's secrets are under a passphrase") if provider.value == PASSPHRASE else PASS


RULES: tuple[Rule, ...] = (shared_state,)
