"""Customer-managed keys on Google Cloud."""

from __future__ import annotations

from hybridml_policies.ask import is_at_most
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Found, Resource, read_input
from hybridml_policies.verdict import Verdict, not_applicable, unknown

_NINETY_DAYS = 7_776_000


@rule(
    "GCP-KMS-001",
    severity=Severity.HIGH,
    types=["gcp:kms/cryptoKey:CryptoKey"],
    reads=["rotationPeriod", "purpose"],
    fix="Set rotationPeriod to 7776000s or less.",
    references=["CKV_GCP_43", "GCP-0065"],
    frameworks=["CIS-GCP 5.0 1.11", "ISO27001:2022 A.8.24", "SOC2 PI1.5", "HIPAA 164.312(a)(2)(iv)"],
)
def key_rotation(key: Resource) -> Verdict:
    """Keys rotate within 90 days.

    Only keys for ENCRYPT_DECRYPT, which is the purpose unless one is set, rotate by themselves.
    """
    purpose = read_input(key, "purpose")
    if purpose.unknown:
        return unknown("purpose is not known yet, and only ENCRYPT_DECRYPT keys rotate")
    if not purpose.absent and purpose.value != "ENCRYPT_DECRYPT":
        return not_applicable("purpose is not ENCRYPT_DECRYPT")
    period = read_input(key, "rotationPeriod")
    seconds = period.value.removesuffix("s") if isinstance(period.value, str) else period.value
    return is_at_most(Found(period.path, seconds), _NINETY_DAYS, " seconds")


RULES: tuple[Rule, ...] = (key_rotation,)
