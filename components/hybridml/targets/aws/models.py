"""Where the artifact of a version lies in S3, and how SageMaker reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import sagemaker

if TYPE_CHECKING:
    from hybridml.spec.version import Artifact

_ARCHIVES = (".tar.gz", ".tgz")


def location(artifact: Artifact, bucket: str, endpoint: str, version: str) -> str:
    """The `s3://` address that a version is served from.

    An artifact that lies in S3 is served from there. Any other is served from the target's own store, under the name
    of endpoint, version and digest; whoever releases it copies it there.
    """
    if artifact.uri.startswith("s3://"):
        return artifact.uri if artifact.uri.endswith(("/", *_ARCHIVES)) else f"{artifact.uri}/"
    digest = f"{artifact.sha256}/" if artifact.sha256 else ""
    return f"s3://{bucket}/{endpoint}/{version}/{digest}"


def container(image: str, uri: pulumi.Output[str], env: Mapping[str, str]) -> sagemaker.ModelPrimaryContainerArgs:
    """The container of a model: a folder as it is, or an archive that SageMaker unpacks."""
    source = sagemaker.ModelPrimaryContainerModelDataSourceS3DataSourceArgs(
        s3_uri=uri,
        s3_data_type=uri.apply(lambda each: "S3Object" if each.endswith(_ARCHIVES) else "S3Prefix"),
        compression_type=uri.apply(lambda each: "Gzip" if each.endswith(_ARCHIVES) else "None"),
    )
    return sagemaker.ModelPrimaryContainerArgs(
        image=image,
        model_data_source=sagemaker.ModelPrimaryContainerModelDataSourceArgs(s3_data_sources=[source]),
        environment=dict(env),
    )
