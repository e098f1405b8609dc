"""AWS as a target: what it keeps, what it refuses, where an endpoint begins."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from hybridml.errors import ConfigurationError, Problem
from hybridml.targets.aws.promises import PROMISES, refusals

if TYPE_CHECKING:
    import pulumi

    from hybridml.spec import AwsTarget, EndpointSpec
    from hybridml.targets.aws.foundation import Foundation
    from hybridml.targets.base import Promises, StackContext


class Aws:
    """Endpoints on SageMaker."""

    kind = "aws"

    @property
    def promises(self) -> Promises:
        """SageMaker's answer to every promise."""
        return PROMISES

    def refusals(self, name: str, spec: EndpointSpec, target: AwsTarget) -> list[Problem]:
        """Everything in `spec` that SageMaker cannot keep on `target`."""
        return refusals(name, spec, target)

    def foundation(self, name: str, target: AwsTarget, stack: StackContext, opts: pulumi.ResourceOptions) -> Foundation:
        """The provider, the key and the store that endpoints on `target` share."""
        if find_spec("pulumi_aws") is None:
            missing = Problem(path=name, message="aws needs pulumi_aws", fix="pip install 'hybridml[aws]'")
            raise ConfigurationError([missing])
        from hybridml.targets.aws.foundation import Foundation

        return Foundation(name, target, stack, opts)
