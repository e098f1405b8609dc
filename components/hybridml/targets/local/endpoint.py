"""One endpoint on this machine: stored versions, a model server per version and replica, the proxy in front."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from hybridml.provider.sdk import HealthArgs, HostKey, HostService, HostServiceArgs
from hybridml.targets.base import EndpointOutputs, StackContext
from hybridml.targets.local import processes
from hybridml.targets.local.network import ADMIN, ISSUER, Proxy, ProxyArgs
from hybridml.targets.local.promises import CONFIG_SECRET, KIND
from hybridml.targets.local.registry import ModelRegistry, Registration
from hybridml.targets.local.storage import ArtifactStore, ArtifactStoreArgs, stored_version

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec

EXAMPLE = "serving_input_example.json"
"""A request that every saved MLflow model with an input example brings along."""


@dataclass(frozen=True, kw_only=True)
class LocalEndpoint:
    """Everything that one endpoint is built from."""

    name: str
    spec: EndpointSpec
    port: int
    stack: StackContext
    key: HostKey
    registry: ModelRegistry | None
    opts: pulumi.ResourceOptions

    def create(self) -> EndpointOutputs:
        """Creates store, servers, proxy and registrations, in the order in which each is needed."""
        store = self._store()
        servers = {version: self._serve(version, store) for version in self.spec.served}
        proxy = self._proxy(servers)
        self._register(store)
        return self._outputs(store, proxy)

    @property
    def directory(self) -> Path:
        """The endpoint's own folder: sockets, logs and proxy configuration; short, for socket paths are limited."""
        return self.stack.state_folder / "run" / self.name

    def _store(self) -> ArtifactStore:
        versions = {
            version: stored_version(self.stack.root, model.artifact)
            for version, model in self.spec.versions.items()
            if version in self.spec.served
        }
        directory = self.stack.state_folder / "artifacts" / self.name
        return ArtifactStore(
            f"{self.name}-artifacts", ArtifactStoreArgs(directory=directory, versions=versions), self.opts
        )

    def _serve(self, version: str, store: ArtifactStore) -> list[HostService]:
        """`scaling.min` servers of one version, each on a Unix socket: the proxy is the only way in."""
        argv, env = processes.model_server(), self._environment(version, store)
        return [
            HostService(
                f"{self.name}-{version}-{replica}",
                HostServiceArgs(
                    argv=argv,
                    env=env,
                    directory=str(self.directory),
                    socket=True,
                    health=HealthArgs(path="/ping"),
                    stop_grace=f"{processes.DRAIN_SECONDS + 5}s",
                    triggers={"artifact": store.digests[version]},
                ),
                self.opts,
            )
            for replica in range(self.spec.scaling.min)
        ]

    def _environment(self, version: str, store: ArtifactStore) -> dict[str, pulumi.Input[str]]:
        config = pulumi.Config()
        secrets = {
            variable: config.require_secret(reference.removeprefix(CONFIG_SECRET))
            for variable, reference in self.spec.runtime.secrets.items()
        }
        plain = processes.model_server_environment(self.spec)
        return {**plain, **secrets, "__pyfunc_model_path__": store.paths[version]}

    def _proxy(self, servers: dict[str, list[HostService]]) -> Proxy:
        sockets = {
            version: [server.socket_path.apply(str) for server in replicas] for version, replicas in servers.items()
        }
        args = ProxyArgs(
            endpoint=self.name,
            spec=self.spec,
            port=self.port,
            directory=self.directory,
            jwks=self.key.jwks,
            sockets=sockets,
        )
        return Proxy(f"{self.name}-proxy", args, self.opts)

    def _register(self, store: ArtifactStore) -> None:
        if self.registry is None:
            return
        registration = Registration(
            spec=self.spec, root=self.stack.root, tracking_uri=self.registry.tracking_uri, store=store
        )
        for version in self.spec.served:
            registration.register(self.name, version, self.opts)

    def _outputs(self, store: ArtifactStore, proxy: Proxy) -> EndpointOutputs:
        champion = self.spec.traffic.champion.version
        return EndpointOutputs(
            kind=KIND,
            url=proxy.url,
            authentication={
                "scheme": "jwt",
                "key": self.key.path,
                "kid": self.key.kid,
                "algorithm": self.key.algorithm,
                "issuer": ISSUER,
                "audience": self.name,
                "groups": list(self.spec.access.groups),
            },
            versions=store.paths,
            details={
                "weights": {each.version: float(each.weight) for each in self.spec.traffic.variants.values()},
                "example": store.paths[champion].apply(lambda path: f"{path}/{EXAMPLE}"),
                "log": proxy.log,
                "admin": str(self.directory / ADMIN),
                **({"registry": self.registry.tracking_uri} if self.registry else {}),
            },
        )
