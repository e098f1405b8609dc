"""One endpoint on this machine: stored versions, a model server per version and replica, the proxy in front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from hybridml.jobs.pausing import VARIABLE as PAUSED_FILE
from hybridml.jobs.serve import EXAMPLE, MODEL_PATH
from hybridml.origin import about
from hybridml.provider.rollout_folder import UNDER_WAY
from hybridml.provider.sdk import HealthArgs, HostKey, HostService, HostServiceArgs
from hybridml.provider.supervisor import PAUSED
from hybridml.targets.base import EndpointOutputs, StackContext
from hybridml.targets.local import processes
from hybridml.targets.local.captured import Captured
from hybridml.targets.local.network import ADMIN, ISSUER, ROLLOUT, Proxy, ProxyArgs, revision
from hybridml.targets.local.promises import KIND
from hybridml.targets.local.registry import ModelRegistry, Registration
from hybridml.targets.local.scaling import always, scaler
from hybridml.targets.local.storage import ArtifactStore, endpoint_store
from hybridml.targets.local.variables import secrets

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec


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
        store = endpoint_store(self.name, self.spec, self.stack, self.opts)
        servers = {version: self._serve(version, store) for version in self.spec.served}
        scaler = self._scaler(servers, store)
        proxy = self._proxy(servers, store, scaler)
        self._register(store, proxy)
        return self._outputs(store, proxy)

    @property
    def directory(self) -> Path:
        """The endpoint's own folder: sockets, logs and proxy configuration; short, for socket paths are limited."""
        return self.stack.state_folder / "run" / self.name

    @property
    def _captured(self) -> Captured:
        return Captured(endpoint=self.name, spec=self.spec, state_folder=self.stack.state_folder)

    def _serve(self, version: str, store: ArtifactStore) -> list[HostService]:
        """As many servers of one version as ever run, each on a Unix socket: the proxy is the only way in.

        The first `scaling.min` of them begin at once; those that are not always needed may be paused by the scaler.
        """
        scaling = self.spec.scaling
        argv, env, digest = processes.model_server(), self._environment(version, store), store.digests[version]
        with about(f"versions.{version}"):
            return [
                HostService(
                    f"{self.name}-{version}-{replica}",
                    HostServiceArgs(
                        argv=argv,
                        env={**env, **self._captured.environment(version, replica, digest)},
                        directory=str(self.directory),
                        socket=True,
                        health=HealthArgs(path="/ping"),
                        stop_grace=f"{processes.DRAIN_SECONDS + 5}s",
                        triggers={"artifact": digest},
                        scaled=replica >= always(scaling) or None,
                        begins_paused=replica >= scaling.min or None,
                    ),
                    self.opts,
                )
                for replica in range(scaling.most)
            ]

    def _environment(self, version: str, store: ArtifactStore) -> dict[str, pulumi.Input[str]]:
        plain = processes.model_server_environment(self.spec)
        paused = {PAUSED_FILE: f"{{instance}}/{PAUSED}"}
        return {**plain, **secrets(self.spec), **paused, MODEL_PATH: store.paths[version]}

    @about("scaling")
    def _scaler(self, servers: dict[str, list[HostService]], store: ArtifactStore) -> HostService | None:
        """The process that pauses and resumes servers, where their number is not always the same."""
        if not self.spec.scaling.varies:
            return None
        revisions: dict[str, pulumi.Input[str]] = {
            version: digest.apply(partial(revision, version)) for version, digest in store.digests.items()
        }
        return scaler(
            f"{self.name}-scaler",
            scaling=self.spec.scaling,
            directory=self.directory,
            admin=self.directory / ADMIN,
            rollout=self.directory / ROLLOUT / UNDER_WAY,
            servers=servers,
            revisions=revisions,
            opts=self.opts,
        )

    @about("traffic")
    def _proxy(self, servers: dict[str, list[HostService]], store: ArtifactStore, scaler: HostService | None) -> Proxy:
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
            digests=store.digests,
            scaler=scaler,
        )
        return Proxy(f"{self.name}-proxy", args, self.opts)

    def _register(self, store: ArtifactStore, proxy: Proxy) -> None:
        """Once the rollout has succeeded: `champion` and `challenger` in the registry are what serves."""
        if self.registry is None:
            return
        registration = Registration(
            spec=self.spec, root=self.stack.root, tracking_uri=self.registry.tracking_uri, store=store
        )
        after = pulumi.ResourceOptions.merge(self.opts, pulumi.ResourceOptions(depends_on=[proxy.rollout]))
        registration.register_all(self.name, after)

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
                "rollout": str(self.directory / ROLLOUT),
                **self._captured.outputs(store.digests),
                **({"registry": self.registry.tracking_uri} if self.registry else {}),
            },
        )
