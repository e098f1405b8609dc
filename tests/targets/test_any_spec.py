"""Whatever valid endpoint is asked for: a target says what it cannot keep, and plans what it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hybridml.errors import Problem
from hybridml.spec import AwsTarget, EndpointSpec, GcpTarget, KubernetesTarget
from hybridml.targets.base import find
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spec.strategies import endpoints
from targets.planned import SPEC, TARGETS, PlanOf

KINDS = {"aws": AwsTarget, "gcp": GcpTarget, "kubernetes": KubernetesTarget}
WORKLOADS = {
    "aws": "aws:sagemaker/model:Model",
    "gcp": "hybridml:index:VertexModel",
    "kubernetes": "kubernetes:apps/v1:Deployment",
}
UNKEPT = {
    "aws": ("routes", "shadow"),
    "gcp": ("routes", "shadow"),
    "kubernetes": (),
}
"""Parts of the traffic that a target refuses."""


def refusals(kind: str, endpoint: dict[str, Any]) -> list[Problem]:
    target: Any = KINDS[kind].model_validate(TARGETS[kind])
    return find(kind).refusals("churn", EndpointSpec.model_validate({"name": "churn", **endpoint}), target)


UNASKED = {"monitors", "capture", "slo", "mode", "batch"}
"""What an endpoint that every target keeps leaves out."""


def kept(kind: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """`endpoint` without what `kind` refuses; versions, traffic, lineage, names and tags stay as they are."""
    for version in endpoint["versions"].values():
        version["artifact"].pop("signature", None)
        if kind == "kubernetes":
            version["artifact"]["uri"] = "s3://models/any/"
    for part in UNKEPT[kind]:
        endpoint["traffic"].pop(part, None)
    least = endpoint.get("scaling", {}).get("min", 1)
    whole = {key: value for key, value in endpoint.items() if key not in UNASKED}
    plain = {key: SPEC[key] for key in ("runtime", "rollout", "access")}
    return {**whole, **plain, "scaling": {"min": least}}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(endpoint=endpoints())
def test_every_refusal_is_complete(kind: str, endpoint: dict[str, Any]) -> None:
    """Any valid endpoint gets an answer, and each refusal has its place, its reason and its way out."""
    for problem in refusals(kind, endpoint):
        assert problem.path.startswith("churn.")
        assert problem.message.startswith(f"{kind} ")
        assert problem.fix


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(endpoint=endpoints())
def test_what_is_kept_is_planned(plan_exactly: Callable[..., PlanOf], kind: str, endpoint: dict[str, Any]) -> None:
    """What a target does not refuse it plans: one workload for each version that is served."""
    asked = kept(kind, endpoint)
    assert refusals(kind, asked) == []

    made = plan_exactly(kind, asked)

    served = EndpointSpec.model_validate({"name": "churn", **asked}).served
    assert {each.name for each in made.all(WORKLOADS[kind])} == {f"churn-{version}" for version in served}


@given(value=st.text(max_size=400))
def test_tags_fit_whatever_the_value(value: str) -> None:
    """A tag's value has the alphabet and length that AWS takes."""
    from hybridml.targets.aws.names import accepted

    found = accepted({"owner": value})["owner"]

    assert len(found) <= 256
    assert all(each.isalnum() or each in "_ .:/=+@-" for each in found if each.isascii())
