"""Execution roles on AWS: what a SageMaker endpoint may do, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

Statement = dict[str, object]
"""One statement of an IAM policy document."""

METRIC_NAMESPACES = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
"""Where SageMaker writes an endpoint's metrics."""


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What one endpoint's role is allowed, as plain values; `None` or empty leaves the statement out."""

    account: str
    """Account id."""
    region: str
    """Region of the endpoint."""
    endpoint: str
    """Name of the SageMaker endpoint."""
    artifacts: Sequence[str]
    """`bucket/prefix/` of every version the endpoint serves, without `s3://`."""
    key_arn: str
    """Key that encrypts artifacts, captured requests and instance volumes."""
    repository_arn: str
    """Registry repository of the serving image."""
    capture: str | None = None
    """Bucket that takes captured requests."""
    subnets: Sequence[str] = ()
    """Ids of the subnets that the endpoint's network interfaces lie in."""
    security_groups: Sequence[str] = ()
    """Ids of the security groups of those interfaces."""


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs:
    """What an execution role is asked for."""

    account: pulumi.Input[str]
    """Account id, which the trust policy pins."""
    region: str
    """Region, which the trust policy pins."""
    permissions: pulumi.Input[Permissions]
    """What the role is allowed."""
    invokers: Mapping[str, str]
    """Group of callers to the ARN of the IAM role that may invoke the endpoint."""
    boundary: str | None = None
    """ARN of the policy that bounds the role."""
    tags: Mapping[str, str]
    """Owner, environment, cost centre, data class, model."""


class WorkloadIdentity(pulumi.ComponentResource):
    """The execution role of one endpoint, and the policy that lets its callers invoke it."""

    role_arn: pulumi.Output[str]
    """ARN of the execution role."""
    granted: pulumi.Resource
    """What has to exist before the role can be used: its permissions."""

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:WorkloadIdentity", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        trust = pulumi.Output.from_input(args.account).apply(
            lambda account: json.dumps(trust_policy(account, args.region))
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust,
            permissions_boundary=args.boundary,
            tags=args.tags,
            opts=self._child,
        )
        self.granted = aws.iam.RolePolicy(
            f"{name}-permissions",
            role=role.name,
            policy=_document(args.permissions, execution_policy),
            opts=self._child,
        )
        self._admit(name, args)
        self.role_arn = role.arn
        self.register_outputs({"roleArn": self.role_arn})

    def _admit(self, name: str, args: WorkloadIdentityArgs) -> None:
        if not args.invokers:
            return
        policy = aws.iam.Policy(
            f"{name}-invoke", policy=_document(args.permissions, invoke_policy), tags=args.tags, opts=self._child
        )
        for group, role_arn in sorted(args.invokers.items()):
            aws.iam.RolePolicyAttachment(
                f"{name}-invoke-{group}", role=role_name(role_arn), policy_arn=policy.arn, opts=self._child
            )


def _document(
    permissions: pulumi.Input[Permissions], policy: Callable[[Permissions], dict[str, object]]
) -> pulumi.Output[str]:
    return pulumi.Output.from_input(permissions).apply(lambda each: json.dumps(policy(each)))


def role_name(arn: str) -> str:
    """The name of a role: the last part of its ARN, behind any path."""
    return arn.rpartition("/")[2]


def trust_policy(account: str, region: str) -> dict[str, object]:
    """The trust policy of an execution role: SageMaker, on behalf of this account and region only.

    Source: IAM user guide, "The confused deputy problem".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SageMakerOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:{region}:{account}:*"},
                },
            }
        ],
    }


def invoke_policy(allowed: Permissions) -> dict[str, object]:
    """What a caller needs: to invoke this endpoint."""
    return _policy([_allow("Invoke", ["sagemaker:InvokeEndpoint"], [_endpoint_arn(allowed)])])


def execution_policy(allowed: Permissions) -> dict[str, object]:
    """What an endpoint's role may do: read its artifacts, decrypt, log, count, pull its image, reach its network.

    Source: SageMaker developer guide, "CreateModel API: execution role permissions".
    """
    return _policy(
        [
            *_read_artifacts(allowed),
            *_use_key(allowed),
            *_observe(allowed),
            *_pull_image(allowed),
            *_write_capture(allowed),
            *_reach_network(allowed),
        ]
    )


def _read_artifacts(allowed: Permissions) -> list[Statement]:
    """Objects below the endpoint's own prefixes, and their names."""
    prefixes = [each.partition("/") for each in allowed.artifacts]
    buckets = sorted({bucket for bucket, _, _ in prefixes})
    listed = {"StringLike": {"s3:prefix": sorted({f"{path}*" for _, _, path in prefixes})}}
    return [
        _allow("ReadArtifacts", ["s3:GetObject"], [f"arn:aws:s3:::{each}*" for each in allowed.artifacts]),
        _allow("ListArtifacts", ["s3:ListBucket"], [f"arn:aws:s3:::{each}" for each in buckets], listed),
    ]


def _use_key(allowed: Permissions) -> list[Statement]:
    """Decryption, and the grant by which SageMaker encrypts the instances' volumes."""
    for_volumes = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        _allow("Decrypt", ["kms:Decrypt"], [allowed.key_arn]),
        _allow("EncryptVolumes", ["kms:CreateGrant"], [allowed.key_arn], for_volumes),
    ]


def _observe(allowed: Permissions) -> list[Statement]:
    """The endpoint's own log group, and the metric namespaces of SageMaker."""
    logs = f"arn:aws:logs:{allowed.region}:{allowed.account}:log-group:{log_group(allowed.endpoint)}:*"
    ours = {"StringEquals": {"cloudwatch:namespace": list(METRIC_NAMESPACES)}}
    return [
        _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"], [logs]),
        _allow("Count", ["cloudwatch:PutMetricData"], ["*"], ours),
    ]


def _pull_image(allowed: Permissions) -> list[Statement]:
    """The layers of one repository; the registry's login token has no resource to be scoped to."""
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        _allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("PullImage", layers, [allowed.repository_arn]),
    ]


def _write_capture(allowed: Permissions) -> list[Statement]:
    """Captured requests, written and encrypted."""
    if not allowed.capture:
        return []
    return [
        _allow("WriteCapture", ["s3:PutObject"], [f"arn:aws:s3:::{allowed.capture}/*"]),
        _allow("EncryptCapture", ["kms:GenerateDataKey"], [allowed.key_arn]),
    ]


def _reach_network(allowed: Permissions) -> list[Statement]:
    """Network interfaces in the given subnets with the given security groups; describing has no resource scope."""
    if not allowed.subnets:
        return []
    ec2 = f"arn:aws:ec2:{allowed.region}:{allowed.account}"
    interfaces = f"{ec2}:network-interface/*"
    placed = [
        *(f"{ec2}:subnet/{each}" for each in allowed.subnets),
        *(f"{ec2}:security-group/{each}" for each in allowed.security_groups),
    ]
    return [
        _allow("CreateInterface", ["ec2:CreateNetworkInterface"], [interfaces, *placed]),
        _allow(
            "UseInterface",
            [
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [interfaces],
            {"ArnEquals": {"ec2:Subnet": [f"{ec2}:subnet/{each}" for each in allowed.subnets]}},
        ),
        _allow(
            "DescribeNetwork",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
        ),
    ]


def log_group(endpoint: str) -> str:
    """The log group that SageMaker writes an endpoint's containers to."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def _endpoint_arn(allowed: Permissions) -> str:
    return f"arn:aws:sagemaker:{allowed.region}:{allowed.account}:endpoint/{allowed.endpoint}"


def _policy(statements: list[Statement]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, object] | None = None
) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**statement, "Condition": dict(condition)} if condition else statement
