"""What the endpoints of one AWS target share: the provider, the key and the artifact store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from hybridml.targets.aws.encryption import EncryptionKey, EncryptionKeyArgs
from hybridml.targets.aws.endpoint import Endpoint, EndpointArgs
from hybridml.targets.aws.names import sagemaker_name, shared_tags
from hybridml.targets.aws.storage import ArtifactStore, ArtifactStoreArgs
from hybridml.targets.base import EndpointOutputs

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec
    from hybridml.targets.base import StackContext


class Foundation(pulumi.ComponentResource):
    """One account and region: its provider, its key, its store."""

    def __init__(self, name: str, target: AwsTarget, stack: StackContext, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:AwsFoundation", name, {}, opts)
        self._target, self._stack, tags = target, stack, shared_tags(stack, target)
        provider = _provider(name, target, pulumi.ResourceOptions(parent=self))
        self._placed = pulumi.ResourceOptions(providers={"aws": provider})
        child = pulumi.ResourceOptions(parent=self, providers={"aws": provider})
        self._account = _account(target, provider)
        self._key = EncryptionKey(
            f"{name}-key",
            EncryptionKeyArgs(
                account=self._account,
                region=target.region,
                alias=sagemaker_name(stack.project, stack.stack, name),
                deletion_days=target.key_deletion_days,
                keep=not stack.disposable,
                tags=tags,
            ),
            child,
        )
        self._store = ArtifactStore(
            f"{name}-artifacts",
            ArtifactStoreArgs(
                key_arn=self._key.arn,
                keep=not stack.disposable,
                lock_days=target.object_lock_days,
                tags={**tags, "data-role": "artifacts"},
            ),
            child,
        )
        self.register_outputs({"keyArn": self._key.arn, "artifacts": self._store.uri})

    def endpoint(self, name: str, spec: EndpointSpec, opts: pulumi.ResourceOptions) -> EndpointOutputs:
        """The SageMaker endpoint `name`, as `spec` asks."""
        args = EndpointArgs(
            spec=spec,
            target=self._target,
            stack=self._stack,
            account=self._account,
            key_arn=self._key.arn,
            artifacts=self._store.bucket,
        )
        return Endpoint(name, args, pulumi.ResourceOptions.merge(opts, self._placed)).outputs


def _provider(name: str, target: AwsTarget, opts: pulumi.ResourceOptions) -> aws.Provider:
    """Credentials come from the environment that applies; a wrong account is refused before anything is made."""
    allowed = [target.account] if target.account else None
    return aws.Provider(f"{name}-provider", region=target.region, allowed_account_ids=allowed, opts=opts)


def _account(target: AwsTarget, provider: aws.Provider) -> pulumi.Output[str]:
    if target.account:
        return pulumi.Output.from_input(target.account)
    return aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=provider)).account_id
