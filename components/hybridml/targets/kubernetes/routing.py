"""How requests reach versions, and who may send them: an HTTPRoute and its SecurityPolicy, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybridml.targets.kubernetes.labels import object_name
from hybridml.targets.kubernetes.network import Manifest

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.spec.target import Gateway, TokenIssuer
    from hybridml.spec.traffic import HeaderRoute, Shadow, Traffic

GATEWAY_API = "gateway.networking.k8s.io"
TIMEOUT = "60s"
"""A prediction that takes longer is answered with 504."""
SERVICE_PORT = 80
"""Port of every version's Service."""
PROVIDER = "callers"
"""Name of the token issuer inside the policy."""
_MILLION = 1_000_000


def service_name(endpoint: str, version: str) -> str:
    """Name of the Service, and of the Deployment, of one version."""
    return object_name(endpoint, version)


def http_route(endpoint: str, spec: EndpointSpec, gateway: Gateway) -> Manifest:
    """Header routes first, then the split; the shadow gets its sample of every prediction.

    Source: Gateway API v1, `HTTPRouteSpec`.
    """
    routes = spec.runtime.routes
    predict, health = (routes.predict, routes.health) if routes else ("/invocations", "/ping")
    mirror = [_mirror(endpoint, spec.traffic.shadow)] if spec.traffic.shadow else []
    by_header = [
        _rule(f"header-{index}", _match(predict, route), [_backend(endpoint, route.version, 1)], mirror)
        for index, route in enumerate(spec.traffic.routes)
    ]
    split = _split(endpoint, spec.traffic)
    return {
        "parentRefs": [
            {
                "group": GATEWAY_API,
                "kind": "Gateway",
                "name": gateway.name,
                "namespace": gateway.namespace,
                "sectionName": gateway.listener,
            }
        ],
        "hostnames": [hostname(endpoint, gateway)],
        "rules": [
            *by_header,
            _rule("split", _match(predict, None), split, mirror),
            _rule("health", _match(health, None), split, []),
        ],
    }


def hostname(endpoint: str, gateway: Gateway) -> str:
    """The name at which callers reach the endpoint."""
    return f"{endpoint}.{gateway.domain}"


def security_policy(endpoint: str, route: str, groups: tuple[str, ...], tokens: TokenIssuer) -> Manifest:
    """Only callers with a token for this endpoint, signed by the issuer, of one of the groups. Others get 401 or 403.

    Source: Envoy Gateway API v1alpha1, `SecurityPolicySpec`.
    """
    claim = {"name": tokens.groups_claim, "valueType": "StringArray", "values": list(groups)}
    return {
        "targetRefs": [{"group": GATEWAY_API, "kind": "HTTPRoute", "name": route}],
        "jwt": {
            "providers": [
                {
                    "name": PROVIDER,
                    "issuer": tokens.issuer,
                    "audiences": [endpoint],
                    "remoteJWKS": {"uri": tokens.jwks_uri},
                }
            ]
        },
        "authorization": {
            "defaultAction": "Deny",
            "rules": [
                {
                    "name": "invokers",
                    "action": "Allow",
                    "principal": {"jwt": {"provider": PROVIDER, "claims": [claim]}},
                }
            ],
        },
    }


def _rule(name: str, match: Manifest, backends: list[Manifest], mirror: list[Manifest]) -> Manifest:
    """One rule; the caller's token is taken off, so that no model server sees it."""
    bare = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["authorization"]}}
    return {
        "name": name,
        "matches": [match],
        "filters": [bare, *mirror],
        "backendRefs": backends,
        "timeouts": {"request": TIMEOUT},
    }


def _match(path: str, route: HeaderRoute | None) -> Manifest:
    match: Manifest = {"path": {"type": "Exact", "value": path}}
    if not route:
        return match
    headers = [{"type": "Exact", "name": name, "value": value} for name, value in sorted(route.header.items())]
    return {**match, "headers": headers}


def _split(endpoint: str, traffic: Traffic) -> list[Manifest]:
    return [_backend(endpoint, variant.version, variant.weight) for variant in traffic.variants.values()]


def _backend(endpoint: str, version: str, weight: int) -> Manifest:
    return {**_service(endpoint, version), "weight": weight}


def _service(endpoint: str, version: str) -> Manifest:
    return {"group": "", "kind": "Service", "name": service_name(endpoint, version), "port": SERVICE_PORT}


def _mirror(endpoint: str, shadow: Shadow) -> Manifest:
    share: Manifest
    if shadow.sample == int(shadow.sample):
        share = {"percent": int(shadow.sample)}
    else:
        share = {"fraction": {"numerator": round(shadow.sample * _MILLION / 100), "denominator": _MILLION}}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": _service(endpoint, shadow.version), **share}}
