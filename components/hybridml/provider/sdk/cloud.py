"""What the official cloud providers lack, as a program writes it down: planned and checked, not applied yet."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from hybridml.provider.sdk._base import OwnResource, arguments


@arguments
class DeploymentPolicyArgs:
    """How SageMaker moves traffic to a new configuration.

    Source: SageMaker API, `DeploymentConfig`, `TrafficRoutingConfig`, `RollingUpdatePolicy`.
    """

    strategy: pulumi.Input[str]
    """`all-at-once`, `canary`, `linear` (blue/green) or `rolling`."""
    step_percent: pulumi.Input[int] | None = None
    """Capacity per step in percent: 1 to 50 for canary, 10 to 50 for linear, 5 to 50 for rolling."""
    step_interval: pulumi.Input[int] | None = None
    """Seconds between steps, 0 to 3600."""
    termination_wait: pulumi.Input[int] | None = None
    """Seconds that the old fleet stays after the shift, 0 to 3600; blue/green only."""
    timeout: pulumi.Input[int] | None = None
    """Seconds that the whole deployment may take, 600 to 28800."""


@arguments
class SageMakerDeploymentArgs:
    """What a SageMaker endpoint is asked to serve, and how it gets there."""

    endpoint_name: pulumi.Input[str]
    """Name of the endpoint; a change replaces it."""
    endpoint_config_name: pulumi.Input[str]
    """Configuration that the endpoint serves."""
    region: pulumi.Input[str] | None = None
    """AWS region; absent: the credentials' own. A change replaces the endpoint."""
    deployment: pulumi.Input[DeploymentPolicyArgs] | None = None
    """How traffic moves on an update; absent: all at once."""
    rollback_alarms: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Names of one to ten CloudWatch alarms that roll an update back; without one nothing rolls back by itself."""
    retain_variant_properties: pulumi.Input[bool] | None = None
    """Keep autoscaled instance counts across updates; true by default."""
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Owner, environment, cost centre, data class, model."""


class SageMakerDeployment(OwnResource):
    """A SageMaker endpoint whose update is seen through: a silent rollback is a failure, capacity is kept.

    Typed and planned; applying is refused by name in this release.
    """

    endpoint_name: pulumi.Output[str]
    """Name of the endpoint."""
    endpoint_config_name: pulumi.Output[str]
    """Configuration that serves."""
    region: pulumi.Output[str | None]
    """AWS region."""
    deployment: pulumi.Output[Mapping[str, Any] | None]
    """How traffic moves on an update."""
    rollback_alarms: pulumi.Output[Sequence[str]]
    """Alarms that roll an update back."""
    retain_variant_properties: pulumi.Output[bool]
    """Whether autoscaled instance counts are kept."""
    tags: pulumi.Output[Mapping[str, str]]
    """Owner, environment, cost centre, data class, model."""
    endpoint_arn: pulumi.Output[str]
    """ARN of the endpoint."""

    def __init__(self, name: str, args: SageMakerDeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class VertexContainerArgs:
    """The serving container of a Vertex AI model. Source: Vertex AI API v1, `ModelContainerSpec`."""

    image_uri: pulumi.Input[str]
    """Image in Artifact Registry, by digest."""
    predict_route: pulumi.Input[str] | None = None
    """HTTP path of predictions, `/invocations` by default."""
    health_route: pulumi.Input[str] | None = None
    """HTTP path of health checks, `/ping` by default."""
    port: pulumi.Input[int] | None = None
    """Port that the container listens on, 8080 by default."""
    command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Entry point; absent: the image's own."""
    args: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Arguments of the entry point."""
    env: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Environment variables."""


@arguments
class VertexModelArgs:
    """What a model in Vertex AI's registry is asked for."""

    project: pulumi.Input[str]
    """Google Cloud project."""
    location: pulumi.Input[str]
    """Region: `europe-west3`."""
    display_name: pulumi.Input[str]
    """Name shown in the registry, up to 128 characters."""
    artifact_uri: pulumi.Input[str]
    """`gs://` folder that holds the artifact."""
    container: pulumi.Input[VertexContainerArgs]
    """Container that serves it."""
    description: pulumi.Input[str] | None = None
    """What the model does; the model card."""
    sha256: pulumi.Input[str] | None = None
    """Digest of the artifact, verified before the upload."""
    service_account: pulumi.Input[str] | None = None
    """Service account that reads the artifact."""
    encryption_key: pulumi.Input[str] | None = None
    """Full name of the Cloud KMS key that encrypts it."""
    labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Owner, environment, cost centre, data class, model."""


class VertexModel(OwnResource):
    """A model uploaded to Vertex AI's registry. Typed and planned; applying is refused by name in this release."""

    project: pulumi.Output[str]
    """Google Cloud project."""
    location: pulumi.Output[str]
    """Region."""
    display_name: pulumi.Output[str]
    """Name shown in the registry."""
    artifact_uri: pulumi.Output[str]
    """Folder that holds the artifact."""
    container: pulumi.Output[Mapping[str, Any]]
    """Container that serves it."""
    description: pulumi.Output[str | None]
    """What the model does."""
    sha256: pulumi.Output[str | None]
    """Digest of the artifact."""
    service_account: pulumi.Output[str | None]
    """Service account that reads the artifact."""
    encryption_key: pulumi.Output[str | None]
    """Full name of the Cloud KMS key."""
    labels: pulumi.Output[Mapping[str, str]]
    """Owner, environment, cost centre, data class, model."""
    model: pulumi.Output[str]
    """Full name: `projects/<project>/locations/<location>/models/<id>`."""
    model_version: pulumi.Output[str]
    """Version that the registry gave."""

    def __init__(self, name: str, args: VertexModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class DeployedModelArgs:
    """One model of a Vertex AI endpoint. Source: Vertex AI API v1, `DeployedModel`, `DedicatedResources`."""

    name: pulumi.Input[str]
    """Name of the variant, unique within the endpoint: `champion`."""
    model: pulumi.Input[str]
    """Full name of the model."""
    traffic_percent: pulumi.Input[int]
    """Share of the traffic; over all variants they sum to 100."""
    machine_type: pulumi.Input[str]
    """Machine type: `n2-standard-2`."""
    min_replicas: pulumi.Input[int] | None = None
    """Replicas at least, 1 by default."""
    max_replicas: pulumi.Input[int] | None = None
    """Replicas at most; `min_replicas` by default."""
    requests_per_minute: pulumi.Input[int] | None = None
    """Requests a minute that one replica is meant to carry; more of them add a replica, up to `max_replicas`."""
    accelerator_type: pulumi.Input[str] | None = None
    """Accelerator: `NVIDIA_L4`."""
    accelerator_count: pulumi.Input[int] | None = None
    """Accelerators per replica."""
    service_account: pulumi.Input[str] | None = None
    """Service account that the container runs as."""


@arguments
class VertexDeploymentArgs:
    """What a Vertex AI endpoint is asked to serve."""

    project: pulumi.Input[str]
    """Google Cloud project."""
    location: pulumi.Input[str]
    """Region: `europe-west3`."""
    endpoint: pulumi.Input[str]
    """Full name of the endpoint; a change replaces the deployment."""
    deployed_models: pulumi.Input[Sequence[pulumi.Input[DeployedModelArgs]]]
    """The variants; names are unique, traffic sums to 100."""
    private_network: pulumi.Input[str] | None = None
    """Full name of the VPC network that the endpoint must be on; checked before anything is deployed."""


class VertexDeployment(OwnResource):
    """Models deployed to a Vertex AI endpoint and their traffic split.

    Typed and planned; applying is refused by name in this release. Owns the endpoint's traffic split: leave
    `traffic_split` of `gcp.vertex.AiEndpoint` unset.
    """

    project: pulumi.Output[str]
    """Google Cloud project."""
    location: pulumi.Output[str]
    """Region."""
    endpoint: pulumi.Output[str]
    """Full name of the endpoint."""
    deployed_models: pulumi.Output[Sequence[Mapping[str, Any]]]
    """The variants."""
    private_network: pulumi.Output[str | None]
    """Full name of the VPC network."""
    deployed_model_ids: pulumi.Output[Mapping[str, str]]
    """Id of each deployed model by the variant's name."""

    def __init__(self, name: str, args: VertexDeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
