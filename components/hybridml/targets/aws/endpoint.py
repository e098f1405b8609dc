"""One endpoint on SageMaker: identity, models, configuration, guarded deployment, capture, alarms, scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from hybridml.origin import about
from hybridml.provider.sdk import DeploymentPolicyArgs, SageMakerDeployment, SageMakerDeploymentArgs
from hybridml.targets.asks import serving_image
from hybridml.targets.aws import alarms
from hybridml.targets.aws.guardrails import guard
from hybridml.targets.aws.identity import Permissions, WorkloadIdentity, WorkloadIdentityArgs, log_group
from hybridml.targets.aws.machines import machine
from hybridml.targets.aws.models import container, location
from hybridml.targets.aws.names import endpoint_tags, repository, sagemaker_name, version_tags
from hybridml.targets.aws.scaling import Load, scale
from hybridml.targets.aws.storage import ArtifactStore, ArtifactStoreArgs
from hybridml.targets.aws.variants import capture_config, production_variants, shadow_variants
from hybridml.targets.base import EndpointOutputs

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec
    from hybridml.targets.base import StackContext


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """What an endpoint is built from."""

    spec: EndpointSpec
    """What is wanted; nothing in it is refused."""
    target: AwsTarget
    """Where."""
    stack: StackContext
    """For which stack."""
    account: pulumi.Output[str]
    """Account id."""
    key_arn: pulumi.Output[str]
    """Key of the target."""
    artifacts: pulumi.Output[str]
    """Bucket of the target."""


class Endpoint(pulumi.ComponentResource):
    """A SageMaker endpoint without a way to the internet, whose role may do what it needs and no more."""

    outputs: EndpointOutputs
    """What callers and the next component need."""

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:SageMakerEndpoint", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = endpoint_tags(args.stack, args.target, name, args.spec)
        self._endpoint = sagemaker_name(args.stack.project, args.stack.stack, name)
        self._create_log_group()
        self._capture = self._create_capture_store()
        self._identity = self._create_identity()
        self._models = {version: self._create_model(version) for version in args.spec.served}
        deployment = self._deploy(self._configure())
        self._scale(deployment)
        self._watch_levels()
        self.outputs = self._outputs(deployment)
        self.register_outputs({"url": self.outputs.url, "endpointName": deployment.endpoint_name})

    def _create_log_group(self) -> None:
        aws.cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=log_group(self._endpoint),
            kms_key_id=self._args.key_arn,
            retention_in_days=self._args.target.log_retention_days,
            tags=self._tags,
            opts=self._child,
        )

    @about("capture")
    def _create_capture_store(self) -> ArtifactStore | None:
        capture, stack = self._args.spec.capture, self._args.stack
        if not capture:
            return None
        return ArtifactStore(
            f"{self._name}-capture",
            ArtifactStoreArgs(
                key_arn=self._args.key_arn,
                keep=not stack.disposable,
                expire_after_days=capture.retention_days,
                tags={**self._tags, "data-role": "capture"},
            ),
            self._child,
        )

    @about("access")
    def _create_identity(self) -> WorkloadIdentity:
        args = self._args
        return WorkloadIdentity(
            f"{self._name}-identity",
            WorkloadIdentityArgs(
                account=args.account,
                region=args.target.region,
                permissions=self._permissions(),
                invokers={group: args.target.invoker_roles[group] for group in args.spec.access.groups},
                boundary=args.target.permissions_boundary,
                tags=self._tags,
            ),
            self._child,
        )

    def _permissions(self) -> pulumi.Output[Permissions]:
        args, image = self._args, repository(self._image)
        known = pulumi.Output.all(
            account=args.account,
            key_arn=args.key_arn,
            capture=self._capture.bucket if self._capture else None,
            **{version: self._location(version) for version in args.spec.served},
        )
        return known.apply(
            lambda values: Permissions(
                account=values["account"],
                region=args.target.region,
                endpoint=self._endpoint,
                artifacts=[values[version].removeprefix("s3://") for version in args.spec.served],
                key_arn=values["key_arn"],
                repository_arn=image.arn if image else "",
                capture=values["capture"],
                subnets=args.target.subnet_ids,
                security_groups=args.target.security_group_ids,
            )
        )

    @cached_property
    def _image(self) -> str:
        return serving_image(self._args.spec, self._args.target) or ""

    def _location(self, version: str) -> pulumi.Output[str]:
        artifact = self._args.spec.versions[version].artifact
        return self._args.artifacts.apply(lambda bucket: location(artifact, bucket, self._name, version))

    def _create_model(self, version: str) -> aws.sagemaker.Model:
        with about(f"versions.{version}"):
            args = self._args
            return aws.sagemaker.Model(
                f"{self._name}-{version}",
                execution_role_arn=self._identity.role_arn,
                enable_network_isolation=True,
                vpc_config=aws.sagemaker.ModelVpcConfigArgs(
                    subnets=list(args.target.subnet_ids), security_group_ids=list(args.target.security_group_ids)
                ),
                primary_container=container(self._image, self._location(version), args.spec.runtime.env),
                tags=version_tags(self._tags, args.spec, version),
                opts=pulumi.ResourceOptions.merge(
                    self._child, pulumi.ResourceOptions(depends_on=[self._identity.granted])
                ),
            )

    @about("traffic")
    def _configure(self) -> aws.sagemaker.EndpointConfiguration:
        args, models = self._args, {version: model.name for version, model in self._models.items()}
        return aws.sagemaker.EndpointConfiguration(
            f"{self._name}-configuration",
            kms_key_arn=self._volume_key(),
            production_variants=production_variants(args.spec, args.target, models),
            shadow_production_variants=shadow_variants(args.spec, args.target, models),
            data_capture_config=capture_config(args.spec, self._capture.uri, args.key_arn) if self._capture else None,
            tags=self._tags,
            opts=self._child,
        )

    def _volume_key(self) -> pulumi.Output[str] | None:
        instance = self._args.spec.instance or self._args.target.instance
        return None if machine(instance).local_disk else self._args.key_arn

    @about("rollout")
    def _deploy(self, configuration: aws.sagemaker.EndpointConfiguration) -> SageMakerDeployment:
        args, update = self._args, guard(self._args.spec.rollout)
        return SageMakerDeployment(
            f"{self._name}-deployment",
            SageMakerDeploymentArgs(
                endpoint_name=self._endpoint,
                endpoint_config_name=configuration.name,
                region=args.target.region,
                deployment=DeploymentPolicyArgs(
                    strategy=update.strategy,
                    step_percent=update.step_percent,
                    step_interval=update.step_interval,
                    termination_wait=update.termination_wait,
                    timeout=update.timeout,
                ),
                rollback_alarms=[self._alarm(gate).name for gate in alarms.gates(args.spec)],
                retain_variant_properties=True,
                tags=self._tags,
            ),
            self._child,
        )

    def _alarm(self, alarm: alarms.Alarm) -> aws.cloudwatch.MetricAlarm:
        return alarms.create(
            self._name,
            alarm,
            endpoint=self._endpoint,
            topics=self._args.target.alarm_topics,
            tags=self._tags,
            opts=self._child,
        )

    @about("slo")
    def _watch_levels(self) -> None:
        for level in alarms.levels(self._args.spec):
            self._alarm(level)

    @about("scaling")
    def _scale(self, deployment: SageMakerDeployment) -> None:
        scaling = self._args.spec.scaling
        if scaling.max > scaling.min:
            for variant in self._args.spec.traffic.variants:
                load = Load(endpoint=deployment.endpoint_name, variant=variant, scaling=scaling)
                scale(f"{self._name}-{variant}", load, self._tags, self._child)

    def _outputs(self, deployment: SageMakerDeployment) -> EndpointOutputs:
        args = self._args
        host = f"https://runtime.sagemaker.{args.target.region}.amazonaws.com/endpoints/"
        details: Mapping[str, pulumi.Input[str]] = {
            "endpoint_name": deployment.endpoint_name,
            "endpoint_arn": deployment.endpoint_arn,
            "execution_role": self._identity.role_arn,
        }
        return EndpointOutputs(
            url=pulumi.Output.concat(host, deployment.endpoint_name, "/invocations"),
            kind="aws",
            authentication={"scheme": "sigv4", "region": args.target.region, "service": "sagemaker"},
            versions={version: model.name for version, model in self._models.items()},
            details={
                **details,
                "artifacts": {version: self._location(version) for version in args.spec.served},
                **({"capture": self._capture.uri} if self._capture else {}),
            },
        )
