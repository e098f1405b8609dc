"""What the role of a SageMaker endpoint may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from targets.planned import DIGEST_3, DIGEST_4, PlanOf, only

Plan = Callable[..., PlanOf]
BUCKET = "hybridml-unknown-churn-artifacts-bucket"
KEY = "arn:aws:kms:eu-central-1:000000000000:key/hybridml-unknown-churn-key"


def statements(made: PlanOf) -> dict[str, Any]:
    document = made.one("aws:iam/rolePolicy:RolePolicy").json("policy")
    return {each["Sid"]: each for each in document["Statement"]}


def test_role_is_assumed_by_sagemaker_for_this_account_only(plan: Plan) -> None:
    """The trust policy names SageMaker, and this account and region as the source."""
    statement = only(plan("aws").one("aws:iam/role:Role").json("assumeRolePolicy")["Statement"])

    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:eu-central-1:111122223333:*"},
    }


def test_role_is_allowed_exactly_what_serving_needs(plan: Plan) -> None:
    """Artifacts, key, logs, metrics, image and network: the actions, written out."""
    assert {sid: each["Action"] for sid, each in statements(plan("aws")).items()} == {
        "ReadArtifacts": ["s3:GetObject"],
        "ListArtifacts": ["s3:ListBucket"],
        "Decrypt": ["kms:Decrypt"],
        "EncryptVolumes": ["kms:CreateGrant"],
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        "Count": ["cloudwatch:PutMetricData"],
        "LogIn": ["ecr:GetAuthorizationToken"],
        "PullImage": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "CreateInterface": ["ec2:CreateNetworkInterface"],
        "UseInterface": [
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        "DescribeNetwork": [
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    }


def test_role_reads_the_artifacts_it_serves_and_no_others(plan: Plan) -> None:
    """Objects and listings are scoped to the folders of the served versions."""
    allowed = statements(plan("aws"))
    folders = [f"churn/3/{DIGEST_3}/*", f"churn/4/{DIGEST_4}/*"]

    assert allowed["ReadArtifacts"]["Resource"] == [f"arn:aws:s3:::{BUCKET}/{each}" for each in folders]
    assert allowed["ListArtifacts"]["Resource"] == [f"arn:aws:s3:::{BUCKET}"]
    assert allowed["ListArtifacts"]["Condition"] == {"StringLike": {"s3:prefix": folders}}


def test_role_uses_one_key_one_repository_one_log_group(plan: Plan) -> None:
    """What has a name is named; a grant on the key is for AWS resources only."""
    allowed = statements(plan("aws"))

    assert allowed["Decrypt"]["Resource"] == [KEY]
    assert allowed["EncryptVolumes"]["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert allowed["PullImage"]["Resource"] == ["arn:aws:ecr:eu-central-1:111122223333:repository/serving"]
    assert allowed["Log"]["Resource"] == [
        "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/sagemaker/Endpoints/acme-prod-churn:*"
    ]


def test_only_what_has_no_resource_is_allowed_on_all(plan: Plan) -> None:
    """A star stands for actions that AWS cannot scope, and metrics are bound to SageMaker's namespaces."""
    allowed = statements(plan("aws"))

    assert {sid for sid, each in allowed.items() if each["Resource"] == ["*"]} == {"Count", "DescribeNetwork", "LogIn"}
    assert allowed["Count"]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}
    }


def test_capture_adds_writing_to_its_own_store(plan: Plan) -> None:
    """With capture the role may write to the capture store and encrypt, without it neither."""
    allowed = statements(plan("aws", {"capture": {"sample": 10}}))

    assert allowed["WriteCapture"]["Action"] == ["s3:PutObject"]
    assert allowed["WriteCapture"]["Resource"] == ["arn:aws:s3:::hybridml-unknown-churn-capture-bucket/*"]
    assert allowed["EncryptCapture"] == {
        "Sid": "EncryptCapture", "Effect": "Allow", "Action": ["kms:GenerateDataKey"], "Resource": [KEY],
    }  # fmt: skip


@pytest.mark.promise("access.invokers", target="aws", by="plan")
def test_only_the_named_roles_may_invoke(plan: Plan) -> None:
    """Each group's IAM role gets a policy that allows invoking this endpoint and nothing else."""
    made = plan("aws")

    statement = only(made.one("aws:iam/policy:Policy").json("policy")["Statement"])
    assert statement["Action"] == ["sagemaker:InvokeEndpoint"]
    assert statement["Resource"] == ["arn:aws:sagemaker:eu-central-1:111122223333:endpoint/acme-prod-churn"]
    attached = made.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert (attached.name, attached["role"]) == ("churn-identity-invoke-scoring-clients", "scoring-clients")


def test_boundary_bounds_the_role(plan: Plan) -> None:
    """A permissions boundary of the target is on the role."""
    boundary = "arn:aws:iam::111122223333:policy/ml-boundary"

    role = plan("aws", target={"permissions_boundary": boundary}).one("aws:iam/role:Role")

    assert role["permissionsBoundary"] == boundary
