"""Customer-managed keys on AWS."""

from __future__ import annotations

from hybridml_policies.ask import equals, is_at_most
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Resource, read_input
from hybridml_policies.verdict import PASS, Verdict, all_of, not_applicable, unknown


@rule(
    "AWS-KMS-001",
    severity=Severity.HIGH,
    types=["aws:kms/key:Key"],
    reads=["enableKeyRotation", "rotationPeriodInDays", "keyUsage", "customerMasterKeySpec"],
    fix="Set enableKeyRotation to true and leave rotationPeriodInDays at 365 or below.",
    references=[
        "CKV_AWS_7",
        "AWS-0065",
        "guard:CMK_BACKING_KEY_ROTATION_ENABLED",
        "pulumi:aws-kms-key-enable-key-rotation",
    ],
    frameworks=[
        "CIS-AWS 7.0 4.6",
        "FSBP KMS.4",
        "ISO27001:2022 A.8.24",
        "PCI-DSS 4.0 3.7.4",
        "NIST800-53r5 SC-12(2)",
        "GDPR Art.25",
    ],
)
def key_rotation(key: Resource) -> Verdict:
    """Customer keys rotate.

    Only symmetric encryption keys can; the rotation period is 365 days unless it is set.
    """
    if (other := _other_kind(key)) is not None:
        return other
    period = read_input(key, "rotationPeriodInDays")
    often_enough = PASS if period.absent else is_at_most(period, 365, " days")
    return all_of((equals(key, "enableKeyRotation", True), often_enough))


def _other_kind(key: Resource) -> Verdict | None:
    """The answer for a key that is not, or may not be, a symmetric encryption key."""
    symmetric = {"keyUsage": "ENCRYPT_DECRYPT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT"}
    for path, value in symmetric.items():
        found = read_input(key, path)
        if found.unknown:
            return unknown(f"{path} is not known yet, and only {value} keys rotate")
        if not found.absent and found.value != value:
            return not_applicable(f"{path} is not {value}")
    return None


RULES: tuple[Rule, ...] = (key_rotation,)
