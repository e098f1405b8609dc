"""What an endpoint becomes on Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from targets.planned import DIGEST_3, TARGETS, Planned, PlanOf, only

Plan = Callable[..., PlanOf]
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
ACCESS = "kubernetes:gateway.envoyproxy.io/v1alpha1:SecurityPolicy"


def pod(made: PlanOf, version: str = "3") -> Any:
    return made.one(DEPLOYMENT, f"churn-{version}")["spec"]["template"]["spec"]


def server(made: PlanOf, version: str = "3") -> Any:
    return only(pod(made, version)["containers"])


def verifier(made: PlanOf, version: str = "3") -> Any:
    return only(pod(made, version)["initContainers"])


def needs(resource: Planned) -> set[str]:
    return {each.rpartition("::")[2] for each in resource.data["dependsOn"]}


def test_namespace_takes_restricted_pods_only(plan: Plan) -> None:
    """The API server enforces the restricted level of the cluster's own release."""
    labels = plan("kubernetes", target={"version": "1.35"}).one("kubernetes:core/v1:Namespace")["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.35"


def test_namespace_is_bounded(plan: Plan) -> None:
    """The quota is the target's, nothing may be published past the gateway, and containers have limits."""
    made = plan("kubernetes", target={"quota": {"cpu": "8", "memory": "32Gi", "gpus": 2, "pods": 20}})

    assert made.one("kubernetes:core/v1:ResourceQuota")["spec"]["hard"] == {
        "pods": "20",
        "requests.cpu": "8",
        "requests.memory": "32Gi",
        "limits.memory": "32Gi",
        "requests.nvidia.com/gpu": "2",
        "persistentvolumeclaims": "20",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }
    limit = only(made.one("kubernetes:core/v1:LimitRange")["spec"]["limits"])
    assert limit["type"] == "Container"
    assert limit["default"]["memory"] == "512Mi"


def test_nothing_talks_to_anything_but_by_name(plan: Plan) -> None:
    """All traffic is denied; name look-ups, the gateway's proxies and the artifact store are let through."""
    made = plan("kubernetes")

    rules = {each.name: each["spec"] for each in made.all(POLICY)}
    assert set(rules) == {"churn-allow-dns", "churn-default-deny", "churn-from-gateway", "churn-to-artifacts"}
    assert rules["churn-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    egress = only(rules["churn-to-artifacts"]["egress"])
    assert egress == {"to": [{"ipBlock": {"cidr": "10.20.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    ingress = only(rules["churn-from-gateway"]["ingress"])
    assert ingress["ports"] == [{"protocol": "TCP", "port": "http"}]
    assert ingress["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}},
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "envoy-gateway-system"}},
            "podSelector": {
                "matchLabels": {
                    "gateway.envoyproxy.io/owning-gateway-name": "inference",
                    "gateway.envoyproxy.io/owning-gateway-namespace": "gateways",
                }
            },
        },
    ]


def test_pods_are_restricted(plan: Plan) -> None:
    """Pods run as nobody, without privileges, token, writable root or service variables."""
    made = plan("kubernetes")

    spec = pod(made)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in (server(made), verifier(made)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        }
    assert made.one("kubernetes:core/v1:ServiceAccount")["automountServiceAccountToken"] is False


@pytest.mark.promise("mode=realtime", "runtime.kind=mlflow", target="kubernetes", by="plan")
def test_server_is_the_scoring_server_of_the_verified_model(plan: Plan) -> None:
    """The MLflow scoring server serves the folder that the verifier filled, which it cannot write."""
    container = server(plan("kubernetes"))

    assert container["image"] == TARGETS["kubernetes"]["serving_image"]
    assert container["command"][0] == "uvicorn"
    assert container["command"][-1] == "mlflow.pyfunc.scoring_server.app:app"
    assert {"name": "__pyfunc_model_path__", "value": "/opt/ml/model"} in container["env"]
    assert {"name": "model", "mountPath": "/opt/ml", "readOnly": True} in container["volumeMounts"]


def test_server_is_probed_bounded_and_drained(plan: Plan) -> None:
    """Start, readiness and liveness are asked for; requests equal limits; a stopping server answers on."""
    made = plan("kubernetes", {"runtime": {"resources": {"cpu": "500m", "memory": "1Gi"}}})
    container = server(made)

    resources = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    assert container["resources"] == {"requests": resources, "limits": resources}
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] == 600
    assert container["readinessProbe"]["httpGet"] == {"path": "/ping", "port": "http"}
    assert container["livenessProbe"] != container["readinessProbe"]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert pod(made)["terminationGracePeriodSeconds"] == 90


def test_artifact_is_verified_before_the_server_starts(plan: Plan) -> None:
    """The init container gets address and digest, runs the verifier of the ConfigMap, and has no more rights."""
    made = plan("kubernetes")
    container = verifier(made)

    assert container["command"] == ["python", "/opt/hybridml/verify_artifact.py"]
    assert container["args"] == ["models:/churn/3", DIGEST_3, "/opt/ml"]
    code = made.one("kubernetes:core/v1:ConfigMap")
    assert code["immutable"] is True
    assert set(code["data"]) == {"verify_artifact.py", "digest.py", "s3_download.py"}
    volume = only([each for each in pod(made)["volumes"] if each["name"] == "code"])["configMap"]
    assert volume["name"] == code["metadata"]["name"]
    assert volume["items"] == [
        {"key": "digest.py", "path": "hybridml/spec/digest.py"},
        {"key": "s3_download.py", "path": "hybridml/targets/kubernetes/s3_download.py"},
        {"key": "verify_artifact.py", "path": "verify_artifact.py"},
    ]


def test_digest_that_is_not_known_is_not_served(plan: Plan) -> None:
    """Without a digest the verifier gets an empty one, which it refuses."""
    made = plan("kubernetes", {"versions": {"3": {"artifact": {"sha256": None}}}})

    assert verifier(made)["args"] == ["models:/churn/3", "", "/opt/ml"]
    annotations = made.one(DEPLOYMENT, "churn-3")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["hybridml/artifact-sha256"] == "not-yet-known"


def test_store_credentials_are_a_file_and_never_in_the_environment(plan: Plan) -> None:
    """The store's Secret is mounted, for the verifier only; environment variables name the file."""
    access = {"endpoint": "https://objects.acme.example", "secret": "model-store"}
    made = plan("kubernetes", {"versions": {"3": {"artifact": {"uri": "s3://models/churn/3/"}}}}, {"artifacts": access})

    env = {each["name"]: each.get("value") for each in verifier(made)["env"]}
    assert env["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/artifacts/credentials"
    assert env["MLFLOW_S3_ENDPOINT_URL"] == "https://objects.acme.example"
    assert {"name": "credentials", "mountPath": "/var/run/secrets/artifacts", "readOnly": True} in verifier(made)[
        "volumeMounts"
    ]
    assert {each["name"] for each in server(made)["volumeMounts"]} == {"model", "tmp"}
    assert "valueFrom" not in str(pod(made))


def test_artifact_on_a_claim_is_mounted_read_only(plan: Plan) -> None:
    """A `pvc://` address mounts the claim for the verifier, and opens no way out of the namespace."""
    claims = {version: {"artifact": {"uri": f"pvc://models/churn/{version}"}} for version in ("3", "4")}
    made = plan("kubernetes", {"versions": claims}, {"artifacts": None})

    assert verifier(made)["args"][0] == "/mnt/source/churn/3"
    volume = only([each for each in pod(made)["volumes"] if each["name"] == "source"])
    assert volume["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    assert "churn-to-artifacts" not in {each.name for each in made.all(POLICY)}


def test_storage_class_holds_the_artifact(plan: Plan) -> None:
    """With a storage class the artifact lies on a volume of that class; without one on the node's disk."""
    model = pod(plan("kubernetes", target={"storage_class": "encrypted-retain"}))["volumes"][0]

    claim = model["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["storageClassName"] == "encrypted-retain"
    assert pod(plan("kubernetes"))["volumes"][0] == {"name": "model", "emptyDir": {"sizeLimit": "10Gi"}}


def test_versions_survive_the_loss_of_a_node(plan: Plan) -> None:
    """Replicas spread over zones and hosts, move after 15 s, and one at most is evicted at a time."""
    made = plan("kubernetes")

    assert made.one(DEPLOYMENT, "churn-3")["spec"]["replicas"] == 2
    assert [each["topologyKey"] for each in pod(made)["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert {each["tolerationSeconds"] for each in pod(made)["tolerations"]} == {15}
    budget = made.one("kubernetes:policy/v1:PodDisruptionBudget", "churn-3")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == made.one(DEPLOYMENT, "churn-3")["spec"]["selector"]


def test_one_replica_has_no_budget(plan: Plan) -> None:
    """A budget for one replica would only block the drain of its node."""
    assert plan("kubernetes", {"scaling": {"min": 1}}).all("kubernetes:policy/v1:PodDisruptionBudget") == []


@pytest.mark.promise("traffic.challenger", "traffic.routes", target="kubernetes", by="plan")
def test_route_splits_by_weight_and_header(plan: Plan) -> None:
    """Header routes come first and are exact, then the weights; both at one host name behind the named listener."""
    routes = [{"header": {"x-cohort": "beta", "x-app": "shop"}, "version": "4"}]
    spec = plan("kubernetes", {"traffic": {"routes": routes}}).one(ROUTE)["spec"]

    assert spec["hostnames"] == ["churn.inference.internal"]
    parent = only(spec["parentRefs"])
    assert (parent["namespace"], parent["name"], parent["sectionName"]) == ("gateways", "inference", "https")
    header, split, health = spec["rules"]
    assert header["matches"] == [
        {
            "path": {"type": "Exact", "value": "/invocations"},
            "headers": [
                {"type": "Exact", "name": "x-app", "value": "shop"},
                {"type": "Exact", "name": "x-cohort", "value": "beta"},
            ],
        }
    ]
    assert [(each["name"], each["weight"]) for each in header["backendRefs"]] == [("churn-4", 1)]
    assert [(each["name"], each["weight"]) for each in split["backendRefs"]] == [("churn-3", 90), ("churn-4", 10)]
    assert health["matches"] == [{"path": {"type": "Exact", "value": "/ping"}}]


@pytest.mark.parametrize(
    ("sample", "share"),
    [(20, {"percent": 20}), (12.5, {"fraction": {"numerator": 125_000, "denominator": 1_000_000}})],
)
@pytest.mark.promise("traffic.shadow", target="kubernetes", by="plan")
def test_shadow_gets_copies_of_predictions_only(plan: Plan, sample: float, share: dict[str, Any]) -> None:
    """Every prediction rule mirrors its sample to the shadow; the health rule mirrors nothing."""
    traffic = {
        "routes": [{"header": {"x-cohort": "beta"}, "version": "4"}],
        "shadow": {"version": "4", "sample": sample},
    }
    rules = plan("kubernetes", {"traffic": traffic}).one(ROUTE)["spec"]["rules"]

    mirrors = [[each for each in rule["filters"] if each["type"] == "RequestMirror"] for rule in rules]
    service = {"group": "", "kind": "Service", "name": "churn-4", "port": 80}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": service, **share}}
    assert mirrors == [[mirror], [mirror], []]


@pytest.mark.promise("access.invokers", target="kubernetes", by="plan")
def test_callers_bring_a_token_that_servers_never_see(plan: Plan) -> None:
    """Signature, issuer, audience and group are checked, everybody else is denied, and the token is taken off."""
    made = plan("kubernetes")
    spec = made.one(ACCESS)["spec"]

    assert spec["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "churn"}]
    assert spec["jwt"]["providers"] == [
        {
            "name": "callers",
            "issuer": "https://id.acme.example",
            "audiences": ["churn"],
            "remoteJWKS": {"uri": "https://id.acme.example/keys"},
        }
    ]
    assert spec["authorization"]["defaultAction"] == "Deny"
    principal = only(spec["authorization"]["rules"])["principal"]["jwt"]
    assert principal["claims"] == [{"name": "groups", "valueType": "StringArray", "values": ["scoring-clients"]}]
    for rule in made.one(ROUTE)["spec"]["rules"]:
        assert rule["filters"][0]["requestHeaderModifier"] == {"remove": ["authorization"]}


@pytest.mark.promise("rollout.strategy=all-at-once", target="kubernetes", by="plan")
def test_traffic_moves_only_to_what_is_there_and_guarded(plan: Plan) -> None:
    """The route waits for every Deployment, Service and the token policy; pods wait for the network rules."""
    made = plan("kubernetes")

    assert {"churn-3", "churn-4", "churn-access"} <= needs(made.one(ROUTE))
    assert {"churn-default-deny", "churn-quota", "churn-verifier", "churn-from-gateway"} <= needs(
        made.one(DEPLOYMENT, "churn-3")
    )


@pytest.mark.promise("runtime.resources.gpu", target="kubernetes", by="plan")
def test_pods_go_where_the_target_says(plan: Plan) -> None:
    """Node labels, machine type, accelerators and pull secrets reach the pod."""
    spec = {"instance": "m7i.xlarge", "runtime": {"resources": {"gpu": {"count": 1}}}}
    made = plan("kubernetes", spec, {"node_selector": {"pool": "gpu"}, "image_pull_secrets": ["registry"]})

    assert pod(made)["nodeSelector"] == {"pool": "gpu", "node.kubernetes.io/instance-type": "m7i.xlarge"}
    assert server(made)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod(made)["tolerations"]
    assert made.one("kubernetes:core/v1:ServiceAccount")["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.promise("runtime.kind=custom", target="kubernetes", by="plan")
def test_custom_container_keeps_its_command_port_and_paths(plan: Plan) -> None:
    """A custom image is started as it is, probed and called where it says."""
    image = f"registry.acme.example/own:2.1@sha256:{'e' * 64}"
    runtime = {"kind": "custom", "image": image, "port": 9000, "routes": {"predict": "/predict", "health": "/health"}}
    made = plan("kubernetes", {"runtime": runtime})

    container = server(made)
    assert "command" not in container
    assert container["image"] == image
    assert only(container["ports"])["containerPort"] == 9000
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    paths = [only(rule["matches"])["path"]["value"] for rule in made.one(ROUTE)["spec"]["rules"]]
    assert paths == ["/predict", "/health"]


def test_every_object_carries_labels(plan: Plan) -> None:
    """Owner, environment, cost centre and data class are on every object; the model on what serves one."""
    objects = [each for each in plan("kubernetes").resources if "metadata" in each.inputs]

    assert len(objects) == 17
    for each in objects:
        assert {"owner", "environment", "cost-centre", "data-class"} <= each["metadata"]["labels"].keys(), each.name


@pytest.mark.parametrize(
    ("spec", "target", "path", "says"),
    [
        ({"rollout": {"strategy": "canary"}}, {}, "rollout.strategy", "step by step"),
        ({"scaling": {"max": 4}}, {}, "scaling.max", "by load"),
        ({"capture": {"sample": 10}}, {}, "capture", "keeps no requests"),
        ({"slo": {"p99_ms": 300}}, {}, "slo.p99_ms", "raises no alarms"),
        ({"runtime": {"secrets": {"TOKEN": "kubernetes:api/token"}}}, {}, "runtime.secrets", "environment"),
        (
            {"runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}},
            {},
            "runtime.resources.gpu.type",
            "labels",
        ),
        ({"data_class": "on-premises-only"}, {"location": "cloud"}, "data_class", "in a cloud"),
        ({"port": 8080}, {}, "port", "no port of this machine"),
        ({"runtime": {"env": {"MLFLOW_TRACKING_URI": None}}}, {}, "versions.3.artifact.uri", "MLFLOW_TRACKING_URI"),
        ({"versions": {"3": {"artifact": {"uri": "models/churn"}}}}, {}, "versions.3.artifact.uri", "pvc://"),
        ({}, {"artifacts": None}, "versions.4.artifact.uri", "artifacts.networks"),
        ({}, {"artifacts": {"endpoint": "https://s3.acme.example:9000"}}, "versions.3.artifact.uri", "port 443 only"),
        ({}, {"tokens": None}, "access.invokers", "jwks_uri"),
        ({}, {"serving_image": None}, "runtime.image", "serving_image"),
        ({}, {"version": "1.29"}, "placement.primary", "1.30 or later"),
    ],
)
def test_what_a_cluster_cannot_keep_is_refused_by_name(
    refused: Callable[..., dict[str, str]], spec: dict[str, Any], target: dict[str, Any], path: str, says: str
) -> None:
    """The refusal stands at the value that asks, says why, and says what to do."""
    problems = refused("kubernetes", spec, target)

    assert says in problems[path]
    assert problems[path].startswith("kubernetes ")
    assert not problems[path].endswith("; ")
