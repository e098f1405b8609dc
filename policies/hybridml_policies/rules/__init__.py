"""The rules, one module per family; `ALL` has each of them once, by id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hybridml_policies.rule import Rule
from hybridml_policies.rules import (
    aws_iam,
    aws_kms,
    aws_s3,
    aws_sagemaker,
    gcp_kms,
    gcp_storage,
    gcp_vertex,
    kubernetes_availability,
    kubernetes_images,
    kubernetes_network,
    kubernetes_pods,
    ml_artifacts,
    stack_state,
)

_FAMILIES = (
    aws_s3,
    aws_kms,
    aws_iam,
    aws_sagemaker,
    gcp_storage,
    gcp_kms,
    gcp_vertex,
    kubernetes_pods,
    kubernetes_images,
    kubernetes_network,
    kubernetes_availability,
    ml_artifacts,
    stack_state,
)

ALL: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.id: rule
        for rule in sorted((rule for family in _FAMILIES for rule in family.RULES), key=lambda rule: rule.id)
    }
)
"""Every rule by its id, in the order of the ids."""
