"""Where a request goes: header routes first, then the weighted split; copies for the shadow; who may call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hybridml.proxy.clusters import direct_name, shadow_name
from hybridml.proxy.message import Message, extension, percent, typed
from hybridml.proxy.split import Share, names, weighted

ROUTE_NAME = "endpoint"
"""Name under which the listener asks for its routes."""
PREDICT_PATH = "/invocations"
PING_PATH = "/ping"
ROUTE_HEADER = "x-hybridml-route"
"""Request header that tells a model server why it was chosen: `split` or `header`."""
HOST = "model"
"""Host that model servers see. Envoy adds `-shadow` to it in copies, which a caller's own host could imitate."""
TIMEOUT_SECONDS = 60
"""A prediction that takes longer is answered with 504."""
RBAC_FILTER = "envoy.filters.http.rbac"
JWT_FILTER = "envoy.filters.http.jwt_authn"
CLAIMS_KEY = "claims"
"""Key under which the claims of a verified token are handed from the JWT filter to the RBAC filter."""

_CALLERS = "invokers"
_RBAC = "envoy.extensions.filters.http.rbac.v3."


@dataclass(frozen=True, kw_only=True)
class HeaderRoute:
    """Requests that carry exactly these headers go to one version."""

    headers: Mapping[str, str]
    """Header name to the exact value; all must match."""
    version: str


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A sample of all requests is copied to one version; the answers are thrown away."""

    version: str
    sample: float
    """Percent of requests, 0 to 100."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What happens to the requests of one endpoint."""

    weights: Mapping[str, int]
    """Version to its share; shares are relative to their sum, which is above zero."""
    groups: tuple[str, ...]
    """Groups whose members may call; empty: nobody."""
    header_routes: tuple[HeaderRoute, ...] = field(default=())
    shadow: Shadow | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)
    """Version to the name of its bytes, after which its clusters are called; the version itself where none is said."""

    def revision(self, version: str) -> str:
        """What the clusters of `version` are called after."""
        return self.revisions.get(version, version)

    def versions(self) -> frozenset[str]:
        """Every version that answers: by weight or by header route."""
        routed = {route.version for route in self.header_routes}
        return frozenset(routed | {version for version, weight in self.weights.items() if weight})


def routes(traffic: Traffic) -> list[Message]:
    """The one route table of an endpoint.

    A route to a cluster that does not exist is refused by Envoy, which then keeps the routes it has.
    """
    host = {
        "name": ROUTE_NAME,
        "domains": ["*"],
        "routes": [*_by_header(traffic), _by_weight(traffic), _ping(traffic), *_refusals()],
        "typed_per_filter_config": {RBAC_FILTER: _only([_member(group) for group in sorted(traffic.groups)])},
    }
    table = typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=ROUTE_NAME,
        validate_clusters=True,
        request_headers_to_remove=["authorization"],
        virtual_hosts=[host],
    )
    return [table]


def _by_header(traffic: Traffic) -> list[Message]:
    return [
        {
            "name": f"header-{route.version}-{position}",
            "match": _asked("POST", PREDICT_PATH, route.headers),
            "route": {"cluster": direct_name(traffic.revision(route.version)), **_action(traffic)},
            "request_headers_to_add": [_tells("header")],
            "response_headers_to_add": [names(route.version)],
        }
        for position, route in enumerate(traffic.header_routes)
    ]


def _by_weight(traffic: Traffic) -> Message:
    return {
        "name": "split",
        "match": _asked("POST", PREDICT_PATH),
        "route": {"weighted_clusters": weighted(_shares(traffic)), **_action(traffic)},
        "request_headers_to_add": [_tells("split")],
    }


def _ping(traffic: Traffic) -> Message:
    """Liveness of a version that has weight; never mirrored, so that it does not count as a prediction."""
    return {
        "name": "ping",
        "match": _asked("GET", PING_PATH),
        "route": {"weighted_clusters": weighted(_shares(traffic), direct=True), **_patience()},
    }


def _shares(traffic: Traffic) -> list[Share]:
    return [
        Share(version=version, revision=traffic.revision(version), units=weight)
        for version, weight in sorted(traffic.weights.items())
        if weight
    ]


def _action(traffic: Traffic) -> Message:
    mirrored = [_mirror(traffic.shadow, traffic.revision(traffic.shadow.version))] if traffic.shadow else []
    return {**_patience(), "request_mirror_policies": mirrored} if mirrored else _patience()


def _mirror(shadow: Shadow, revision: str) -> Message:
    return {"cluster": shadow_name(revision), "runtime_fraction": percent(shadow.sample)}


def _patience() -> Message:
    """Deadline and retries. A prediction changes nothing, so it may be asked again when no answer came."""
    return {
        "timeout": f"{TIMEOUT_SECONDS}s",
        "host_rewrite_literal": HOST,
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,retriable-status-codes",
            "retriable_status_codes": [503],
            "num_retries": 3,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            "retry_host_predicate": [
                extension(
                    "envoy.retry_host_predicates.previous_hosts",
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                )
            ],
            "host_selection_retry_max_attempts": 3,
        },
    }


def _refusals() -> list[Message]:
    """405 for another method, so that TRACE, DELETE and their like reach no model server."""
    return [
        {
            "name": f"only-{method.lower()}",
            "match": {"path": path},
            "direct_response": {"status": 405},
            "response_headers_to_add": [{"header": {"key": "allow", "value": method}}],
        }
        for path, method in ((PREDICT_PATH, "POST"), (PING_PATH, "GET"))
    ]


def _asked(method: str, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Message:
    """Matches that method and path, with those headers."""
    return {
        "path": path,
        "headers": [_exactly(":method", method), *(_exactly(*pair) for pair in sorted(headers.items()))],
    }


def _tells(route: str) -> Message:
    """Tells the model server why it was chosen, whatever the caller said."""
    return {"header": {"key": ROUTE_HEADER, "value": route}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _exactly(name: str, value: str) -> Message:
    return {"name": name, "string_match": {"exact": value}}


def callers_of_both(table: Mapping[str, Any], other: Mapping[str, Any]) -> Message:
    """The route configuration `table` for those callers alone whom `other` lets in too."""
    theirs = [each for host in other.get("virtual_hosts", ()) for each in _callers(host)]
    return {**table, "virtual_hosts": [_narrowed(host, theirs) for host in table.get("virtual_hosts", ())]}


def _narrowed(host: Mapping[str, Any], others: Sequence[object]) -> Message:
    if RBAC_FILTER not in host.get("typed_per_filter_config", {}):
        return host
    both = _only([caller for caller in _callers(host) if caller in others])
    return {**host, "typed_per_filter_config": {**host["typed_per_filter_config"], RBAC_FILTER: both}}


def _callers(host: Mapping[str, Any]) -> Sequence[Message]:
    rules = host.get("typed_per_filter_config", {}).get(RBAC_FILTER, {}).get("rbac", {}).get("rules", {})
    callers: Sequence[Message] = rules.get("policies", {}).get(_CALLERS, {}).get("principals", ())
    return callers


def _only(members: Sequence[Message]) -> Message:
    """Members of one of the groups pass, everybody else gets 403."""
    rules: dict[str, object] = {"action": "ALLOW", "policies": {}}
    if members:
        rules["policies"] = {_CALLERS: {"permissions": [{"any": True}], "principals": members}}
    return typed(f"{_RBAC}RBACPerRoute", rbac={"rules": rules})


def _member(group: str) -> Message:
    """A caller whose verified token lists the group."""
    claim = {
        "filter": JWT_FILTER,
        "path": [{"key": CLAIMS_KEY}, {"key": "groups"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": group}}}},
    }
    return {"sourced_metadata": {"metadata_matcher": claim, "metadata_source": "DYNAMIC"}}
