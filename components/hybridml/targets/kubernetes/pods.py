"""The pods that serve one version: manifests from values, in Kubernetes' own spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybridml.targets.kubernetes.labels import selector
from hybridml.targets.kubernetes.network import SERVING_PORT_NAME, Manifest

MODEL_FOLDER = "/opt/model"
"""Where a container finds the verified artifact: the file or folder `model` below it."""
CODE_FOLDER = "/opt/hybridml"
"""Where the verifier lies."""
SOURCE_FOLDER = "/mnt/source"
"""Where a claim that holds the artifact is mounted, read-only."""
VERIFIER = "verify_artifact.py"
"""File name of the verifier, and its key in the ConfigMap."""
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
class Artifact:
    """What is fetched and verified before the server starts."""

    uri: str
    """Where the artifact lies, as the verifier reads it."""
    sha256: str
    """Digest it must have; empty while not yet known, and then nothing is served."""
    code: str
    """ConfigMap that holds the verifier."""
    claim: str | None = None
    """Claim that is mounted read-only at `SOURCE_FOLDER`."""
    env: Mapping[str, str]
    """Environment of the verifier."""


def deployment(
    endpoint: str,
    version: str,
    *,
    replicas: int,
    account: str,
    labels: Mapping[str, str],
    server: Server,
    artifact: Artifact,
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
            "metadata": {"labels": {**labels, **chosen}},
            "spec": _pod(chosen, account, server, artifact),
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


def _pod(chosen: Mapping[str, str], account: str, server: Server, artifact: Artifact) -> Manifest:
    return {
        "serviceAccountName": account,
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
        "topologySpreadConstraints": [_spread(key, chosen) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")],
        "initContainers": [_verifier(server.image, artifact)],
        "containers": [_container(server)],
        "volumes": _volumes(artifact),
    }


def _tolerations(server: Server) -> list[Manifest]:
    lost = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    patience = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": EVICT_AFTER_SECONDS}
        for key in lost
    ]
    accelerated = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}] if GPU in server.resources else []
    return [*patience, *accelerated]


def _spread(key: str, chosen: Mapping[str, str]) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(chosen)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _verifier(image: str, artifact: Artifact) -> Manifest:
    mounts = [_mount("model", MODEL_FOLDER), _mount("tmp", "/tmp"), _mount("code", CODE_FOLDER, read_only=True)]
    source = [_mount("source", SOURCE_FOLDER, read_only=True)] if artifact.claim else []
    limits = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": MODEL_ROOM}
    return {
        "name": "verify-artifact",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"{CODE_FOLDER}/{VERIFIER}"],
        "args": [artifact.uri, artifact.sha256, MODEL_FOLDER],
        "env": _env({"HOME": "/tmp", **artifact.env}),
        "resources": {"requests": limits, "limits": limits},
        "securityContext": _restricted(),
        "volumeMounts": [*mounts, *source],
    }


def _container(server: Server) -> Manifest:
    probe = {"httpGet": {"path": server.health, "port": SERVING_PORT_NAME}}
    return {
        "name": "server",
        "image": server.image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(server.command)} if server.command else {}),
        "env": _env({"HOME": "/tmp", **server.env}),
        "ports": [{"name": SERVING_PORT_NAME, "containerPort": server.port, "protocol": "TCP"}],
        "resources": {"requests": dict(server.resources), "limits": dict(server.resources)},
        "securityContext": _restricted(),
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 120},
        "readinessProbe": {**probe, "periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "volumeMounts": [_mount("model", MODEL_FOLDER, read_only=True), _mount("tmp", "/tmp")],
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


def _volumes(artifact: Artifact) -> list[Manifest]:
    own: list[Manifest] = [
        {"name": "model", "emptyDir": {"sizeLimit": MODEL_ROOM}},
        {"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH}},
        {"name": "code", "configMap": {"name": artifact.code, "defaultMode": 0o444}},
    ]
    if not artifact.claim:
        return own
    return [*own, {"name": "source", "persistentVolumeClaim": {"claimName": artifact.claim, "readOnly": True}}]


def _env(variables: Mapping[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": read_only}
