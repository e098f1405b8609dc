"""Valid inputs of every resource, and what each one would compute."""

from __future__ import annotations

import json
from typing import Any

from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy

SHA = "0" * 64
LABELS = {"owner": "team-growth"}
ROUTES = json.dumps([{"name": "endpoint"}])
CLUSTERS = json.dumps([{"name": "version-3"}])
SERVING = {"champion": {"version": "3", "revision": "3-00000000", "weight": 100}}
POLICY = json.dumps(
    RolloutPlan(
        strategy=Strategy.CANARY,
        steps=(10.0, 50.0),
        interval=2.0,
        bake=20.0,
        max_bake=60.0,
        min_requests=50,
        gates=Gates(error_rate=0.01),
    ).to_mapping()
)
VARIANT = {
    "name": "champion",
    "model": "projects/acme-ml/locations/europe-west3/models/1",
    "trafficPercent": 100,
    "machineType": "n2-standard-2",
    "maxReplicas": 2,
    "acceleratorType": "NVIDIA_L4",
    "acceleratorCount": 1,
    "serviceAccount": "serve@acme-ml.iam.gserviceaccount.com",
}

INPUTS: dict[str, dict[str, Any]] = {
    "GuardedRollout": {
        "folder": "/nowhere/rollout",
        "endpoint": "churn",
        "variants": SERVING,
        "policy": POLICY,
        "envoy": {"directory": "/w", "clusters": CLUSTERS, "routes": ROUTES, "admin": "/a", "timeout": "5s"},
    },
    "HostFile": {"path": "/nowhere/file", "content": "text", "mode": "0640"},
    "HostJob": {
        "argv": ["program", "argument"],
        "directory": "/nowhere/run",
        "env": {"TOKEN": "value", "OTHER": "plain"},
        "outputs": ["/nowhere/out/manifest.json"],
        "timeout": "5m",
        "triggers": {"model": SHA},
    },
    "HostKey": {"path": "/nowhere/key", "algorithm": "RS256"},
    "HostService": {
        "argv": ["server", "{socket}"],
        "directory": "/nowhere/run",
        "env": {"TOKEN": "value", "OTHER": "plain"},
        "socket": True,
        "health": {"path": "/ping"},
        "startTimeout": "5s",
        "triggers": {"model": SHA},
    },
    "ModelVersion": {
        "trackingUri": "http://127.0.0.1:5000",
        "model": "churn",
        "version": "3",
        "source": "/models/churn/3",
        "sha256": SHA,
        "card": "# Churn",
        "signature": "{}",
        "lineage": {"git": "abc"},
        "tags": LABELS,
        "aliases": ["champion"],
    },
    "SageMakerDeployment": {
        "endpointName": "churn",
        "endpointConfigName": "churn-1",
        "region": "eu-central-1",
        "deployment": {"strategy": "canary", "stepPercent": 5, "stepInterval": 60, "timeout": 1800},
        "rollbackAlarms": ["churn-errors"],
        "retainVariantProperties": True,
        "tags": LABELS,
    },
    "VertexModel": {
        "project": "acme-ml",
        "location": "europe-west3",
        "displayName": "churn 3",
        "artifactUri": "gs://acme-models/churn/3/",
        "container": {"imageUri": "europe-docker.pkg.dev/acme-ml/serve@sha256:" + SHA, "env": {"A": "b"}},
        "description": "# Churn",
        "sha256": SHA,
        "serviceAccount": "serve@acme-ml.iam.gserviceaccount.com",
        "encryptionKey": "projects/acme-ml/locations/europe-west3/keyRings/ml/cryptoKeys/models",
        "labels": LABELS,
    },
    "VertexDeployment": {
        "project": "acme-ml",
        "location": "europe-west3",
        "endpoint": "projects/acme-ml/locations/europe-west3/endpoints/1",
        "deployedModels": [VARIANT],
        "privateNetwork": "projects/1234/global/networks/ml",
    },
}

COMPUTED: dict[str, dict[str, Any]] = {
    "GuardedRollout": {"serving": SERVING, "version": "v", "verdict": "at-once", "report": "{}"},
    "HostFile": {"sha256": SHA},
    "HostJob": {"exitStatus": 0, "log": "/nowhere/run/i/log", "finished": "2026-01-01T00:00:00+00:00"},
    "HostKey": {"kid": "k", "jwks": "{}"},
    "HostService": {"pid": 7, "started": "boot/1", "socketPath": "i/socket", "log": "/nowhere/run/i/log"},
    "ModelVersion": {"registryVersion": "1"},
    "SageMakerDeployment": {"endpointArn": "arn:aws:sagemaker:eu-central-1:1:endpoint/churn"},
    "VertexModel": {"model": "projects/acme-ml/locations/europe-west3/models/1", "modelVersion": "1"},
    "VertexDeployment": {"deployedModelIds": {"champion": "1"}},
}
