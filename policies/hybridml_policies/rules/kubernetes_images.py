"""Images of Kubernetes workloads."""

from __future__ import annotations

from hybridml_policies.images import has_digest
from hybridml_policies.pods import CONTAINER_LISTS, POD_TYPES, each_container
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Resource, within
from hybridml_policies.verdict import Verdict


@rule(
    "K8S-IMG-001",
    severity=Severity.HIGH,
    types=POD_TYPES,
    reads=[f"{{pod}}.{containers}[].image" for containers in CONTAINER_LISTS],
    fix="Write the image as name:tag@sha256:… with the digest that the registry reports.",
    references=["CKV_K8S_43", "kyverno:require-image-checksum", "gatekeeper:imagedigests"],
    frameworks=["CIS-K8s 1.12 5.5.1", "EU-AI-Act Art.15 [proposed]"],
)
def image_digest(workload: Resource) -> Verdict:
    """Images are pinned by digest."""
    return each_container(workload, lambda _pod, container: has_digest(within(container, "image")))


RULES: tuple[Rule, ...] = (image_digest,)
