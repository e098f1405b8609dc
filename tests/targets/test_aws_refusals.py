"""What SageMaker refuses, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., dict[str, str]]

ALONE = {"champion": {"weight": 100}, "challenger": None}


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        ({"traffic": {"shadow": {"version": "4"}}}, "traffic.shadow", "one variant only"),
        ({"traffic": {"routes": [{"header": {"x-a": "b"}, "version": "4"}]}}, "traffic.routes", "no routing by header"),
        ({"mode": "serverless"}, "mode", "guarded updates"),
        ({"rollout": {"strategy": "canary", "steps": [5, 25, 50]}}, "rollout.steps", "not 5, 25, 50"),
        ({"rollout": {"strategy": "canary", "steps": [60]}}, "rollout.steps", "50 %"),
        ({"rollout": {"strategy": "linear", "steps": [60]}}, "rollout.steps", "50 %"),
        ({"rollout": {"strategy": "linear", "steps": list(range(5, 100, 5))}}, "rollout.steps", "from 10 %"),
        (
            {"instance": "ml.inf1.xlarge", "rollout": {"strategy": "blue-green"}},
            "rollout.strategy",
            "without rollback",
        ),
        ({"rollout": {"bake": "2h", "max_bake": "3h"}}, "rollout.bake", "3600 s"),
        (
            {"rollout": {"strategy": "linear", "bake": "1h", "max_bake": "1h"}},
            "rollout.bake",
            "before 9 steps have baked",
        ),
        (
            {"instance": "ml.inf1.xlarge", "rollout": {"strategy": "canary", "steps": [10]}},
            "rollout.strategy",
            "without a word",
        ),
        ({"runtime": {"image": "ghcr.io/acme/serving:1.0"}}, "runtime.image", "outside ECR"),
        (
            {"runtime": {"image": "999988887777.dkr.ecr.eu-central-1.amazonaws.com/market:1.0"}},
            "runtime.image",
            "Marketplace",
        ),
        ({"runtime": {"resources": {"cpu": "4"}}}, "runtime.resources.cpu", "has 2 cores on ml.m7i.large"),
        ({"runtime": {"resources": {"memory": "16Gi"}}}, "runtime.resources.memory", "has 8Gi on ml.m7i.large"),
        ({"runtime": {"resources": {"gpu": {"count": 1}}}}, "runtime.resources.gpu.count", "0 accelerators"),
        (
            {"instance": "ml.g5.xlarge", "runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}},
            "runtime.resources.gpu.type",
            "nvidia-a10g",
        ),
        ({"runtime": {"secrets": {"TOKEN": "config:token"}}}, "runtime.secrets", "everyone who may describe"),
        ({"capture": {"sample": 10, "drop": ["age"]}}, "capture.drop", "as they are"),
        ({"capture": {"sample": 10, "hash": ["age"]}}, "capture.hash", "as they are"),
        ({"capture": {"sample": 2.5}}, "capture.sample", "whole percents"),
        ({"access": {"invokers": ["group:strangers"]}}, "access.invokers.0", "invoker_roles.strangers"),
        ({"data_class": "on-premises-only"}, "data_class", "is a cloud"),
        ({"port": 8080}, "port", "no port of this machine"),
    ],
)
def test_what_sagemaker_cannot_keep_is_refused_by_name(
    refused: Refused, spec: dict[str, Any], path: str, says: str
) -> None:
    """The refusal stands at the value that asks, says why, and says what to do."""
    problems = refused("aws", spec)

    assert says in problems[path]
    assert problems[path].startswith("aws ")
    assert not problems[path].endswith("; ")


def test_a_container_that_sagemaker_does_not_call_is_refused(refused: Refused) -> None:
    """SageMaker calls fixed paths on a fixed port; another port or path is refused."""
    image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/own:1.0"
    runtime = {"kind": "custom", "image": image, "port": 9000, "routes": {"predict": "/predict", "health": "/health"}}

    assert set(refused("aws", {"runtime": runtime})) == {
        "runtime.port",
        "runtime.routes.predict",
        "runtime.routes.health",
    }


def test_a_comparison_that_no_alarm_makes_is_refused(refused: Refused) -> None:
    """An alarm watches one version; the gate that compares two is refused."""
    rollout = {"strategy": "canary", "steps": [10], "abort_on": {"worse_than_champion": 0.95}}

    assert set(refused("aws", {"rollout": rollout})) == {"rollout.abort_on.worse_than_champion"}


@pytest.mark.parametrize("missing", ["subnet_ids", "security_group_ids"])
def test_a_way_to_the_internet_is_refused(refused: Refused, missing: str) -> None:
    """Without subnets or security groups the model would not be in a private network."""
    problems = refused("aws", target={missing: None})

    assert "way to the internet" in problems["placement.primary"]


def test_an_image_is_needed(refused: Refused) -> None:
    """Nothing is served by an image that nobody named."""
    assert "serving_image" in refused("aws", target={"serving_image": None})["runtime.image"]


def test_all_refusals_come_at_once(refused: Refused) -> None:
    """Everything that is wrong is said in one go."""
    spec = {"mode": "async", "port": 8080, "traffic": {"routes": [{"header": {"x-a": "b"}, "version": "4"}]}}

    assert set(refused("aws", spec)) == {"mode", "port", "traffic.routes"}
