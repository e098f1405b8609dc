"""What an endpoint becomes on Vertex AI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from targets.planned import DIGEST_3, DIGEST_4, TARGETS, PlanOf, only

Plan = Callable[..., PlanOf]
BUCKET = "hybridml-unknown-churn-artifacts"
KEY = "hybridml-unknown-churn-key"
ENDPOINT = "gcp:vertex/aiEndpoint:AiEndpoint"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
DEPLOYMENT = "hybridml:index:VertexDeployment"


def test_key_rotates_and_cannot_be_destroyed_by_mistake(plan: Plan) -> None:
    """The key rotates within 90 days, can be restored for 30, and refuses to be deleted."""
    key = plan("gcp").one("gcp:kms/cryptoKey:CryptoKey")

    assert key["purpose"] == "ENCRYPT_DECRYPT"
    assert key["rotationPeriod"] == "7776000s"
    assert key["destroyScheduledDuration"] == "2592000s"
    assert key["deletionPolicy"] == "PREVENT"


def test_only_service_agents_use_the_key(plan: Plan) -> None:
    """Storage, BigQuery and Vertex AI encrypt with it on the project's behalf; nobody else does."""
    members = plan("gcp").all("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")

    assert {each["role"] for each in members} == {"roles/cloudkms.cryptoKeyEncrypterDecrypter"}
    assert [each["member"] for each in members] == [
        "serviceAccount:bq-123456789012@bigquery-encryption.iam.gserviceaccount.com",
        "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com",
        "hybridml-unknown-churn-vertex-agent-member",
    ]


def test_project_number_is_asked_for_when_the_target_does_not_say(plan: Plan) -> None:
    """Without a number the project is looked up, and the names made of it stay readable."""
    member = plan("gcp", target={"project_number": None}).one(
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "churn-key-storage"
    )

    assert member["member"].startswith("serviceAccount:service-")
    assert member["member"].endswith("@gs-project-accounts.iam.gserviceaccount.com")


def test_store_cannot_be_opened(plan: Plan) -> None:
    """The bucket lies in the region, encrypts with the key, and no grant makes it public."""
    bucket = plan("gcp").one("gcp:storage/bucket:Bucket")

    assert bucket["location"] == "europe-west3"
    assert bucket["encryption"] == {"defaultKmsKeyName": KEY}
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["versioning"] == {"enabled": True}
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": 604_800}


def test_store_waits_for_its_key(plan: Plan) -> None:
    """The bucket comes after the grant that lets storage use the key, else its creation fails."""
    bucket = plan("gcp").one("gcp:storage/bucket:Bucket")

    grants = [each for each in bucket.data["dependsOn"] if "CryptoKeyIAMMember::churn-key-storage" in each]
    assert len(grants) == 1


@pytest.mark.parametrize(("environment", "kept"), [("dev", False), ("prod", True)])
def test_keys_and_stores_outlive_the_stack_outside_dev(plan: Plan, environment: str, kept: bool) -> None:
    """Key, ring, grants, bucket and captured requests are protected and retained, except in `dev`."""
    made = plan("gcp", {"capture": {"sample": 10}}, environment=environment)

    families = ("gcp:kms/", "gcp:storage/bucket:", "gcp:bigquery/")
    stores = [each for each in made.resources if each.data["type"].startswith(families)]
    assert len(stores) == 8
    assert {each.kept for each in stores} == {(kept, kept)}


def test_account_reads_its_own_artifacts_only(plan: Plan) -> None:
    """The service account may read objects below the folders of the versions it serves, and has no keys."""
    made = plan("gcp")

    assert made.one("gcp:serviceaccount/account:Account")["accountId"] == "prod-churn-serve"
    grants = made.all("gcp:storage/bucketIAMMember:BucketIAMMember")
    assert {each["role"] for each in grants} == {"roles/storage.objectViewer"}
    assert [each["condition"]["title"] for each in grants] == ["churn-3", "churn-4"]
    folder = f"churn/3/{DIGEST_3}/"
    assert grants[0]["condition"]["expression"] == (
        f'resource.name.startsWith("projects/_/buckets/{BUCKET}/objects/{folder}") || '
        f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{folder}")'
    )
    assert made.all("gcp:serviceaccount/key:Key") == []
    assert made.all("gcp:projects/iAMMember:IAMMember") == []


def test_endpoint_is_private_encrypted_and_owns_no_split(plan: Plan) -> None:
    """The endpoint answers over Private Service Connect, with the key, and leaves the split to the deployment."""
    endpoint = plan("gcp").one(ENDPOINT)

    assert endpoint["encryptionSpec"] == {"kmsKeyName": KEY}
    assert endpoint["privateServiceConnectConfig"] == {
        "enablePrivateServiceConnect": True,
        "projectAllowlists": ["acme-apps"],
    }
    assert "trafficSplit" not in endpoint.inputs
    assert endpoint["name"].isdigit()
    assert len(endpoint["name"]) == 10


def test_endpoint_can_be_peered(plan: Plan) -> None:
    """With a network the endpoint is peered instead, and the deployment checks that it is."""
    network = "projects/123456789012/global/networks/ml"
    traffic = {"champion": {"weight": 100}, "challenger": None}

    made = plan("gcp", {"traffic": traffic}, {"consumer_projects": None, "network": network})

    assert made.one(ENDPOINT)["network"] == network
    assert "privateServiceConnectConfig" not in made.one(ENDPOINT).inputs
    assert made.one(DEPLOYMENT)["privateNetwork"] == network


@pytest.mark.promise("mode=realtime", "runtime.kind=mlflow", target="gcp", by="plan")
def test_models_are_pinned_and_say_where_they_come_from(plan: Plan) -> None:
    """Each version is a model with image, artifact, digest, key, account and lineage."""
    model = plan("gcp").one("hybridml:index:VertexModel", "churn-3")

    assert model["artifactUri"] == f"gs://{BUCKET}/churn/3/{DIGEST_3}/"
    assert model["sha256"] == DIGEST_3
    assert model["encryptionKey"] == KEY
    assert model["serviceAccount"].startswith("hybridml-unknown-churn-identity-account@")
    assert model["container"] == {
        "imageUri": TARGETS["gcp"]["serving_image"],
        "port": 8080,
        "predictRoute": "/invocations",
        "healthRoute": "/ping",
        "env": {"MLFLOW_TRACKING_URI": "https://mlflow.acme.example"},
    }
    assert {
        key: model["labels"][key] for key in ("model-version", "code-commit", "dataset-version", "training-run-id")
    } == {
        "model-version": "3",
        "code-commit": "a1b2c3",
        "dataset-version": "dvc-77",
        "training-run-id": "mlflow-7be2",
    }


def test_artifact_in_cloud_storage_is_served_from_there(plan: Plan) -> None:
    """A `gs://` address is used as it is, and the account reads there."""
    made = plan("gcp", {"versions": {"4": {"artifact": {"uri": "gs://models/churn/4"}}}})

    assert made.one("hybridml:index:VertexModel", "churn-4")["artifactUri"] == "gs://models/churn/4/"
    grant = made.one("gcp:storage/bucketIAMMember:BucketIAMMember", "churn-identity-read-4")
    assert grant["bucket"] == "models"
    assert DIGEST_4 not in grant["condition"]["expression"]


@pytest.mark.promise("traffic.challenger", target="gcp", by="plan")
def test_deployment_splits_the_traffic(plan: Plan) -> None:
    """Champion and challenger get their percent, `scaling.min` replicas and the endpoint's own account."""
    made = plan("gcp", {"scaling": {"min": 2, "max": 6, "requests_per_replica": 40}})

    account = "hybridml-unknown-churn-identity-account@hybridml-unknown.iam.gserviceaccount.com"
    common = {
        "machineType": "n2-standard-4",
        "minReplicas": 2,
        "maxReplicas": 6,
        "requestsPerMinute": 2400,
        "serviceAccount": account,
    }
    assert made.one(DEPLOYMENT)["deployedModels"] == [
        {"name": "champion", "model": "hybridml-unknown-churn-3-model", "trafficPercent": 90, **common},
        {"name": "challenger", "model": "hybridml-unknown-churn-4-model", "trafficPercent": 10, **common},
    ]


@pytest.mark.promise("runtime.resources.gpu", target="gcp", by="plan")
def test_accelerators_are_named_in_vertex_words(plan: Plan) -> None:
    """A GPU of the spec becomes an accelerator type and count per replica."""
    gpu = {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}

    deployed = plan("gcp", {"runtime": gpu, "instance": "g2-standard-8"}).one(DEPLOYMENT)["deployedModels"][0]

    assert (deployed["acceleratorType"], deployed["acceleratorCount"]) == ("NVIDIA_L4", 1)


@pytest.mark.promise("access.invokers", target="gcp", by="plan")
def test_only_the_named_members_may_predict(plan: Plan) -> None:
    """Each group's member gets a role that predicts and does nothing else, on this endpoint."""
    made = plan("gcp")

    assert made.one("gcp:projects/iAMCustomRole:IAMCustomRole")["permissions"] == ["aiplatform.endpoints.predict"]
    grant = made.one("gcp:vertex/aiEndpointIamMember:AiEndpointIamMember")
    assert grant["member"] == "group:scoring-clients@acme.example"
    assert grant["endpoint"] == made.one(ENDPOINT)["name"]


@pytest.mark.promise("capture", target="gcp", by="plan")
def test_capture_is_sampled_encrypted_and_expires(plan: Plan) -> None:
    """Requests go to a partitioned table that is encrypted and forgets each day after `retention_days`."""
    made = plan("gcp", {"capture": {"sample": 2.5, "retention_days": 30}})

    assert made.one(ENDPOINT)["predictRequestResponseLoggingConfig"] == {
        "enabled": True,
        "samplingRate": 0.025,
        "bigqueryDestination": {"outputUri": "bq://acme-ml.acme_prod_churn_capture.requests"},
    }
    table = made.one("gcp:bigquery/table:Table")
    assert table["timePartitioning"] == {"type": "DAY", "field": "logging_time", "expirationMs": 2_592_000_000}
    assert table["encryptionConfiguration"] == {"kmsKeyName": KEY}
    dataset = made.one("gcp:bigquery/dataset:Dataset")
    assert dataset["defaultEncryptionConfiguration"] == {"kmsKeyName": KEY}


@pytest.mark.promise("slo", target="gcp", by="plan")
def test_service_levels_become_alert_policies(plan: Plan) -> None:
    """Each level is a PromQL condition on this endpoint's own series, on the channels of the target."""
    channel = "projects/acme-ml/notificationChannels/1"
    made = plan(
        "gcp", {"slo": {"p99_ms": 250, "error_rate": 0.01, "availability": 99.9}}, {"notification_channels": [channel]}
    )

    number = made.one(ENDPOINT)["name"]
    policies = {each.name: each for each in made.all(ALERT)}
    assert set(policies) == {"churn-availability", "churn-errors", "churn-latency"}
    for each in policies.values():
        query = only(each["conditions"])["conditionPrometheusQueryLanguage"]["query"]
        assert f'endpoint_id="{number}"' in query
        assert each["notificationChannels"] == [channel]
    latency = only(policies["churn-latency"]["conditions"])["conditionPrometheusQueryLanguage"]["query"]
    assert latency.startswith("histogram_quantile(0.99, sum by (le) (rate(")
    assert latency.endswith(" > 250")


def test_everything_that_can_carries_labels(plan: Plan) -> None:
    """Owner, environment, cost centre and data class are on whatever takes labels; the model on what serves one."""
    made = plan("gcp", {"capture": {"sample": 10}, "slo": {"p99_ms": 300}})

    labelled = [(each.name, each.inputs.get("labels") or each.inputs.get("userLabels")) for each in made.resources]
    found = {name: labels for name, labels in labelled if labels}
    assert set(found) == {
        "churn-3", "churn-4", "churn-artifacts", "churn-capture-dataset", "churn-capture-table", "churn-endpoint",
        "churn-key", "churn-latency",
    }  # fmt: skip
    for name, labels in found.items():
        assert {"owner", "environment", "cost-centre", "data-class"} <= labels.keys(), name


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        ({"traffic": {"shadow": {"version": "4"}}}, "traffic.shadow", "put a router in front"),
        (
            {"traffic": {"routes": [{"header": {"x-a": "b"}, "version": "4"}]}},
            "traffic.routes",
            "put a router in front",
        ),
        ({"rollout": {"strategy": "canary"}}, "rollout.strategy", "rolls nothing back"),
        ({"mode": "serverless"}, "mode", "scales to nothing"),
        ({"runtime": {"image": "ghcr.io/acme/serving:1.0"}}, "runtime.image", "outside Artifact Registry"),
        ({"runtime": {"resources": {"cpu": "8"}}}, "runtime.resources.cpu", "has 4 cores on n2-standard-4"),
        ({"runtime": {"resources": {"memory": "32Gi"}}}, "runtime.resources.memory", "has 16Gi on n2-standard-4"),
        ({"runtime": {"resources": {"gpu": {"count": 1}}}}, "runtime.resources.gpu.type", "which GPU"),
        (
            {"runtime": {"resources": {"gpu": {"count": 1, "type": "nvidia-l4"}}}},
            "runtime.resources.gpu.type",
            "n2-standard-4",
        ),
        (
            {"runtime": {"resources": {"gpu": {"count": 1, "type": "amd-mi300"}}}},
            "runtime.resources.gpu.type",
            "offers no amd-mi300",
        ),
        ({"capture": {"sample": 10, "hash": ["age"]}}, "capture.hash", "as they are"),
        ({"access": {"invokers": ["group:strangers"]}}, "access.invokers.0", "invoker_members.strangers"),
        ({"data_class": "on-premises-only"}, "data_class", "is a cloud"),
        ({"port": 8080}, "port", "no port of this machine"),
    ],
)
def test_what_vertex_cannot_keep_is_refused_by_name(
    refused: Callable[..., dict[str, str]], spec: dict[str, Any], path: str, says: str
) -> None:
    """The refusal stands at the value that asks, says why, and says what to do."""
    problems = refused("gcp", spec)

    assert says in problems[path]
    assert problems[path].startswith("gcp ")
    assert not problems[path].endswith("; ")


def test_a_peered_endpoint_splits_and_captures_nothing(refused: Callable[..., dict[str, str]]) -> None:
    """Vertex AI deploys one model per peered endpoint and logs none of its requests; both are refused."""
    peered = {"consumer_projects": None, "network": "projects/123456789012/global/networks/ml"}

    problems = refused("gcp", {"capture": {"sample": 10}}, peered)

    assert set(problems) == {"traffic.challenger", "capture"}
    assert "Private Service Connect" in problems["capture"]


def test_a_public_endpoint_is_refused(refused: Callable[..., dict[str, str]]) -> None:
    """Without a private way in there is no endpoint."""
    assert "on the internet" in refused("gcp", target={"consumer_projects": None})["placement.primary"]
