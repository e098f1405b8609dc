"""Kubernetes as a target: what it keeps, what it refuses, where an endpoint begins."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from hybridml.errors import ConfigurationError, Problem
from hybridml.targets.kubernetes.promises import PROMISES, refusals

if TYPE_CHECKING:
    import pulumi

    from hybridml.spec import EndpointSpec, KubernetesTarget
    from hybridml.targets.base import Promises, StackContext
    from hybridml.targets.kubernetes.foundation import Foundation


class Kubernetes:
    """Endpoints on a Kubernetes cluster with Gateway API and Envoy Gateway."""

    kind = "kubernetes"

    @property
    def promises(self) -> Promises:
        """Kubernetes' answer to every promise."""
        return PROMISES

    def refusals(self, name: str, spec: EndpointSpec, target: KubernetesTarget) -> list[Problem]:
        """Everything in `spec` that Kubernetes cannot keep on `target`."""
        return refusals(name, spec, target)

    def foundation(
        self, name: str, target: KubernetesTarget, stack: StackContext, opts: pulumi.ResourceOptions
    ) -> Foundation:
        """The namespace, its bounds and its network rules that endpoints on `target` share."""
        if find_spec("pulumi_kubernetes") is None:
            missing = Problem(
                path=name, message="kubernetes needs pulumi_kubernetes", fix="pip install 'hybridml[kubernetes]'"
            )
            raise ConfigurationError([missing])
        from hybridml.targets.kubernetes.foundation import Foundation

        return Foundation(name, target, stack, opts)
