"""Promises that a cloud keeps in few words: a container of one's own, accelerators, bounds, one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from targets.planned import PlanOf, only

Plan = Callable[..., PlanOf]
AWS_IMAGE = f"111122223333.dkr.ecr.eu-central-1.amazonaws.com/own:2.1@sha256:{'e' * 64}"
GCP_IMAGE = f"europe-west3-docker.pkg.dev/acme-ml/serving/own:2.1@sha256:{'e' * 64}"


@pytest.mark.promise("runtime.kind=custom", target="aws", by="plan")
def test_sagemaker_starts_a_container_of_ones_own(plan: Plan) -> None:
    """Each version is a model with the custom image, at the port and paths that SageMaker calls."""
    routes = {"predict": "/invocations", "health": "/ping"}
    runtime = {"kind": "custom", "image": AWS_IMAGE, "port": 8080, "routes": routes}
    made = plan("aws", {"runtime": runtime})

    models = made.all("aws:sagemaker/model:Model")
    assert [each["primaryContainer"]["image"] for each in models] == [AWS_IMAGE, AWS_IMAGE]


@pytest.mark.promise("runtime.resources.gpu", target="aws", by="plan")
def test_sagemaker_serves_on_accelerators(plan: Plan) -> None:
    """An instance that has what is asked for serves every variant."""
    spec = {"instance": "ml.g6.xlarge", "runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}}
    made = plan("aws", spec).one("aws:sagemaker/endpointConfiguration:EndpointConfiguration")

    assert [each["instanceType"] for each in made["productionVariants"]] == ["ml.g6.xlarge", "ml.g6.xlarge"]


@pytest.mark.promise("runtime.kind=custom", target="gcp", by="plan")
def test_vertex_starts_a_container_of_ones_own(plan: Plan) -> None:
    """Each version is a model with the custom image, its port and its paths."""
    runtime = {"kind": "custom", "image": GCP_IMAGE, "port": 9000, "routes": {"predict": "/p", "health": "/h"}}
    made = plan("gcp", {"runtime": runtime}).all("hybridml:index:VertexModel")

    said = [each["container"] for each in made]
    assert [(each["imageUri"], each["port"]) for each in said] == [(GCP_IMAGE, 9000)] * 2
    assert [(each["predictRoute"], each["healthRoute"]) for each in said] == [("/p", "/h")] * 2


@pytest.mark.promise("scaling.max", target="gcp", by="plan")
def test_vertex_scales_between_the_bounds(plan: Plan) -> None:
    """Every deployed model gets both bounds, and requests a second become requests a minute."""
    made = plan("gcp", {"scaling": {"min": 2, "max": 5, "requests_per_replica": 10}})

    deployed = made.one("hybridml:index:VertexDeployment")["deployedModels"]
    assert [(each["minReplicas"], each["maxReplicas"]) for each in deployed] == [(2, 5)] * 2
    assert [each["requestsPerMinute"] for each in deployed] == [600, 600]


@pytest.mark.promise("rollout.strategy=all-at-once", target="gcp", by="plan")
def test_vertex_moves_the_split_in_one_step(plan: Plan) -> None:
    """One deployment holds the whole split; a version that changes changes with it."""
    before, after = (_deployed(plan, version) for version in ("3", "4"))

    assert before["trafficPercent"] == after["trafficPercent"] == 100
    assert (before["model"], after["model"]) == ("hybridml-unknown-churn-3-model", "hybridml-unknown-churn-4-model")


def _deployed(plan: Plan, version: str) -> Any:
    made = plan("gcp", {"traffic": {"champion": {"version": version, "weight": 100}, "challenger": None}})
    return only(made.one("hybridml:index:VertexDeployment")["deployedModels"])
