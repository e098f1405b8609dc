"""How the replicas of a variant follow its load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from hybridml.spec.scaling import Scaling

SECONDS_PER_MINUTE = 60
"""`SageMakerVariantInvocationsPerInstance` counts requests a minute; the spec counts them a second."""
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is scaled, and how far."""

    endpoint: pulumi.Output[str]
    """Name of the SageMaker endpoint."""
    variant: str
    """Name of the variant."""
    scaling: Scaling
    """Bounds, and what one replica carries."""


def scale(name: str, load: Load, tags: Mapping[str, str], opts: pulumi.ResourceOptions) -> None:
    """Keep a variant between its bounds, one replica more for each `requests_per_replica`.

    Source: Application Auto Scaling, "Amazon SageMaker AI".
    """
    bounds = aws.appautoscaling.Target(
        f"{name}-bounds",
        service_namespace="sagemaker",
        scalable_dimension=DIMENSION,
        resource_id=pulumi.Output.concat("endpoint/", load.endpoint, f"/variant/{load.variant}"),
        min_capacity=load.scaling.min,
        max_capacity=load.scaling.max,
        tags=tags,
        opts=opts,
    )
    aws.appautoscaling.Policy(
        f"{name}-load",
        policy_type="TargetTrackingScaling",
        service_namespace=bounds.service_namespace,
        scalable_dimension=bounds.scalable_dimension,
        resource_id=bounds.resource_id,
        target_tracking_scaling_policy_configuration={
            "target_value": load.scaling.requests_per_replica * SECONDS_PER_MINUTE,
            "predefined_metric_specification": {
                "predefined_metric_type": "SageMakerVariantInvocationsPerInstance",
            },
        },
        opts=opts,
    )
