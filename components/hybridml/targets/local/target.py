"""The local target: a key, a registry, and a port for each endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from hybridml.errors import Problem
from hybridml.provider.sdk import HostKey, HostKeyArgs
from hybridml.targets.base import EndpointOutputs, Promises, StackContext
from hybridml.targets.local.batch import LocalBatch
from hybridml.targets.local.endpoint import LocalEndpoint
from hybridml.targets.local.promises import KIND, PROMISES, refusals
from hybridml.targets.local.registry import ModelRegistry, ModelRegistryArgs

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.spec import LocalTarget as LocalTargetSpec


class LocalTarget:
    """Endpoints as processes of this machine."""

    kind = KIND

    @property
    def promises(self) -> Promises:
        """What processes of one machine keep."""
        return PROMISES

    def refusals(self, name: str, spec: EndpointSpec, target: LocalTargetSpec) -> list[Problem]:
        """Everything in `spec` that this target cannot keep."""
        del target
        return refusals(name, spec)

    def foundation(
        self, name: str, target: LocalTargetSpec, stack: StackContext, opts: pulumi.ResourceOptions
    ) -> LocalFoundation:
        """Creates the key that signs callers' tokens and, where versions are registered, the registry."""
        path = stack.state_folder / "keys" / f"{name}.pem"
        return LocalFoundation(
            stack=stack,
            key=HostKey(f"{name}-key", HostKeyArgs(path=str(path)), opts),
            registry=_registry(name, target, stack, opts) if stack.registered else None,
            port=target.port,
        )


def _registry(name: str, target: LocalTargetSpec, stack: StackContext, opts: pulumi.ResourceOptions) -> ModelRegistry:
    args = ModelRegistryArgs(directory=stack.state_folder / "registry", port=target.registry_port)
    return ModelRegistry(f"{name}-registry", args, opts)


@dataclass(frozen=True, kw_only=True)
class LocalFoundation:
    """What the endpoints of this machine share."""

    stack: StackContext
    key: HostKey
    registry: ModelRegistry | None
    port: int
    """Port of an endpoint that does not say its own; the loader of a stack says one for each."""

    def endpoint(self, name: str, spec: EndpointSpec, opts: pulumi.ResourceOptions) -> EndpointOutputs:
        """Creates the store, the servers and the proxy of one endpoint, or what predicts its files."""
        if spec.batch:
            batch = LocalBatch(
                name=name, spec=spec, batch=spec.batch, stack=self.stack, registry=self.registry, opts=opts
            )
            return batch.create()
        port = spec.port or self.port
        return LocalEndpoint(
            name=name, spec=spec, port=port, stack=self.stack, key=self.key, registry=self.registry, opts=opts
        ).create()
