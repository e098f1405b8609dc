"""What the endpoints of one Google Cloud target share: the provider, the key, the artifact store, the invoker role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_gcp as gcp

from hybridml.targets.base import EndpointOutputs
from hybridml.targets.gcp.encryption import EncryptionKey, EncryptionKeyArgs
from hybridml.targets.gcp.endpoint import Endpoint, EndpointArgs
from hybridml.targets.gcp.names import identifier, labels, shared_tags
from hybridml.targets.gcp.storage import ArtifactStore, ArtifactStoreArgs

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, GcpTarget
    from hybridml.targets.base import StackContext


class Foundation(pulumi.ComponentResource):
    """One project and region: its provider, its key, its store."""

    def __init__(self, name: str, target: GcpTarget, stack: StackContext, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:GcpFoundation", name, {}, opts)
        self._target, self._stack = target, stack
        provider = gcp.Provider(
            f"{name}-provider",
            project=target.project,
            region=target.region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._placed = pulumi.ResourceOptions(providers={"gcp": provider})
        child = pulumi.ResourceOptions(parent=self, providers={"gcp": provider})
        self._key = self._create_key(name, _service_agents(name, target, provider, self), child)
        self._store = ArtifactStore(
            f"{name}-artifacts",
            ArtifactStoreArgs(
                location=target.region,
                key=self._key.key,
                granted=self._key.granted,
                keep=not stack.disposable,
                labels=labels(shared_tags(stack, target)),
            ),
            child,
        )
        self._invoker = _invoker_role(name, stack, pulumi.ResourceOptions(parent=self, provider=provider))
        self.register_outputs({"key": self._key.key, "artifacts": self._store.uri})

    def _create_key(
        self, name: str, users: dict[str, pulumi.Output[str]], opts: pulumi.ResourceOptions
    ) -> EncryptionKey:
        target, stack = self._target, self._stack
        return EncryptionKey(
            f"{name}-key",
            EncryptionKeyArgs(
                location=target.region,
                rotation_days=target.key_rotation_days,
                users=users,
                keep=not stack.disposable,
                labels=labels(shared_tags(stack, target)),
            ),
            opts,
        )

    def endpoint(self, name: str, spec: EndpointSpec, opts: pulumi.ResourceOptions) -> EndpointOutputs:
        """The Vertex AI endpoint `name`, as `spec` asks."""
        args = EndpointArgs(
            spec=spec,
            target=self._target,
            stack=self._stack,
            key=self._key.key,
            granted=self._key.granted,
            artifacts=self._store.bucket,
            invoker_role=self._invoker,
        )
        return Endpoint(name, args, pulumi.ResourceOptions.merge(opts, self._placed)).outputs


def _service_agents(
    name: str, target: GcpTarget, provider: gcp.Provider, parent: pulumi.Resource
) -> dict[str, pulumi.Output[str]]:
    """The services that encrypt on the project's behalf, as IAM members.

    Source: Cloud KMS, "Service agents"; the names are made of the project's number.
    """
    if target.project_number:
        number = pulumi.Output.from_input(target.project_number)
    else:
        opts = pulumi.InvokeOptions(provider=provider)
        number = gcp.organizations.get_project_output(project_id=target.project, opts=opts).number
    identity = gcp.projects.ServiceIdentity(
        f"{name}-vertex-agent",
        service="aiplatform.googleapis.com",
        opts=pulumi.ResourceOptions(parent=parent, provider=provider),
    )
    agents = {
        "storage": ("service-", "@gs-project-accounts.iam.gserviceaccount.com"),
        "bigquery": ("bq-", "@bigquery-encryption.iam.gserviceaccount.com"),
    }
    named = {
        service: pulumi.Output.concat("serviceAccount:", prefix, number, host)
        for service, (prefix, host) in agents.items()
    }
    return {**named, "vertex": identity.member}


def _invoker_role(name: str, stack: StackContext, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    role = gcp.projects.IAMCustomRole(
        f"{name}-invoker",
        role_id=identifier(stack.project, stack.stack, name, "invoker"),
        title=f"Invoke endpoints of {name}",
        permissions=["aiplatform.endpoints.predict"],
        opts=opts,
    )
    return role.name
