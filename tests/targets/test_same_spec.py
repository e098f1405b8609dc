"""One description lands on every target and means the same there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from targets.planned import DIGEST_3, DIGEST_4, PlanOf

SPEC = {"scaling": {"min": 3}}


def on_aws(made: PlanOf) -> dict[str, Any]:
    variants = made.one("aws:sagemaker/endpointConfiguration:EndpointConfiguration")["productionVariants"]
    models = {f"hybridml-unknown-{each.name}": each["tags"] for each in made.all("aws:sagemaker/model:Model")}
    return {
        models[each["modelName"]]["model-version"]: (
            each["initialVariantWeight"],
            each["initialInstanceCount"],
            models[each["modelName"]]["artifact-sha256"],
        )
        for each in variants
    }


def on_gcp(made: PlanOf) -> dict[str, Any]:
    models = {f"hybridml-unknown-{each.name}-model": each for each in made.all("hybridml:index:VertexModel")}
    return {
        models[each["model"]]["labels"]["model-version"]: (
            each["trafficPercent"],
            each["minReplicas"],
            models[each["model"]]["sha256"],
        )
        for each in made.one("hybridml:index:VertexDeployment")["deployedModels"]
    }


def on_kubernetes(made: PlanOf) -> dict[str, Any]:
    rules = made.one("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute")["spec"]["rules"]
    weights = {each["name"]: each["weight"] for each in rules[0]["backendRefs"]}
    return {
        each["metadata"]["labels"]["model-version"]: (
            weights[each["metadata"]["name"]],
            each["spec"]["replicas"],
            each["spec"]["template"]["spec"]["initContainers"][0]["args"][1],
        )
        for each in made.all("kubernetes:apps/v1:Deployment")
    }


def test_weights_versions_digests_and_replicas_arrive_everywhere(plan: Callable[..., PlanOf]) -> None:
    """The same endpoint has the same split, versions, digests and replicas on all three."""
    wanted = {"3": (90, 3, DIGEST_3), "4": (10, 3, DIGEST_4)}

    assert on_aws(plan("aws", SPEC)) == wanted
    assert on_gcp(plan("gcp", SPEC)) == wanted
    assert on_kubernetes(plan("kubernetes", SPEC)) == wanted


def test_plans_are_the_same_bytes_each_time(plan: Callable[..., PlanOf]) -> None:
    """Two plans of one endpoint are equal to the byte, on every target."""
    for kind in ("aws", "gcp", "kubernetes"):
        assert plan(kind, SPEC).text == plan(kind, SPEC).text


def test_an_endpoint_that_is_renamed_shares_nothing(plan: Callable[..., PlanOf]) -> None:
    """Every child's name derives from the endpoint's, so two endpoints never fight over one resource."""
    for kind in ("aws", "gcp", "kubernetes"):
        assert {
            each.name for each in plan(kind, SPEC, name="fraud").resources if not each.name.startswith("fraud")
        } == set()
