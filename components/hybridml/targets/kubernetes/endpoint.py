"""One endpoint on Kubernetes: account, network flows, one Deployment and Service per version, route and policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from hybridml.origin import about
from hybridml.targets.asks import serving_image
from hybridml.targets.base import EndpointOutputs
from hybridml.targets.kubernetes import network, objects, pods, routing
from hybridml.targets.kubernetes.artifacts import is_remote, source
from hybridml.targets.kubernetes.labels import labels, object_name, residency, selector

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, KubernetesTarget
    from hybridml.targets.base import StackContext

SERVING_PORT = 8080
"""Port of the default server."""
SCORING_SERVER = (
    "uvicorn",
    "--host=0.0.0.0",
    f"--port={SERVING_PORT}",
    "--timeout-keep-alive=75",
    "--timeout-graceful-shutdown=60",
    "mlflow.pyfunc.scoring_server.app:app",
)
"""The MLflow scoring server, without the process that only starts it."""
INSTANCE_LABEL = "node.kubernetes.io/instance-type"
"""Label of a node's machine type."""


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """What an endpoint is built from."""

    spec: EndpointSpec
    """What is wanted; nothing in it is refused."""
    target: KubernetesTarget
    """Where."""
    stack: StackContext
    """For which stack."""
    code: str
    """ConfigMap that holds the verifier."""
    ready: list[pulumi.Resource]
    """What has to exist in the namespace before a pod starts."""


class Endpoint(pulumi.ComponentResource):
    """Versions behind one route. Traffic moves only to what is healthy, and only callers with a token get in."""

    outputs: EndpointOutputs
    """What callers and the next component need."""

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("hybridml:index:KubernetesEndpoint", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=args.ready)
        self._labels = labels(args.stack.endpoint_tags(name, args.spec) | residency(args.target))
        account = self._create_account()
        flows = self._open_flows()
        servers = [each for version in args.spec.served for each in self._serve(version, [account, *flows])]
        policy = self._admit()
        self._route([*servers, policy])
        self.outputs = self._outputs()
        self.register_outputs({"url": self.outputs.url})

    def _create_account(self) -> pulumi.Resource:
        secrets = [{"name": secret} for secret in self._args.target.image_pull_secrets]
        return kubernetes.core.v1.ServiceAccount(
            f"{self._name}-account",
            metadata=self._metadata(self._name),
            automount_service_account_token=False,
            image_pull_secrets=objects.references(secrets),
            opts=self._child,
        )

    def _open_flows(self) -> list[pulumi.Resource]:
        """The gateway reaches the servers; the verifier reaches the store, where it has to."""
        args, name = self._args, self._name
        flows = {"from-gateway": network.allow_gateway(name, args.target.gateway)}
        if any(is_remote(args.spec.versions[version].artifact.uri) for version in args.spec.served):
            flows["to-artifacts"] = network.allow_artifacts(name, args.target.artifacts.networks)
        return [
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{flow}",
                metadata=self._metadata(object_name(name, flow)),
                spec=objects.spec(rule),
                opts=self._child,
            )
            for flow, rule in flows.items()
        ]

    def _serve(self, version: str, before: list[pulumi.Resource]) -> list[pulumi.Resource]:
        """Service, disruption budget and Deployment of one version."""
        with about(f"versions.{version}"):
            name, replicas = routing.service_name(self._name, version), self._args.spec.scaling.min
            service = kubernetes.core.v1.Service(
                f"{self._name}-{version}",
                metadata=self._metadata(name, version),
                spec=objects.spec(pods.service(self._name, version)),
                opts=self._child,
            )
            if replicas > 1:
                kubernetes.policy.v1.PodDisruptionBudget(
                    f"{self._name}-{version}",
                    metadata=self._metadata(name, version),
                    spec=objects.spec(pods.disruption_budget(self._name, version)),
                    opts=self._child,
                )
            deployment = kubernetes.apps.v1.Deployment(
                f"{self._name}-{version}",
                metadata=self._metadata(name, version),
                spec=objects.spec(self._deployment(version)),
                opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=before)),
            )
            return [service, deployment]

    def _deployment(self, version: str) -> network.Manifest:
        args, model = self._args, self._args.spec.versions[version]
        return pods.deployment(
            self._name,
            version,
            replicas=args.spec.scaling.min,
            labels=self._version_labels(version),
            annotations=self._annotations(version),
            server=self._server(),
            source=source(model.artifact, args.target.artifacts, args.spec.runtime),
            place=pods.Place(
                account=self._name,
                code=args.code,
                node_selector=self._nodes(),
                storage_class=args.target.storage_class,
            ),
        )

    def _server(self) -> pods.Server:
        runtime, image = self._args.spec.runtime, serving_image(self._args.spec, self._args.target)
        mlflow = runtime.kind == "mlflow"
        wanted = runtime.resources
        gpus = {pods.GPU: str(wanted.gpu.count)} if wanted.gpu.count else {}
        return pods.Server(
            image=image or "",
            port=runtime.port or SERVING_PORT,
            health=runtime.routes.health if runtime.routes else "/ping",
            command=SCORING_SERVER if mlflow else (),
            env={**runtime.env, **({"__pyfunc_model_path__": pods.MODEL} if mlflow else {})},
            resources={"cpu": str(wanted.cpu), "memory": str(wanted.memory), "ephemeral-storage": pods.SCRATCH, **gpus},
        )

    def _nodes(self) -> dict[str, str]:
        instance = self._args.spec.instance
        return {**self._args.target.node_selector, **({INSTANCE_LABEL: instance} if instance else {})}

    @about("access")
    def _admit(self) -> pulumi.Resource:
        tokens = self._args.target.tokens
        assert tokens, "refused where nobody signs tokens"  # noqa: S101 - `refusals` has been asked
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-access",
            api_version="gateway.envoyproxy.io/v1alpha1",
            kind="SecurityPolicy",
            metadata=self._metadata(self._name),
            spec=objects.spec(routing.security_policy(self._name, self._name, self._args.spec.access.groups, tokens)),
            opts=self._child,
        )

    @about("traffic")
    def _route(self, before: list[pulumi.Resource]) -> None:
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-route",
            api_version=f"{routing.GATEWAY_API}/v1",
            kind="HTTPRoute",
            metadata=self._metadata(self._name),
            spec=objects.spec(routing.http_route(self._name, self._args.spec, self._args.target.gateway)),
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=before)),
        )

    def _metadata(self, name: str, version: str | None = None) -> kubernetes.meta.v1.ObjectMetaArgs:
        more = {**selector(self._name, version), **(self._version_labels(version) if version else self._labels)}
        return objects.metadata({"name": name, "namespace": self._args.target.namespace, "labels": more})

    def _version_labels(self, version: str) -> dict[str, str]:
        return {**self._labels, **labels({"model-version": version})}

    def _annotations(self, version: str) -> dict[str, str]:
        """Where the version comes from; annotations take any text."""
        model = self._args.spec.versions[version]
        known: Mapping[str, str | None] = {
            "model-format": str(model.format),
            "model-card": model.card,
            "artifact-sha256": model.artifact.sha256 or "not-yet-known",
            "code-commit": model.lineage.git,
            "dataset-version": model.lineage.data,
            "training-run-id": model.lineage.run,
        }
        return {f"hybridml/{key}": value for key, value in known.items() if value}

    def _outputs(self) -> EndpointOutputs:
        args, routes = self._args, self._args.spec.runtime.routes
        host = routing.hostname(self._name, args.target.gateway)
        issuer = args.target.tokens.issuer if args.target.tokens else ""
        return EndpointOutputs(
            url=f"https://{host}{routes.predict if routes else '/invocations'}",
            kind="kubernetes",
            authentication={"scheme": "jwt", "issuer": issuer, "audience": self._name},
            versions={version: routing.service_name(self._name, version) for version in args.spec.served},
            details={"namespace": args.target.namespace, "context": args.target.context, "host": host},
        )
