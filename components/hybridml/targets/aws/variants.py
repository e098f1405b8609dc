"""The variants of an endpoint configuration, its shadow, and what it captures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import sagemaker

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec

Models = Mapping[str, pulumi.Output[str]]
"""Version to the name of its SageMaker model."""


def production_variants(
    spec: EndpointSpec, target: AwsTarget, models: Models
) -> list[sagemaker.EndpointConfigurationProductionVariantArgs]:
    """Champion and challenger. Their names never change: an update whose names differ is not guarded."""
    return [
        sagemaker.EndpointConfigurationProductionVariantArgs(
            variant_name=name,
            model_name=models[variant.version],
            initial_variant_weight=variant.weight,
            initial_instance_count=spec.scaling.min,
            instance_type=spec.instance or target.instance,
        )
        for name, variant in spec.traffic.variants.items()
    ]


def shadow_variants(
    spec: EndpointSpec, target: AwsTarget, models: Models
) -> list[sagemaker.EndpointConfigurationShadowProductionVariantArgs] | None:
    """The variant that gets copies: its weight over the champion's is the share that is copied."""
    shadow = spec.traffic.shadow
    if not shadow:
        return None
    return [
        sagemaker.EndpointConfigurationShadowProductionVariantArgs(
            variant_name="shadow",
            model_name=models[shadow.version],
            initial_variant_weight=spec.traffic.champion.weight * shadow.sample / 100,
            initial_instance_count=spec.scaling.min,
            instance_type=spec.instance or target.instance,
        )
    ]


def capture_config(
    spec: EndpointSpec, uri: pulumi.Output[str], key_arn: pulumi.Output[str]
) -> sagemaker.EndpointConfigurationDataCaptureConfigArgs:
    """Requests and answers, sampled and encrypted, under the endpoint's own store."""
    return sagemaker.EndpointConfigurationDataCaptureConfigArgs(
        enable_capture=True,
        initial_sampling_percentage=int(spec.capture.sample) if spec.capture else 0,
        destination_s3_uri=uri,
        kms_key_id=key_arn,
        capture_options=[
            sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode=mode)
            for mode in ("Input", "Output")
        ],
    )
