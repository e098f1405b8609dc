"""Endpoints on Vertex AI."""

from __future__ import annotations

from hybridml_policies.ask import present
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Resource
from hybridml_policies.verdict import Verdict


@rule(
    "GCP-VTX-001",
    severity=Severity.HIGH,
    types=["gcp:vertex/aiEndpoint:AiEndpoint"],
    reads=["encryptionSpec.kmsKeyName"],
    fix="Set encryptionSpec.kmsKeyName on the endpoint.",
    references=["CKV2_GCP_24"],
    frameworks=[
        "ISO27001:2022 A.8.24",
        "HIPAA 164.312(a)(2)(iv)",
        "PCI-DSS 4.0 3.5.1",
        "NIST800-53r5 SC-28(1),SC-13",
        "GDPR Art.32",
    ],
)
def endpoint_key(endpoint: Resource) -> Verdict:
    """Vertex endpoint uses CMEK."""
    return present(endpoint, "encryptionSpec.kmsKeyName")


RULES: tuple[Rule, ...] = (endpoint_key,)
