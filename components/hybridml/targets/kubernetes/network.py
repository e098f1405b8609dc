"""Who may talk to whom in a serving namespace: nobody, then the flows that serving needs, each with a name."""

from __future__ import annotations

from collections.abc import Sequence

from hybridml.targets.kubernetes.labels import selector

Manifest = dict[str, object]
"""The `spec` of a Kubernetes object, in Kubernetes' own spelling."""

SERVING_PORT_NAME = "http"
"""Name of the serving port on pods and Services."""
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


def allow_gateway(endpoint: str, namespace: str) -> Manifest:
    """The gateway's proxies in `namespace`, and nobody else, reach the model servers of `endpoint`."""
    proxies = {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: namespace}}}
    ports = [{"protocol": "TCP", "port": SERVING_PORT_NAME}]
    return {
        "podSelector": {"matchLabels": selector(endpoint)},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [proxies], "ports": ports}],
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
