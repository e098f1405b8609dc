"""One endpoint on Vertex AI: identity, models, private endpoint, deployment, capture, alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_gcp import vertex

from hybridml.origin import about
from hybridml.provider.sdk import (
    DeployedModelArgs,
    VertexContainerArgs,
    VertexDeployment,
    VertexDeploymentArgs,
    VertexModel,
    VertexModelArgs,
)
from hybridml.targets.asks import serving_image
from hybridml.targets.base import EndpointOutputs
from hybridml.targets.gcp import alarms
from hybridml.targets.gcp.capture import CaptureTable, CaptureTableArgs
from hybridml.targets.gcp.identity import WorkloadIdentity, WorkloadIdentityArgs, admit
from hybridml.targets.gcp.machines import accelerator
from hybridml.targets.gcp.names import (
    ACCOUNT_LIMIT,
    endpoint_number,
    endpoint_tags,
    identifier,
    labels,
    short_name,
    version_labels,
)
from hybridml.targets.gcp.storage import location

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, GcpTarget
    from hybridml.targets.base import StackContext

SERVING_PORT = 8080
"""Port of the default serving image."""
SECONDS_PER_MINUTE = 60
"""Vertex AI counts requests a minute; the spec counts them a second."""


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """What an endpoint is built from."""

    spec: EndpointSpec
    """What is wanted; nothing in it is refused."""
    target: GcpTarget
    """Where."""
    stack: StackContext
    """For which stack."""
    key: pulumi.Output[str]
    """Key of the target."""
    granted: list[pulumi.Resource]
    """What lets the services use the key."""
    artifacts: pulumi.Output[str]
    """Bucket of the target."""
    invoker_role: pulumi.Output[str]
    """Role that may invoke an endpoint and do nothing else."""


class Endpoint(pulumi.ComponentResource):
    """A Vertex AI endpoint that only private networks reach. Its traffic split belongs to the deployment."""

    outputs: EndpointOutputs
    """What callers and the next component need."""

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:VertexEndpoint", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = endpoint_tags(args.stack, args.target, name, args.spec)
        self._labels = labels(self._tags)
        self._number = endpoint_number(args.target.project, args.target.region, args.stack.stack, name)
        self._locations = {version: self._location(version) for version in args.spec.served}
        self._identity = self._create_identity()
        self._capture = self._create_capture_table()
        self._endpoint = self._create_endpoint()
        self._models = {version: self._create_model(version) for version in args.spec.served}
        deployment = self._deploy()
        members = {group: args.target.invoker_members[group] for group in args.spec.access.groups}
        admit(name, self._endpoint, args.invoker_role, members, self._child)
        self._watch_levels()
        self.outputs = self._outputs(deployment)
        self.register_outputs({"url": self.outputs.url, "endpoint": deployment.endpoint})

    def _location(self, version: str) -> pulumi.Output[str]:
        artifact = self._args.spec.versions[version].artifact
        return self._args.artifacts.apply(lambda bucket: location(artifact, bucket, self._name, version))

    def _create_identity(self) -> WorkloadIdentity:
        return WorkloadIdentity(
            f"{self._name}-identity",
            WorkloadIdentityArgs(
                account_id=short_name(ACCOUNT_LIMIT, self._args.stack.stack, self._name, "serve"),
                endpoint=self._name,
                artifacts=self._locations,
            ),
            self._child,
        )

    @about("capture")
    def _create_capture_table(self) -> CaptureTable | None:
        args, capture = self._args, self._args.spec.capture
        if not capture:
            return None
        return CaptureTable(
            f"{self._name}-capture",
            CaptureTableArgs(
                project=args.target.project,
                location=args.target.region,
                dataset=identifier(args.stack.project, args.stack.stack, self._name, "capture"),
                key=args.key,
                granted=args.granted,
                retention_days=capture.retention_days,
                keep=not args.stack.disposable,
                labels=self._labels,
            ),
            self._child,
        )

    def _create_endpoint(self) -> vertex.AiEndpoint:
        args = self._args
        return vertex.AiEndpoint(
            f"{self._name}-endpoint",
            name=self._number,
            display_name=self._name,
            description=f"Serves {self._name} for {args.spec.owner}",
            location=args.target.region,
            network=args.target.network,
            private_service_connect_config=self._private_service_connect(),
            encryption_spec=vertex.AiEndpointEncryptionSpecArgs(kms_key_name=args.key),
            predict_request_response_logging_config=self._logging(),
            labels=self._labels,
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=args.granted)),
        )

    def _private_service_connect(self) -> vertex.AiEndpointPrivateServiceConnectConfigArgs | None:
        projects = self._args.target.consumer_projects
        if not projects:
            return None
        return vertex.AiEndpointPrivateServiceConnectConfigArgs(
            enable_private_service_connect=True, project_allowlists=list(projects)
        )

    def _logging(self) -> vertex.AiEndpointPredictRequestResponseLoggingConfigArgs | None:
        capture = self._args.spec.capture
        if not capture or not self._capture:
            return None
        return vertex.AiEndpointPredictRequestResponseLoggingConfigArgs(
            enabled=True,
            sampling_rate=capture.sample / 100,
            bigquery_destination=vertex.AiEndpointPredictRequestResponseLoggingConfigBigqueryDestinationArgs(
                output_uri=self._capture.uri
            ),
        )

    def _create_model(self, version: str) -> VertexModel:
        with about(f"versions.{version}"):
            args = self._args
            model = args.spec.versions[version]
            return VertexModel(
                f"{self._name}-{version}",
                VertexModelArgs(
                    project=args.target.project,
                    location=args.target.region,
                    display_name=f"{self._name}-{version}",
                    artifact_uri=self._locations[version],
                    container=self._container(),
                    description=f"Model card: {model.card}" if model.card else None,
                    sha256=model.artifact.sha256,
                    service_account=self._identity.email,
                    encryption_key=args.key,
                    labels=version_labels(self._tags, args.spec, version),
                ),
                pulumi.ResourceOptions.merge(
                    self._child, pulumi.ResourceOptions(depends_on=[*args.granted, *self._identity.granted])
                ),
            )

    def _container(self) -> VertexContainerArgs:
        runtime = self._args.spec.runtime
        return VertexContainerArgs(
            image_uri=serving_image(self._args.spec, self._args.target) or "",
            port=runtime.port or SERVING_PORT,
            predict_route=runtime.routes.predict if runtime.routes else "/invocations",
            health_route=runtime.routes.health if runtime.routes else "/ping",
            env=dict(runtime.env),
        )

    @about("traffic")
    def _deploy(self) -> VertexDeployment:
        args = self._args
        return VertexDeployment(
            f"{self._name}-deployment",
            VertexDeploymentArgs(
                project=args.target.project,
                location=args.target.region,
                endpoint=self._endpoint.id,
                deployed_models=[self._deployed(variant) for variant in args.spec.traffic.variants],
                private_network=args.target.network,
            ),
            self._child,
        )

    def _deployed(self, name: str) -> DeployedModelArgs:
        args, scaling = self._args, self._args.spec.scaling
        variant, gpu = args.spec.traffic.variants[name], args.spec.runtime.resources.gpu
        return DeployedModelArgs(
            name=name,
            model=self._models[variant.version].model,
            traffic_percent=variant.weight,
            machine_type=args.spec.instance or args.target.instance,
            min_replicas=scaling.min,
            max_replicas=scaling.max,
            requests_per_minute=(
                scaling.requests_per_replica * SECONDS_PER_MINUTE if scaling.max > scaling.min else None
            ),
            accelerator_type=accelerator(gpu.type) if gpu.count and gpu.type else None,
            accelerator_count=gpu.count or None,
            service_account=self._identity.email,
        )

    @about("slo")
    def _watch_levels(self) -> None:
        for level in alarms.levels(self._args.spec.slo, self._number):
            channels = self._args.target.notification_channels
            alarms.create(self._name, level, channels, self._labels, self._child)

    def _outputs(self, deployment: VertexDeployment) -> EndpointOutputs:
        region = self._args.target.region
        return EndpointOutputs(
            url=pulumi.Output.concat(
                f"https://{region}-aiplatform.googleapis.com/v1/", deployment.endpoint, ":predict"
            ),
            kind="gcp",
            authentication={"scheme": "google", "scope": "https://www.googleapis.com/auth/cloud-platform"},
            versions={version: model.model for version, model in self._models.items()},
            details={
                "endpoint": deployment.endpoint,
                "service_account": self._identity.email,
                "artifacts": self._locations,
                **({"capture": self._capture.uri} if self._capture else {}),
            },
        )
