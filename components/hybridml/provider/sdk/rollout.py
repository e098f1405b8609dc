"""Which versions a proxy serves, and how a new one takes over, as a program writes it down."""

from collections.abc import Mapping

import pulumi

from hybridml.provider.sdk._base import OwnResource, arguments


@arguments
class ServedVariantArgs:
    """A variant of an endpoint: which bytes of which version it serves, and its share."""

    version: pulumi.Input[str]
    """Version of the model, as in the specification."""
    revision: pulumi.Input[str]
    """Version and digest of the artifact: `4-5ac0ffee`; the proxy's clusters are called `version-<revision>`."""
    weight: pulumi.Input[int]
    """Percent of the requests that no route takes, 0 to 100."""


@arguments
class EnvoyProxyArgs:
    """What a running Envoy is asked to serve, through files that it watches."""

    directory: pulumi.Input[str]
    """Watched folder; `clusters.json` and `routes.json` are renamed into place there."""
    clusters: pulumi.Input[str]
    """JSON list of `envoy.config.cluster.v3.Cluster`: all that `routes` needs."""
    routes: pulumi.Input[str]
    """JSON list of one `envoy.config.route.v3.RouteConfiguration`, as it is once every variant has moved."""
    admin: pulumi.Input[str] | None = None
    """Unix socket of Envoy's admin interface; each step is confirmed there when Envoy runs, and measured."""
    timeout: pulumi.Input[str] | None = None
    """How long Envoy may take to accept one step, `15s` by default."""


@arguments
class GuardedRolloutArgs:
    """Which versions an endpoint serves, and how a changed one takes over."""

    folder: pulumi.Input[str]
    """Folder of the endpoint's rollouts, absolute: plan, progress, history, and the guard that watches."""
    endpoint: pulumi.Input[str]
    """Name of the endpoint, for messages."""
    variants: pulumi.Input[Mapping[str, pulumi.Input[ServedVariantArgs]]]
    """`champion`, and `challenger` where there is one, by name."""
    policy: pulumi.Input[str]
    """How a variant whose revision changes is moved: a `hybridml.rollout` plan in JSON."""
    envoy: pulumi.Input[EnvoyProxyArgs]
    """The proxy that divides the traffic."""


class GuardedRollout(OwnResource):
    """The versions behind one Envoy. A changed revision is moved step by step under gates; all else moves at once.

    When a gate breaks, what served before serves again, and the update fails with the verdict and its numbers recorded.
    The loop runs in a guard, a process of its own, which takes everything back when whoever began the rollout is gone.
    """

    folder: pulumi.Output[str]
    """Folder of the endpoint's rollouts."""
    endpoint: pulumi.Output[str]
    """Name of the endpoint."""
    variants: pulumi.Output[Mapping[str, Mapping[str, object]]]
    """The variants as asked for."""
    policy: pulumi.Output[str]
    """How a variant whose revision changes is moved."""
    envoy: pulumi.Output[Mapping[str, str]]
    """The proxy that divides the traffic."""
    serving: pulumi.Output[Mapping[str, Mapping[str, object]]]
    """The variants that really serve: those asked for, or after an abort those from before."""
    version: pulumi.Output[str]
    """Digest of clusters and routes that Envoy reads."""
    verdict: pulumi.Output[str]
    """`promote` or `abort` of the last rollout; `at-once` where nothing was compared."""
    report: pulumi.Output[str]
    """How the last rollout went, in JSON: reason, and the numbers of its latest looks."""

    def __init__(self, name: str, args: GuardedRolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
