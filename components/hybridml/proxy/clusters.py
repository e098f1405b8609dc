"""Who answers: one cluster of model servers per version, and one more for what is only mirrored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hybridml.proxy.message import Message, typed

IDLE_SECONDS = 55
"""How long an unused connection to a model server is kept; the servers must keep theirs longer."""
CONNECT_SECONDS = 2
MAX_CONNECTIONS = 256
"""Requests that a cluster sends to each of its servers at once; each has a connection of its own."""

HEALTH_PATH = "/ping"
HEALTH_SECONDS = 1
"""How often a server that may have a pause is asked whether it takes requests."""
HEALTH_PATIENCE_SECONDS = 5
"""How long it may take to answer; a busy one is not a paused one."""

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """The servers of one version."""

    version: str
    """Version of the model, as in the specification."""
    sockets: tuple[str, ...]
    """Unix sockets of the servers, absolute or relative to Envoy's working directory; at most 107 bytes each."""
    shadow: bool = False
    """These servers are sent copies; what they answer is thrown away and counted apart."""
    revision: str = ""
    """Name of the version's bytes, after which its clusters are called; the version itself when empty."""
    scaled: bool = False
    """Some of these servers may have a pause: only those that answer `HEALTH_PATH` with 200 get requests."""
    always: int = 0
    """How many of the first servers never have a pause: they get requests without being asked."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """Names of the clusters, which are also their names in Envoy's statistics."""
        revision = self.revision or self.version
        return (shadow_name(revision),) if self.shadow else (cluster_name(revision), direct_name(revision))


def cluster_name(revision: str) -> str:
    """Name of the cluster that answers what the weighted split sends to `revision`, and nothing else."""
    return f"version-{revision}"


def direct_name(revision: str) -> str:
    """Name of the cluster that answers what no weight decides: header routes and pings.

    It has the same servers; counted apart, since neither says how a version does on the traffic that it is to take.
    """
    return f"direct-{revision}"


def shadow_name(revision: str) -> str:
    """Name of the cluster that gets copies for `revision`."""
    return f"shadow-{revision}"


def clusters(upstreams: Iterable[Upstream]) -> list[Message]:
    """Every cluster, sorted by name."""
    named = {name: upstream for upstream in upstreams for name in upstream.clusters}
    return [_cluster(name, named[name]) for name in sorted(named)]


def _cluster(name: str, upstream: Upstream) -> Message:
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        type="STATIC",
        lb_policy="LEAST_REQUEST",
        connect_timeout=f"{CONNECT_SECONDS}s",
        load_assignment={
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": _servers(upstream)}],
        },
        typed_extension_protocol_options={_HTTP_OPTIONS: _protocol()},
        circuit_breakers={"thresholds": [_limits(len(upstream.sockets))]},
        outlier_detection=_outliers(),
        **(_only_the_healthy(upstream.always) if upstream.scaled else {}),
    )


def _only_the_healthy(always: int) -> Message:
    """A server is in after one good answer, and out after one bad answer or three that did not come.

    Where nobody is healthy nobody is asked: Envoy would otherwise send requests to those who have a pause.
    A cluster that is new, or changed, is used once as many answers have come as it has servers, whoever they came from.
    One that has a pause fails at once: asked again too soon, it would be counted twice, and the cluster used before
    those that are slow have answered. Where somebody never has a pause, that does no harm.
    """
    often = f"{HEALTH_SECONDS}s"
    again = often if always else f"{HEALTH_PATIENCE_SECONDS + HEALTH_SECONDS}s"
    check = {
        "http_health_check": {"path": HEALTH_PATH},
        "interval": often,
        "unhealthy_interval": again,
        "unhealthy_edge_interval": often,
        "no_traffic_interval": again,
        "no_traffic_healthy_interval": often,
        "timeout": f"{HEALTH_PATIENCE_SECONDS}s",
        "healthy_threshold": 1,
        "unhealthy_threshold": 3,
    }
    return {"health_checks": [check], "common_lb_config": {"healthy_panic_threshold": {"value": 0}}}


def _servers(upstream: Upstream) -> list[Message]:
    trusted = upstream.always if upstream.scaled else 0
    return [_server(socket, trusted=position < trusted) for position, socket in enumerate(upstream.sockets)]


def _server(socket: str, *, trusted: bool) -> Message:
    unasked = {"health_check_config": {"disable_active_health_check": True}} if trusted else {}
    return {"endpoint": {"address": {"pipe": {"path": socket}}, **unasked}}


def _protocol() -> Message:
    """HTTP/1.1 to the server, with connections closed before the server would close them under a request."""
    return typed(
        _HTTP_OPTIONS,
        common_http_protocol_options={"idle_timeout": f"{IDLE_SECONDS}s"},
        explicit_http_config={"http_protocol_options": {}},
    )


def _limits(servers: int) -> Message:
    """How much may run and how much may wait; how much of the load may be retries, so that they never become it.

    What is beyond is answered with 503 at once, instead of late. A request waits too while its connection is made.
    """
    most = MAX_CONNECTIONS * max(servers, 1)
    return {
        "max_connections": most,
        "max_pending_requests": most,
        "max_requests": 2 * most,
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 5},
    }


def _outliers() -> Message:
    """Servers that cannot be reached are left out for a while; a model's own error 500 ejects nobody."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 5,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "2s",
        "base_ejection_time": "5s",
        "max_ejection_percent": 50,
    }
