"""What the endpoints of one Kubernetes target share: the provider, the namespace, its bounds and its network rules."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from hybridml.targets.base import EndpointOutputs
from hybridml.targets.kubernetes import network, objects
from hybridml.targets.kubernetes.artifacts import verifier_code
from hybridml.targets.kubernetes.endpoint import Endpoint, EndpointArgs
from hybridml.targets.kubernetes.labels import labels, residency
from hybridml.targets.kubernetes.namespace import limits, pod_security, quota

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, KubernetesTarget
    from hybridml.targets.base import StackContext


class Foundation(pulumi.ComponentResource):
    """A namespace in which every pod is restricted, nothing talks to anything, and nobody uses it up."""

    def __init__(self, name: str, target: KubernetesTarget, stack: StackContext, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:KubernetesFoundation", name, {}, opts)
        self._target, self._stack = target, stack
        self._labels = labels(
            stack.tags(owner=stack.project, **{"data-class": _strictest(target)}, **residency(target))
        )
        provider = kubernetes.Provider(
            f"{name}-provider", context=target.context, opts=pulumi.ResourceOptions(parent=self)
        )
        self._placed = pulumi.ResourceOptions(providers={"kubernetes": provider})
        self._child = pulumi.ResourceOptions(parent=self, provider=provider)
        namespace = self._create_namespace(name)
        self._child = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[namespace]))
        self._ready = [namespace, *self._bound(name), *self._close(name)]
        self._code = self._place_verifier(name)
        self.register_outputs({"namespace": target.namespace})

    def endpoint(self, name: str, spec: EndpointSpec, opts: pulumi.ResourceOptions) -> EndpointOutputs:
        """The endpoint `name`, as `spec` asks."""
        args = EndpointArgs(spec=spec, target=self._target, stack=self._stack, code=self._code, ready=self._ready)
        return Endpoint(name, args, pulumi.ResourceOptions.merge(opts, self._placed)).outputs

    def _create_namespace(self, name: str) -> pulumi.Resource:
        stack = self._stack
        keep = pulumi.ResourceOptions(protect=not stack.disposable)
        metadata = {
            "name": self._target.namespace,
            "labels": {**self._labels, **pod_security(self._target.version)},
        }
        return kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata=objects.metadata(metadata),
            opts=pulumi.ResourceOptions.merge(self._child, keep),
        )

    def _bound(self, name: str) -> list[pulumi.Resource]:
        """How much the namespace may use, and what a container gets that does not say."""
        core = kubernetes.core.v1
        return [
            core.ResourceQuota(
                f"{name}-quota",
                metadata=self._metadata("quota"),
                spec=objects.spec(quota(self._target.quota)),
                opts=self._child,
            ),
            core.LimitRange(
                f"{name}-limits", metadata=self._metadata("limits"), spec=objects.spec(limits()), opts=self._child
            ),
        ]

    def _close(self, name: str) -> list[pulumi.Resource]:
        """Nothing sends or receives, but for name look-ups."""
        flows = {"default-deny": network.default_deny(), "allow-dns": network.allow_dns()}
        return [
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{flow}", metadata=self._metadata(flow), spec=objects.spec(rule), opts=self._child
            )
            for flow, rule in flows.items()
        ]

    def _place_verifier(self, name: str) -> str:
        """The verifier's ConfigMap: named after its content, so that pods never see another than they started with."""
        code = verifier_code()
        mark = sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()[:10]
        config = kubernetes.core.v1.ConfigMap(
            f"{name}-verifier", metadata=self._metadata(f"verifier-{mark}"), data=code, immutable=True, opts=self._child
        )
        self._ready.append(config)
        return f"verifier-{mark}"

    def _metadata(self, name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
        return objects.metadata({"name": name, "namespace": self._target.namespace, "labels": self._labels})


def _strictest(target: KubernetesTarget) -> str:
    """The strictest data that the target may hold."""
    return "on-premises-only" if target.on_premises else "confidential"
