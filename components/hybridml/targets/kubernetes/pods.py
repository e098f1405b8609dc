"""The pods that serve one version: manifests from values, in Kubernetes' own spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hybridml.targets.kubernetes.labels import selector
from hybridml.targets.kubernetes.network import SERVING_PORT_NAME, Manifest

MODEL_ROOT = "/opt/ml"
"""Volume of the verified artifact."""
MODEL = f"{MODEL_ROOT}/model"
"""Where a container finds the verified artifact; the same place as on SageMaker, so that one image serves both."""
CODE_FOLDER = "/opt/hybridml"
"""Where the verifier lies."""
SOURCE_FOLDER = "/mnt/source"
"""Where a claim that holds the artifact is mounted, read-only."""
CREDENTIALS_FOLDER = "/var/run/secrets/artifacts"
"""Where the Secret with the store's credentials is mounted: its key `credentials` is an AWS credentials file."""
CODE = {
    "verify_artifact.py": "verify_artifact.py",
    "digest.py": "hybridml/spec/digest.py",
    "s3_download.py": "hybridml/targets/kubernetes/s3_download.py",
}
"""Key in the ConfigMap of the verifier to its path in the container."""
TMP = "/tmp"  # noqa: S108 - a volume of its own; the root is read-only
"""The only other place where a container writes."""
UNPRIVILEGED = 10001
"""User and group of every container; above 10,000, so that it clashes with no user of the node."""
EVICT_AFTER_SECONDS = 15
"""How long a pod stays on a lost node; the cluster's default of 300 s leaves an endpoint short for five minutes."""
DRAIN_SECONDS = 10
"""How long a stopping server goes on answering, until every proxy has taken it out of its list."""
GRACE_SECONDS = 90
"""How long a stopping server may take to finish what it began, draining included."""
SCRATCH = "1Gi"
"""Room for temporary files."""
MODEL_ROOM = "10Gi"
"""Room for the artifact."""
GPU = "nvidia.com/gpu"
"""Kubernetes resource, and taint, of NVIDIA accelerators."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The container that answers predictions."""

    image: str
    """Image reference."""
    port: int
    """Port it listens on."""
    health: str
    """Path that answers 200 once the model is loaded."""
    command: Sequence[str]
    """Program and arguments; empty for the image's own."""
    env: Mapping[str, str]
    """Environment variables."""
    resources: Mapping[str, str]
    """Kubernetes resource name to quantity: request and limit alike."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is fetched and verified before the server starts."""

    uri: str
    """Where the artifact lies, as the verifier reads it."""
    sha256: str
    """Digest it must have; empty while not yet known, and then nothing is served."""
    claim: str | None = None
    """Claim that is mounted read-only at `SOURCE_FOLDER`."""
    secret: str | None = None
    """Secret that is mounted at `CREDENTIALS_FOLDER`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment of the verifier."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where pods run and as whom."""

    account: str
    """Service account."""
    code: str
    """ConfigMap that holds the verifier."""
    node_selector: Mapping[str, str]
    """Labels of the nodes."""
    storage_class: str | None
    """Class of the volume that holds the artifact; the node's own disk when None."""


def deployment(
    endpoint: str,
    version: str,
    *,
    replicas: int,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    server: Server,
    source: Source,
    place: Place,
) -> Manifest:
    """The Deployment of one version: no replica goes before its successor answers."""
    chosen = selector(endpoint, version)
    return {
        "replicas": replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 900,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            "metadata": {"labels": {**labels, **chosen}, "annotations": dict(annotations)},
            "spec": _pod(chosen, server, source, place),
        },
    }


def service(endpoint: str, version: str) -> Manifest:
    """The Service in front of one version's pods, inside the cluster only."""
    return {
        "type": "ClusterIP",
        "selector": selector(endpoint, version),
        "ports": [{"name": SERVING_PORT_NAME, "port": 80, "targetPort": SERVING_PORT_NAME, "protocol": "TCP"}],
    }


def disruption_budget(endpoint: str, version: str) -> Manifest:
    """One replica of a version at most may be evicted at a time."""
    return {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(endpoint, version)},
    }


def _pod(chosen: Mapping[str, str], server: Server, source: Source, place: Place) -> Manifest:
    return {
        "serviceAccountName": place.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UNPRIVILEGED,
            "runAsGroup": UNPRIVILEGED,
            "fsGroup": UNPRIVILEGED,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": _tolerations(server),
        "topologySpreadConstraints": [
            _spread(key, chosen) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        **({"nodeSelector": dict(place.node_selector)} if place.node_selector else {}),
        "initContainers": [_verifier(server.image, source)],
        "containers": [_container(server)],
        "volumes": _volumes(source, place),
    }


def _tolerations(server: Server) -> list[Manifest]:
    lost = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    patience: list[Manifest] = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": EVICT_AFTER_SECONDS}
        for key in lost
    ]
    accelerated: list[Manifest] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    return [*patience, *(accelerated if GPU in server.resources else [])]


def _spread(key: str, chosen: Mapping[str, str]) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(chosen)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _verifier(image: str, source: Source) -> Manifest:
    limits = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": MODEL_ROOM}
    return {
        "name": "verify-artifact",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"{CODE_FOLDER}/verify_artifact.py"],
        "args": [source.uri, source.sha256, MODEL_ROOT],
        "env": _env({"HOME": TMP, "PYTHONDONTWRITEBYTECODE": "1", **source.env}),
        "resources": {"requests": limits, "limits": limits},
        "securityContext": _restricted(),
        "volumeMounts": [
            _mount("model", MODEL_ROOT),
            _mount("tmp", TMP),
            _mount("code", CODE_FOLDER, read_only=True),
            *([_mount("source", SOURCE_FOLDER, read_only=True)] if source.claim else []),
            *([_mount("credentials", CREDENTIALS_FOLDER, read_only=True)] if source.secret else []),
        ],
    }


def _container(server: Server) -> Manifest:
    probe = {"httpGet": {"path": server.health, "port": SERVING_PORT_NAME}}
    return {
        "name": "server",
        "image": server.image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(server.command)} if server.command else {}),
        "env": _env({"HOME": TMP, **server.env}),
        "ports": [{"name": SERVING_PORT_NAME, "containerPort": server.port, "protocol": "TCP"}],
        "resources": {"requests": dict(server.resources), "limits": dict(server.resources)},
        "securityContext": _restricted(),
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 120},
        "readinessProbe": {**probe, "periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "volumeMounts": [_mount("model", MODEL_ROOT, read_only=True), _mount("tmp", TMP)],
    }


def _restricted() -> Manifest:
    """Source: Pod Security Standards, level restricted; a read-only root on top of it."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def _volumes(source: Source, place: Place) -> list[Manifest]:
    items = [{"key": key, "path": path} for key, path in sorted(CODE.items())]
    volumes: list[Manifest] = [
        _model_volume(place.storage_class),
        {"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH}},
        {"name": "code", "configMap": {"name": place.code, "items": items, "defaultMode": 0o444}},
    ]
    if source.claim:
        volumes.append({"name": "source", "persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}})
    if source.secret:
        volumes.append({"name": "credentials", "secret": {"secretName": source.secret, "defaultMode": 0o440}})
    return volumes


def _model_volume(storage_class: str | None) -> Manifest:
    """A volume that lives as long as the pod."""
    if not storage_class:
        return {"name": "model", "emptyDir": {"sizeLimit": MODEL_ROOM}}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": MODEL_ROOM}},
    }
    return {"name": "model", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


def _env(variables: Mapping[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": read_only}
