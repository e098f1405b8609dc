"""What an endpoint becomes on SageMaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from targets.planned import DIGEST_3, TARGETS, PlanOf, only

Plan = Callable[..., PlanOf]
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
DEPLOYMENT = "hybridml:index:SageMakerDeployment"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
KEY = "arn:aws:kms:eu-central-1:000000000000:key/hybridml-unknown-churn-key"


@pytest.mark.promise("mode=realtime", "runtime.kind=mlflow", target="aws", by="plan")
def test_models_are_isolated_private_and_pinned(plan: Plan) -> None:
    """Each version is a model without network, in the subnets, with the image and the artifact of its digest."""
    model = plan("aws").one("aws:sagemaker/model:Model", "churn-3")

    assert model["enableNetworkIsolation"] is True
    assert model["vpcConfig"] == {
        "subnets": ["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"],
        "securityGroupIds": ["sg-0a1b2c3d4e5f60718"],
    }
    assert model["primaryContainer"] == {
        "image": TARGETS["aws"]["serving_image"],
        "environment": {"MLFLOW_TRACKING_URI": "https://mlflow.acme.example"},
        "modelDataSource": {
            "s3DataSources": [
                {
                    "s3Uri": f"s3://hybridml-unknown-churn-artifacts-bucket/churn/3/{DIGEST_3}/",
                    "s3DataType": "S3Prefix",
                    "compressionType": "None",
                }
            ]
        },
    }


@pytest.mark.parametrize(
    ("uri", "served", "kind", "compression"),
    [
        ("s3://models/churn/3", "s3://models/churn/3/", "S3Prefix", "None"),
        ("s3://models/churn/3/", "s3://models/churn/3/", "S3Prefix", "None"),
        ("s3://models/churn/3.tar.gz", "s3://models/churn/3.tar.gz", "S3Object", "Gzip"),
    ],
)
def test_artifact_in_s3_is_served_from_there(plan: Plan, uri: str, served: str, kind: str, compression: str) -> None:
    """An `s3://` address is used as it is: a folder, or an archive that SageMaker unpacks."""
    made = plan("aws", {"versions": {"3": {"artifact": {"uri": uri}}}})

    source = only(
        made.one("aws:sagemaker/model:Model", "churn-3")["primaryContainer"]["modelDataSource"]["s3DataSources"]
    )
    assert source == {"s3Uri": served, "s3DataType": kind, "compressionType": compression}


def test_model_says_where_it_comes_from(plan: Plan) -> None:
    """A model carries version, format, card, digest, code, data and run."""
    tags = plan("aws").one("aws:sagemaker/model:Model", "churn-3")["tags"]

    assert {key: tags[key] for key in sorted(tags.keys() - {"environment", "stack", "cost-centre"})} == {
        "artifact-sha256": DIGEST_3,
        "code-commit": "a1b2c3",
        "data-class": "internal",
        "dataset-version": "dvc:77",
        "model": "churn",
        "model-card": "docs/models/churn.md",
        "model-format": "mlflow",
        "model-version": "3",
        "owner": "team-growth",
        "training-run-id": "mlflow:7be2",
    }


@pytest.mark.promise("traffic.challenger", target="aws", by="plan")
def test_configuration_has_two_encrypted_variants(plan: Plan) -> None:
    """Champion and challenger get their weights and `scaling.min` instances; volumes use the key."""
    configuration = plan("aws").one(CONFIGURATION)

    assert configuration["kmsKeyArn"] == KEY
    assert configuration["productionVariants"] == [
        {
            "variantName": "champion",
            "modelName": "hybridml-unknown-churn-3",
            "initialVariantWeight": 90,
            "initialInstanceCount": 2,
            "instanceType": "ml.m7i.large",
        },
        {
            "variantName": "challenger",
            "modelName": "hybridml-unknown-churn-4",
            "initialVariantWeight": 10,
            "initialInstanceCount": 2,
            "instanceType": "ml.m7i.large",
        },
    ]


@pytest.mark.parametrize("instance", ["ml.g5.xlarge", "ml.m5d.large", "ml.c6gd.xlarge", "ml.p4d.24xlarge"])
def test_volume_key_is_left_out_where_sagemaker_refuses_it(plan: Plan, instance: str) -> None:
    """Instances with their own disk encrypt it in hardware; a key in their configuration would be an error."""
    assert "kmsKeyArn" not in plan("aws", {"instance": instance}).one(CONFIGURATION).inputs


@pytest.mark.promise("traffic.shadow", target="aws", by="plan")
def test_shadow_gets_its_share_of_the_champion(plan: Plan) -> None:
    """The shadow's weight over the champion's is the sample."""
    traffic = {"champion": {"weight": 100}, "challenger": None, "shadow": {"version": "4", "sample": 20}}

    configuration = plan("aws", {"traffic": traffic}).one(CONFIGURATION)

    assert only(configuration["productionVariants"])["initialVariantWeight"] == 100
    shadow = only(configuration["shadowProductionVariants"])
    assert (shadow["variantName"], shadow["initialVariantWeight"]) == ("shadow", 20)


@pytest.mark.promise("capture", target="aws", by="plan")
def test_capture_is_sampled_encrypted_and_expires(plan: Plan) -> None:
    """Requests and answers go, sampled and encrypted, to a store of their own that forgets them."""
    made = plan("aws", {"capture": {"sample": 10, "retention_days": 30}})

    assert made.one(CONFIGURATION)["dataCaptureConfig"] == {
        "enableCapture": True,
        "initialSamplingPercentage": 10,
        "destinationS3Uri": "s3://hybridml-unknown-churn-capture-bucket/",
        "kmsKeyId": KEY,
        "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
    }
    lifecycle = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rule = only(made.one(lifecycle, "churn-capture-tidy")["rules"])
    assert rule["expiration"] == {"days": 30}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}


@pytest.mark.parametrize(
    ("rollout", "deployment"),
    [
        (
            {"strategy": "blue-green", "bake": "10m"},
            {"strategy": "all-at-once", "terminationWait": 600, "timeout": 2400},
        ),
        (
            {"strategy": "blue-green", "bake": "1h", "max_bake": "1h"},
            {"strategy": "all-at-once", "terminationWait": 3600, "timeout": 5400},
        ),
        (
            {"strategy": "linear", "bake": "10m", "max_bake": "10m"},
            {"strategy": "linear", "stepPercent": 10, "stepInterval": 600, "terminationWait": 600, "timeout": 7800},
        ),
        (
            {"strategy": "linear", "steps": [50], "bake": "10m", "max_bake": "30m"},
            {"strategy": "linear", "stepPercent": 50, "stepInterval": 600, "terminationWait": 600, "timeout": 4200},
        ),
        (
            {"strategy": "canary", "steps": [10], "bake": "5m", "max_bake": "30m"},
            {"strategy": "canary", "stepPercent": 10, "stepInterval": 300, "terminationWait": 600, "timeout": 4200},
        ),
        (
            {"strategy": "canary", "steps": [25, 50, 75], "bake": "10m", "max_bake": "30m"},
            {"strategy": "linear", "stepPercent": 25, "stepInterval": 600, "terminationWait": 600, "timeout": 7800},
        ),
    ],
)
@pytest.mark.promise(
    "rollout.strategy=canary", "rollout.strategy=linear", "rollout.strategy=blue-green", target="aws", by="plan"
)
def test_rollout_becomes_a_guarded_update(plan: Plan, rollout: dict[str, Any], deployment: dict[str, Any]) -> None:
    """One step is a canary, equal steps are linear; capacity is kept and alarms roll back."""
    made = plan("aws", {"rollout": rollout}).one(DEPLOYMENT)

    assert made["deployment"] == deployment
    assert made["retainVariantProperties"] is True
    assert made["rollbackAlarms"] == [
        "acme-prod-churn-champion-gate-errors",
        "acme-prod-churn-challenger-gate-errors",
    ]


@pytest.mark.promise("rollout.strategy=all-at-once", target="aws", by="plan")
def test_all_at_once_has_no_way_back(plan: Plan) -> None:
    """No alarm rolls back what asked for no gates."""
    made = plan("aws", {"rollout": {"strategy": "all-at-once", "bake": "10m"}}).one(DEPLOYMENT)

    assert made["deployment"] == {"strategy": "all-at-once", "terminationWait": 600, "timeout": 2400}
    assert made["rollbackAlarms"] == []


@pytest.mark.promise("rollout.abort_on", target="aws", by="plan")
def test_gates_wait_for_enough_requests(plan: Plan) -> None:
    """A rollback alarm compares a share only once `min_requests` were answered, each whole minute of `interval`."""
    gates = {"error_rate": 0.02, "p99_ms": 300}
    rollout = {"strategy": "blue-green", "interval": "90s", "min_requests": 500, "abort_on": gates}
    made = plan("aws", {"rollout": rollout})

    errors = made.one(ALARM, "churn-champion-gate-errors")
    assert errors["threshold"] == 0.02
    assert errors["metricQueries"][0]["expression"] == "IF(invocations >= 500, errors / invocations, 0)"
    assert {query["metric"]["period"] for query in errors["metricQueries"][1:]} == {120}
    latency = made.one(ALARM, "churn-challenger-gate-latency")
    assert latency["threshold"] == 300_000
    assert latency["metricQueries"][0]["expression"] == "IF(invocations >= 500, latency, 0)"
    assert latency["treatMissingData"] == "notBreaching"


@pytest.mark.promise("slo", target="aws", by="plan")
def test_service_levels_become_alarms_that_somebody_hears(plan: Plan) -> None:
    """Each level is an alarm per variant, in the metric's unit, on the topics of the target."""
    made = plan("aws", {"slo": {"availability": 99.9, "p99_ms": 250, "error_rate": 0.01}})

    levels = {each.name: each for each in made.all(ALARM) if "-level-" in each.name and "champion" in each.name}
    assert {name: (each["comparisonOperator"], each["threshold"]) for name, each in levels.items()} == {
        "churn-champion-level-availability": ("LessThanThreshold", 99.9),
        "churn-champion-level-errors": ("GreaterThanThreshold", 0.01),
        "churn-champion-level-latency": ("GreaterThanThreshold", 250_000),
    }
    for each in levels.values():
        assert each["alarmActions"] == ["arn:aws:sns:eu-central-1:111122223333:on-call"]


@pytest.mark.promise("scaling.max", target="aws", by="plan")
def test_variants_scale_by_requests(plan: Plan) -> None:
    """Each variant scales between its bounds; requests a second become requests a minute."""
    made = plan("aws", {"scaling": {"min": 2, "max": 5, "requests_per_replica": 40}})

    bounds = made.one("aws:appautoscaling/target:Target", "churn-champion-bounds")
    assert (bounds["minCapacity"], bounds["maxCapacity"]) == (2, 5)
    assert bounds["resourceId"] == "endpoint/acme-prod-churn/variant/champion"
    load = made.one("aws:appautoscaling/policy:Policy", "churn-challenger-load")
    assert load["targetTrackingScalingPolicyConfiguration"] == {
        "targetValue": 2400,
        "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }


def test_nothing_scales_when_the_bounds_are_one(plan: Plan) -> None:
    """With `max` equal to `min` there is no scaling target."""
    assert plan("aws").all("aws:appautoscaling/target:Target") == []


def test_logs_are_kept_encrypted(plan: Plan) -> None:
    """The log group that SageMaker writes to exists first, with key and retention."""
    group = plan("aws", target={"log_retention_days": 731}).one("aws:cloudwatch/logGroup:LogGroup")

    assert group["name"] == "/aws/sagemaker/Endpoints/acme-prod-churn"
    assert (group["kmsKeyId"], group["retentionInDays"]) == (KEY, 731)


def test_children_are_named_after_the_endpoint(plan: Plan) -> None:
    """Every child's logical name begins with the component's, so two endpoints never meet."""
    assert {each.name for each in plan("aws").resources if not each.name.startswith("churn")} == set()
