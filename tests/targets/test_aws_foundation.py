"""What endpoints on AWS share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from targets.planned import PlanOf, only

Plan = Callable[..., PlanOf]
BUCKET = "arn:aws:s3:::hybridml-unknown-churn-artifacts"


def test_key_rotates_and_only_the_account_administers_it(plan: Plan) -> None:
    """The key rotates yearly, waits 30 days before it goes, and no principal is open."""
    key = plan("aws").one("aws:kms/key:Key")

    assert key["enableKeyRotation"] is True
    assert key["rotationPeriodInDays"] == 365
    assert key["deletionWindowInDays"] == 30
    principals = [statement["Principal"] for statement in key.json("policy")["Statement"]]
    assert principals == [
        {"AWS": "arn:aws:iam::111122223333:root"},
        {"Service": "logs.eu-central-1.amazonaws.com"},
    ]


def test_key_serves_the_log_groups_of_this_account_only(plan: Plan) -> None:
    """The log service uses the key only for log groups of this account and region."""
    policy = plan("aws").one("aws:kms/key:Key").json("policy")

    assert policy["Statement"][1]["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:111122223333:log-group:*"}
    }


def test_store_is_closed_versioned_and_encrypted_with_the_key(plan: Plan) -> None:
    """The bucket blocks public access four times, keeps versions, and encrypts with the target's key."""
    made = plan("aws")

    closed = made.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [closed[flag] for flag in flags] == [True] * 4
    assert made.one("aws:s3/bucketVersioning:BucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    encryption = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    assert made.one(encryption)["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": "arn:aws:kms:eu-central-1:000000000000:key/hybridml-unknown-churn-key",
            },
            "bucketKeyEnabled": True,
        }
    ]
    owner = made.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    assert owner["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_store_refuses_requests_without_tls(plan: Plan) -> None:
    """A request without TLS is denied on the bucket and on its objects."""
    statement = only(plan("aws").one("aws:s3/bucketPolicy:BucketPolicy").json("policy")["Statement"])

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [BUCKET, f"{BUCKET}/*"]


def test_store_tidies_up(plan: Plan) -> None:
    """Unfinished uploads go after 7 days, overwritten objects after 90, others never."""
    rule = only(plan("aws").one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["rules"])

    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert "expiration" not in rule


@pytest.mark.parametrize(("environment", "kept"), [("dev", False), ("staging", True), ("prod", True)])
def test_keys_and_stores_outlive_the_stack_outside_dev(plan: Plan, environment: str, kept: bool) -> None:
    """Key, bucket and everything that closes the bucket are protected and retained, except in `dev`."""
    made = plan("aws", environment=environment)

    stores = [each for each in made.resources if each.data["type"].startswith(("aws:kms/", "aws:s3/"))]
    assert len(stores) == 9
    assert {each.kept for each in stores} == {(kept, kept)}
    assert made.one("aws:s3/bucket:Bucket")["forceDestroy"] is not kept


def test_object_lock_holds_for_the_days_asked(plan: Plan) -> None:
    """`object_lock_days` locks every version in compliance mode; none is locked without it."""
    lock = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"

    assert plan("aws").all(lock) == []
    locked = plan("aws", target={"object_lock_days": 400})
    assert locked.one("aws:s3/bucket:Bucket")["objectLockEnabled"] is True
    assert locked.one(lock)["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "days": 400}}


def test_provider_refuses_another_account(plan: Plan) -> None:
    """The provider is explicit, goes to the region of the target, and works in its account only."""
    made = plan("aws")

    provider = made.one("pulumi:providers:aws")
    assert provider["region"] == "eu-central-1"
    assert provider["allowedAccountIds"] == '["111122223333"]'
    real = [each for each in made.resources if each.data["type"].startswith("aws:")]
    assert {each.data["provider"].rpartition("::")[0].rpartition("::")[2] for each in real} == {"churn-provider"}


def test_account_is_asked_for_when_the_target_does_not_say(plan: Plan) -> None:
    """Without an account the provider is asked, and documents built from it stay readable."""
    made = plan("aws", target={"account": None})

    assert "allowedAccountIds" not in made.one("pulumi:providers:aws").inputs
    trust = only(made.one("aws:iam/role:Role").json("assumeRolePolicy")["Statement"])
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert "aws:SourceAccount" in trust["Condition"]["StringEquals"]


def test_everything_that_can_carries_tags(plan: Plan) -> None:
    """Owner, environment, cost centre and data class are on whatever takes tags; the model on what serves one."""
    made = plan("aws", {"capture": {"sample": 10}, "slo": {"p99_ms": 300}, "scaling": {"max": 4}})

    tagged = [each for each in made.resources if "tags" in each.inputs]
    assert {each.data["type"].rpartition(":")[2] for each in tagged} == {
        "Bucket", "EndpointConfiguration", "Key", "LogGroup", "MetricAlarm", "Model", "Policy", "Role",
        "SageMakerDeployment", "Target",
    }  # fmt: skip
    for each in tagged:
        assert {"owner", "environment", "cost-centre", "data-class"} <= each["tags"].keys(), each.name
    own = [each for each in tagged if each.name not in {"churn-key", "churn-artifacts"}]
    assert {each["tags"]["model"] for each in own} == {"churn"}
