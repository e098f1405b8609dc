"""The proxy in front of an endpoint: who may call, which version answers, and the process that decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.provider.sdk import (
    EnvoyConfig,
    EnvoyConfigArgs,
    HealthArgs,
    HostFile,
    HostFileArgs,
    HostService,
    HostServiceArgs,
)
from hybridml.proxy import (
    Authentication,
    HeaderRoute,
    Listener,
    Shadow,
    Traffic,
    Upstream,
    bootstrap,
    clusters,
    routes,
    to_json,
)
from hybridml.targets.local import processes

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec

ISSUER = "hybridml"
"""Issuer of every token of a local stack."""
WATCHED = "envoy"
"""Folder, below the endpoint's own, that Envoy watches."""
ADMIN = "admin.sock"
"""Envoy's admin socket in the endpoint's folder."""


@dataclass(frozen=True, kw_only=True)
class ProxyArgs:
    """What the proxy of one endpoint is asked for."""

    endpoint: str
    spec: EndpointSpec
    port: int
    directory: Path
    """The endpoint's folder; sockets are relative to it."""
    jwks: pulumi.Input[str]
    """Public keys of those who sign tokens."""
    sockets: Mapping[str, Sequence[pulumi.Input[str]]]
    """Version to the sockets of its servers, relative to `directory`."""


class Proxy(pulumi.ComponentResource):
    """Envoy in front of the model servers of one endpoint.

    A change of versions, weights, routes, shadow or callers is taken over while it runs; a change of port or key
    restarts it.
    """

    url: pulumi.Output[str]
    """Address of predictions."""
    log: pulumi.Output[str]
    """Path of the log: one JSON line per request."""

    def __init__(self, name: str, args: ProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:Proxy", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        settings = self._settings(name, args)
        config = self._config(name, args)
        service = self._service(name, args, settings, config)
        self.url = service.url.apply(lambda url: f"{url}/invocations")
        self.log = service.log
        self.register_outputs({"url": self.url, "log": self.log})

    def _settings(self, name: str, args: ProxyArgs) -> HostFile:
        """What Envoy reads once, at start."""
        content = pulumi.Output.from_input(args.jwks).apply(lambda jwks: to_json(bootstrap(listener(args, jwks))))
        path = str(args.directory / "bootstrap.json")
        return HostFile(f"{name}-bootstrap", HostFileArgs(path=path, content=content), self._child)

    def _config(self, name: str, args: ProxyArgs) -> EnvoyConfig:
        """What Envoy reads whenever it changes."""
        known: pulumi.Output[Any] = pulumi.Output.from_input({key: list(each) for key, each in args.sockets.items()})
        return EnvoyConfig(
            f"{name}-config",
            EnvoyConfigArgs(
                directory=str(args.directory / WATCHED),
                clusters=known.apply(lambda sockets: to_json(clusters(upstreams(args.spec, sockets)))),
                routes=to_json(routes(traffic(args.spec))),
                admin=str(args.directory / ADMIN),
            ),
            self._child,
        )

    def _service(self, name: str, args: ProxyArgs, settings: HostFile, config: EnvoyConfig) -> HostService:
        return HostService(
            f"{name}-envoy",
            HostServiceArgs(
                argv=processes.proxy("bootstrap.json"),
                env=processes.proxy_environment(),
                directory=str(args.directory),
                port=args.port,
                health=HealthArgs(),
                triggers={"bootstrap": settings.sha256},
            ),
            pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[config])),
        )


def listener(args: ProxyArgs, jwks: str) -> Listener:
    """Where the endpoint listens and whose tokens it accepts."""
    return Listener(
        endpoint=args.endpoint,
        port=args.port,
        admin_socket=ADMIN,
        directory=WATCHED,
        authentication=Authentication(issuer=ISSUER, audience=args.endpoint, jwks=jwks),
    )


def traffic(spec: EndpointSpec) -> Traffic:
    """What the specification says about requests, as the proxy understands it."""
    asked = spec.traffic
    return Traffic(
        weights={variant.version: variant.weight for variant in asked.variants.values()},
        groups=spec.access.groups,
        header_routes=tuple(HeaderRoute(headers=route.header, version=route.version) for route in asked.routes),
        shadow=Shadow(version=asked.shadow.version, sample=asked.shadow.sample) if asked.shadow else None,
    )


def upstreams(spec: EndpointSpec, sockets: Mapping[str, Sequence[str]]) -> list[Upstream]:
    """A cluster for each version that has servers, and one more for the shadow."""
    serving = [Upstream(version=version, sockets=tuple(sockets[version])) for version in sorted(sockets)]
    shadow = spec.traffic.shadow
    copies = [Upstream(version=shadow.version, sockets=tuple(sockets[shadow.version]), shadow=True)] if shadow else []
    return [*serving, *copies]
