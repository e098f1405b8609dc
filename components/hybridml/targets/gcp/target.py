"""Google Cloud as a target: what it keeps, what it refuses, where an endpoint begins."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from hybridml.errors import ConfigurationError, Problem
from hybridml.targets.gcp.promises import PROMISES, refusals

if TYPE_CHECKING:
    import pulumi

    from hybridml.spec import EndpointSpec, GcpTarget
    from hybridml.targets.base import Promises, StackContext
    from hybridml.targets.gcp.foundation import Foundation


class Gcp:
    """Endpoints on Vertex AI."""

    kind = "gcp"

    @property
    def promises(self) -> Promises:
        """Vertex AI's answer to every promise."""
        return PROMISES

    def refusals(self, name: str, spec: EndpointSpec, target: GcpTarget) -> list[Problem]:
        """Everything in `spec` that Vertex AI cannot keep on `target`."""
        return refusals(name, spec, target)

    def foundation(self, name: str, target: GcpTarget, stack: StackContext, opts: pulumi.ResourceOptions) -> Foundation:
        """The provider, the key and the store that endpoints on `target` share."""
        if find_spec("pulumi_gcp") is None:
            missing = Problem(path=name, message="gcp needs pulumi_gcp", fix="pip install 'hybridml[gcp]'")
            raise ConfigurationError([missing])
        from hybridml.targets.gcp.foundation import Foundation

        return Foundation(name, target, stack, opts)
