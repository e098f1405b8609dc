"""The proxy in front of an endpoint: who may call, which version answers, and the process that decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.provider.sdk import (
    EnvoyProxyArgs,
    GuardedRollout,
    GuardedRolloutArgs,
    HealthArgs,
    HostFile,
    HostFileArgs,
    HostService,
    HostServiceArgs,
    ServedVariantArgs,
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
from hybridml.rollout.plan import RolloutPlan
from hybridml.targets.local import processes
from hybridml.targets.local.scaling import always

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec

ISSUER = "hybridml"
"""Issuer of every token of a local stack."""
WATCHED = "envoy"
"""Folder, below the endpoint's own, that Envoy watches."""
ROLLOUT = "rollout"
"""Folder, below the endpoint's own, of its rollouts."""
_DIGEST, _DIGEST_SHOWN = 64, 8
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
    digests: Mapping[str, pulumi.Input[str]]
    """Version to the digest of its artifact."""
    scaler: HostService | None = None
    """What pauses and resumes servers; it has resumed those of a new version before that gets traffic."""


class Proxy(pulumi.ComponentResource):
    """Envoy in front of the model servers of one endpoint.

    A change of weights, routes, shadow or callers is taken over at once while it runs; a changed version as the
    specification's `rollout` says. A change of port or key restarts it.
    """

    url: pulumi.Output[str]
    """Address of predictions."""
    log: pulumi.Output[str]
    """Path of the log: one JSON line per request."""
    rollout: GuardedRollout
    """What serves; there once every changed version has taken over."""

    def __init__(self, name: str, args: ProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:Proxy", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        settings = self._settings(name, args)
        self.rollout = self._config(name, args)
        service = self._service(name, args, settings, self.rollout)
        self.url = service.url.apply(lambda url: f"{url}/invocations")
        self.log = service.log
        self.register_outputs({"url": self.url, "log": self.log})

    def _settings(self, name: str, args: ProxyArgs) -> HostFile:
        """What Envoy reads once, at start."""
        content = pulumi.Output.from_input(args.jwks).apply(lambda jwks: to_json(bootstrap(listener(args, jwks))))
        path = str(args.directory / "bootstrap.json")
        return HostFile(f"{name}-bootstrap", HostFileArgs(path=path, content=content), self._child)

    def _config(self, name: str, args: ProxyArgs) -> GuardedRollout:
        """What Envoy reads whenever it changes, and how a changed version takes over."""
        sockets: pulumi.Output[Any] = pulumi.Output.from_input({key: list(each) for key, each in args.sockets.items()})
        digests: pulumi.Output[Any] = pulumi.Output.from_input(dict(args.digests))
        both: pulumi.Output[Any] = pulumi.Output.all(sockets, digests)
        revisions: pulumi.Output[Any] = digests.apply(named)
        return GuardedRollout(
            f"{name}-config",
            GuardedRolloutArgs(
                folder=str(args.directory / ROLLOUT),
                endpoint=args.endpoint,
                variants=variants(args.spec, args.digests),
                policy=to_json(RolloutPlan.asked(args.spec).to_mapping()),
                envoy=EnvoyProxyArgs(
                    directory=str(args.directory / WATCHED),
                    clusters=both.apply(
                        lambda known: to_json(clusters(upstreams(args.spec, known[0], named(known[1]))))
                    ),
                    routes=revisions.apply(lambda known: to_json(routes(traffic(args.spec, known)))),
                    admin=str(args.directory / ADMIN),
                ),
            ),
            pulumi.ResourceOptions.merge(
                self._child, pulumi.ResourceOptions(depends_on=[args.scaler] if args.scaler else [])
            ),
        )

    def _service(self, name: str, args: ProxyArgs, settings: HostFile, config: GuardedRollout) -> HostService:
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


def revision(version: str, digest: str) -> str:
    """The name of the bytes of a version: `4-5ac0ffee`."""
    shown = digest[:_DIGEST_SHOWN] if len(digest) == _DIGEST else digest  # what a plan puts there stays whole
    return f"{version}-{shown}"


def named(digests: Mapping[str, str]) -> dict[str, str]:
    """Each version's revision."""
    return {version: revision(version, digest) for version, digest in digests.items()}


def variants(spec: EndpointSpec, digests: Mapping[str, pulumi.Input[str]]) -> dict[str, ServedVariantArgs]:
    """Champion and challenger with their weights, and the bytes that each is to serve."""
    return {
        name: ServedVariantArgs(
            version=asked.version,
            revision=pulumi.Output.all(asked.version, digests[asked.version]).apply(lambda known: revision(*known)),
            weight=asked.weight,
        )
        for name, asked in spec.traffic.variants.items()
    }


def traffic(spec: EndpointSpec, revisions: Mapping[str, str]) -> Traffic:
    """What the specification says about requests, as the proxy understands it."""
    asked = spec.traffic
    return Traffic(
        weights={variant.version: variant.weight for variant in asked.variants.values()},
        groups=spec.access.groups,
        header_routes=tuple(HeaderRoute(headers=route.header, version=route.version) for route in asked.routes),
        shadow=Shadow(version=asked.shadow.version, sample=asked.shadow.sample) if asked.shadow else None,
        revisions=revisions,
    )


def upstreams(spec: EndpointSpec, sockets: Mapping[str, Sequence[str]], revisions: Mapping[str, str]) -> list[Upstream]:
    """Clusters for each version that has servers, and one more for the shadow."""
    scaled, first = spec.scaling.varies, always(spec.scaling)
    serving = [
        Upstream(
            version=version, sockets=tuple(sockets[version]), revision=revisions[version], scaled=scaled, always=first
        )
        for version in sorted(sockets)
    ]
    if (shadow := spec.traffic.shadow) is None:
        return serving
    (shown,) = (each for each in serving if each.version == shadow.version)
    return [*serving, replace(shown, shadow=True)]
