"""Where endpoints run: one model per kind of target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hybridml.spec.addresses import (
    AwsAccount,
    GcpChannel,
    GcpInstance,
    GcpMember,
    GcpNetwork,
    GcpProject,
    GcpProjectNumber,
    PolicyArn,
    Region,
    RoleArn,
    SageMakerInstance,
    SecurityGroupId,
    SubnetId,
    TopicArn,
)
from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.residency import contradiction
from hybridml.spec.scalars import (
    Cidr,
    Cpu,
    Group,
    Hostname,
    HttpsUrl,
    Image,
    Name,
    Natural,
    Port,
    Positive,
    Residency,
    Size,
    Text,
    Whole,
    word,
)
from hybridml.spec.vocabulary import Location, TargetKind

KubernetesVersion = Annotated[str, word(r"^1\.[0-9]{2}$", 'a minor release, as text: "1.34"')]


class TargetBase(Part):
    """What every target may say."""

    residency: Residency | None = Field(
        None, description='Country by its two letters, or "eu", that data on this target never leaves.'
    )

    @property
    def on_premises(self) -> bool:
        """Whether its machines are the user's own."""
        return True


class LocalTarget(TargetBase):
    """Processes of this machine, bound to 127.0.0.1."""

    kind: Literal[TargetKind.LOCAL] = Field(description="Processes of this machine.")
    port: Port = Field(
        8080,
        description="Port of the first endpoint, 1024 to 65535; the others follow in the order of their names, "
        "unless they say their own.",
    )
    registry_port: Port = Field(5000, description="Port of the model registry, 1024 to 65535.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.port == self.registry_port:
            taken = f"port {self.port} is that of the first endpoint"
            refuse([Finding(path=("registry_port",), message=taken, fix="choose another")])
        return self


class Gateway(Part):
    """The Gateway (Gateway API) that routes attach to. It is there already."""

    name: Name = Field("inference", description="Name of the Gateway.")
    namespace: Name = Field("gateways", description="Its namespace.")
    listener: Name = Field("https", description="Its listener; one that ends TLS.")
    domain: Hostname = Field("inference.internal", description="Endpoints answer at <endpoint>.<domain>.")


class TokenIssuer(Part):
    """Who signs the tokens that callers bring."""

    issuer: HttpsUrl = Field(description="The claim iss, exactly.")
    jwks_uri: HttpsUrl = Field(description="Where the key set lies.")
    groups_claim: Text = Field("groups", description="Claim that lists the groups of the caller.")


class ArtifactAccess(Part):
    """How pods reach the store that holds the artifacts."""

    endpoint: HttpsUrl | None = Field(
        None, description="S3 endpoint of an on-premises store; the provider's own when left out."
    )
    secret: Name | None = Field(
        None, description="Existing Secret with the store's credentials; workload identity when left out."
    )
    networks: tuple[Cidr, ...] = Field(
        (), description="IPv4 networks of the store, that a pod may reach on port 443 to fetch its artifact."
    )


class Quota(Part):
    """What all endpoints on the target may use together."""

    cpu: Cpu = Field(Cpu("64"), description="Cores.")
    memory: Size = Field(Size("256Gi"), description="Memory, in Ki, Mi, Gi or Ti.")
    gpus: Natural = Field(0, le=1_000_000, description="Whole GPUs.")
    pods: Positive = Field(100, le=1_000_000, description="Pods.")


class KubernetesTarget(TargetBase):
    """A Kubernetes cluster, on premises or in a cloud."""

    kind: Literal[TargetKind.KUBERNETES] = Field(description="A Kubernetes cluster.")
    context: Text = Field(description="Context of the kubeconfig.")
    location: Location = Field(
        Location.CLOUD,
        description="Whose machines they are. on-premises is said, never assumed: it lets on-premises-only data in.",
    )
    namespace: Name = Field("hybridml", description="Namespace of the stack's endpoints.")
    version: KubernetesVersion = Field("1.34", description="Kubernetes release of the cluster, as text.")
    serving_image: Image | None = Field(None, description="Image that serves runtime mlflow, name:tag@sha256:…")
    gateway: Gateway = Field(Gateway(), description="Gateway that routes attach to.")
    tokens: TokenIssuer | None = Field(
        None, description="Who signs the tokens of callers; without it the target cannot keep access."
    )
    artifacts: ArtifactAccess = Field(ArtifactAccess(), description="How pods reach artifacts.")
    storage_class: Name | None = Field(
        None, description="Encrypted storage class for volumes; the cluster's default when left out."
    )
    quota: Quota = Field(Quota(), description="What all endpoints may use together.")
    image_pull_secrets: tuple[Name, ...] = Field((), description="Existing Secrets for the image registry.")
    node_selector: Mapping[str, str] = Field(
        default_factory=dict, description="Labels, and their values, of the nodes that serve."
    )

    @property
    def on_premises(self) -> bool:
        """Whether its machines are the user's own."""
        return self.location is Location.ON_PREMISES


class CloudTarget(TargetBase):
    """What both clouds may say."""

    region: Region = Field(description="Region of every resource.")

    @property
    def on_premises(self) -> bool:
        """Whether its machines are the user's own."""
        return False

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_residency_findings(self))
        return self


def _residency_findings(target: CloudTarget) -> Iterator[Finding]:
    where = contradiction(target.region, target.residency) if target.residency else None
    if where:
        yield Finding(
            path=("region",),
            message=f"{target.region} is in {where}, outside residency {target.residency!r}",
            fix="choose a region inside, or correct residency",
        )


class AwsTarget(CloudTarget):
    """SageMaker in one region of an AWS account."""

    kind: Literal[TargetKind.AWS] = Field(description="SageMaker.")
    account: AwsAccount | None = Field(
        None, description="Account that deployments must go to, twelve digits as text; any when left out."
    )
    subnet_ids: tuple[SubnetId, ...] = Field(
        (), description="Private subnets of the endpoints, in two zones or more. Without them the target refuses."
    )
    security_group_ids: tuple[SecurityGroupId, ...] = Field(
        (), max_length=5, description="Security groups of the endpoints, at most 5. Without them the target refuses."
    )
    serving_image: Image | None = Field(None, description="Image in ECR that serves runtime mlflow, name:tag@sha256:…")
    instance: SageMakerInstance = Field(
        "ml.m7i.large", description="Instance type of endpoints that do not say their own."
    )
    invoker_roles: Mapping[Group, RoleArn] = Field(
        default_factory=dict, description="IAM role of each group of callers; a group without one cannot call."
    )
    alarm_topics: tuple[TopicArn, ...] = Field((), description="SNS topics that alarms notify.")
    permissions_boundary: PolicyArn | None = Field(None, description="IAM policy that bounds every role that is made.")
    log_retention_days: Literal[180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653] = Field(
        365, description="Days that logs are kept; CloudWatch knows only these numbers."
    )
    key_deletion_days: Whole = Field(
        30, ge=7, le=30, description="Days between the deletion of the KMS key and its end, 7 to 30."
    )
    object_lock_days: Natural = Field(
        0, le=3650, description="Days that no object in the artifact store can be deleted, 0 to 3,650; 0 locks none."
    )


class GcpTarget(CloudTarget):
    """Vertex AI in one region of a Google Cloud project."""

    kind: Literal[TargetKind.GCP] = Field(description="Vertex AI.")
    project: GcpProject = Field(description="Id of the project.")
    project_number: GcpProjectNumber | None = Field(
        None, description="Number of the project, as text: its service agents are named by it."
    )
    network: GcpNetwork | None = Field(
        None, description="VPC network that reaches the endpoints by private services access."
    )
    consumer_projects: tuple[GcpProject, ...] = Field(
        (), description="Projects that reach the endpoints by Private Service Connect. Not together with network."
    )
    serving_image: Image | None = Field(
        None, description="Image in Artifact Registry that serves runtime mlflow, name:tag@sha256:…"
    )
    instance: GcpInstance = Field("n2-standard-4", description="Machine type of endpoints that do not say their own.")
    invoker_members: Mapping[Group, GcpMember] = Field(
        default_factory=dict, description="IAM member of each group of callers; a group without one cannot call."
    )
    notification_channels: tuple[GcpChannel, ...] = Field((), description="Channels that alert policies notify.")
    key_rotation_days: Positive = Field(90, le=90, description="Days between rotations of the KMS key, 1 to 90.")

    @model_validator(mode="after")
    def _network_rules(self) -> Self:
        if self.network and self.consumer_projects:
            refuse([Finding(path=("consumer_projects",), message="network is set too", fix="keep one way in")])
        return self


TargetSpec = LocalTarget | KubernetesTarget | AwsTarget | GcpTarget
"""A target of any kind."""

AnyTarget = Annotated[TargetSpec, Field(discriminator="kind")]
"""The same as a field: `kind` tells them apart."""
