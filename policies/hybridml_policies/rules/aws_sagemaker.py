"""Models and endpoints on SageMaker."""

from __future__ import annotations

import re

from hybridml_policies.ask import equals
from hybridml_policies.aws_keys import is_customer_key
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Found, Resource, find_input, read_input, within
from hybridml_policies.verdict import Kind, Verdict, not_applicable, unknown

_LOCAL_DISK = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g[56]e?|gr6|p5[a-z]*|p6[a-z-]*|trn[12][a-z]*|i[34][a-z]*)\.")
"""Instance families with disks of their own, encrypted by the hardware; SageMaker takes no key for these.

Source: SageMaker API Reference, CreateEndpointConfig, KmsKeyId."""


@rule(
    "AWS-SM-001",
    severity=Severity.HIGH,
    types=["aws:sagemaker/endpointConfiguration:EndpointConfiguration"],
    reads=["kmsKeyArn"],
    fix="Set kmsKeyArn on the endpoint configuration.",
    references=[
        "CKV_AWS_98",
        "guard:SAGEMAKER_ENDPOINT_CONFIGURATION_KMS_KEY_CONFIGURED",
        "prowler:sagemaker_endpoint_config_kms_encryption_enabled",
    ],
    frameworks=[
        "ISO27001:2022 A.8.24",
        "HIPAA 164.312(a)(2)(iv)",
        "PCI-DSS 4.0 3.5.1",
        "NIST800-53r5 SC-28(1),SC-13",
        "GDPR Art.32",
    ],
)
def endpoint_volumes(configuration: Resource) -> Verdict:
    """Endpoint configuration encrypts instance volumes with a CMK.

    Serverless variants and instances with only local disks have no volume that a key could encrypt.
    """
    key = is_customer_key(read_input(configuration, "kmsKeyArn"))
    if key.kind is not Kind.FAIL:
        return key
    variants = find_input(configuration, "productionVariants[]") + find_input(
        configuration, "shadowProductionVariants[]"
    )
    without = [_takes_no_key(variant) for variant in variants if not variant.absent]
    if without and all(without):
        return not_applicable("no variant has a volume that a key could encrypt")
    if without and False not in without:
        return unknown("whether a variant has a volume is not known yet, and kmsKeyArn is not set")
    return key


def _takes_no_key(variant: Found) -> bool | None:
    """Whether the variant has no volume to encrypt; None while that is not known."""
    if not variant.unknown and not within(variant, "serverlessConfig").absent:
        return True
    instance = within(variant, "instanceType")
    if instance.unknown:
        return None
    return isinstance(instance.value, str) and _LOCAL_DISK.match(instance.value) is not None


@rule(
    "AWS-SM-003",
    severity=Severity.HIGH,
    types=["aws:sagemaker/model:Model"],
    reads=["enableNetworkIsolation"],
    fix="Set enableNetworkIsolation to true, or write a waiver that says what the container has to call.",
    references=["CKV_AWS_370", "SageMaker.5", "prowler:sagemaker_models_network_isolation_enabled"],
    frameworks=["AWS Security Hub SageMaker.5", "NIS2 6.2.1", "AISF-ML-01"],
)
def network_isolation(model: Resource) -> Verdict:
    """Model runs with network isolation."""
    return equals(model, "enableNetworkIsolation", True)


RULES: tuple[Rule, ...] = (endpoint_volumes, network_isolation)
