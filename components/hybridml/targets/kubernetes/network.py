"""Who may talk to whom in a serving namespace: nobody, then the flows that serving needs, each with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybridml.targets.kubernetes.labels import selector

if TYPE_CHECKING:
    from hybridml.spec.target import Gateway

Manifest = dict[str, object]
"""The `spec` of a Kubernetes object, in Kubernetes' own spelling."""

SERVING_PORT_NAME = "http"
"""Name of the serving port on pods and Services."""
CONTROLLER_NAMESPACE = "envoy-gateway-system"
"""Namespace of the Envoy Gateway controller."""
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that the API server puts on every namespace."""


def default_deny() -> Manifest:
    """Nothing in the namespace sends or receives."""
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def allow_dns() -> Manifest:
    """Every pod may ask the cluster's name server."""
    server = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [server], "ports": ports}]}


def allow_gateway(endpoint: str, gateway: Gateway) -> Manifest:
    """The proxies of `gateway`, and nobody else, reach the model servers of `endpoint`.

    Envoy Gateway runs them in the Gateway's namespace or in its own, where they are told apart by labels.
    Source: Envoy Gateway, "Gateway Namespace Mode".
    """
    owner = "gateway.envoyproxy.io/owning-gateway"
    labelled = {f"{owner}-name": gateway.name, f"{owner}-namespace": gateway.namespace}
    proxies = [
        {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: gateway.namespace}}},
        {
            "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: CONTROLLER_NAMESPACE}},
            "podSelector": {"matchLabels": labelled},
        },
    ]
    ports = [{"protocol": "TCP", "port": SERVING_PORT_NAME}]
    return {
        "podSelector": {"matchLabels": selector(endpoint)},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": proxies, "ports": ports}],
    }


def allow_artifacts(endpoint: str, networks: Sequence[str]) -> Manifest:
    """The pods of `endpoint` fetch their artifacts over TLS from `networks`."""
    return {
        "podSelector": {"matchLabels": selector(endpoint)},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": network}} for network in networks],
                "ports": [{"protocol": "TCP", "port": 443}],
            }
        ],
    }
