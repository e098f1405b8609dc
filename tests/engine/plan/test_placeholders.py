"""What stands for an output that only a cloud could know."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine import shapes
from hybridml.engine.echo import echoed
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.program import plan
from hybridml.engine.values import UNKNOWN, Secret
from pulumi_aws.s3 import outputs as s3

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("type_", "field", "text"),
    [
        ("aws:s3/bucket:Bucket", "arn", "arn:aws:s3:::hybridml-unknown-a-b"),
        ("aws:iam/role:Role", "arn", "arn:aws:iam::000000000000:role/hybridml-unknown-a-b"),
        (
            "aws:lb/loadBalancer:LoadBalancer",
            "arn",
            "arn:aws:elasticloadbalancing:eu-west-1:000000000000:load-balancer/hybridml-unknown-a-b",
        ),
        ("aws:sagemaker/model:Model", "arn", "arn:aws:sagemaker:eu-west-1:000000000000:model/hybridml-unknown-a-b"),
        (
            "aws:lambda/function:Function",
            "invokeArn",
            "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:eu-west-1:000000000000:function/hybridml-unknown-a-b/invocations",
        ),
        ("gcp:cloudrun/service:Service", "url", "https://hybridml-unknown-a-b.invalid/url"),
        ("gcp:compute/network:Network", "selfLink", "https://hybridml-unknown-a-b.invalid/self-link"),
        ("aws:rds/instance:Instance", "endpoint", "hybridml-unknown-a-b-endpoint.invalid"),
        ("aws:ecr/repository:Repository", "repositoryUrl", "hybridml-unknown-a-b-repository-url"),
        (
            "gcp:serviceaccount/account:Account",
            "email",
            "hybridml-unknown-a-b@hybridml-unknown.iam.gserviceaccount.com",
        ),
        ("aws:sqs/queue:Queue", "name", "hybridml-unknown-a-b"),
        ("random:index/randomPet:RandomPet", "separator", "hybridml-unknown-a-b-separator"),
    ],
)
def test_texts_have_the_shape_of_what_they_stand_for(type_: str, field: str, text: str) -> None:
    """An ARN looks like that resource's ARN, a URL like a URL, and each carries the mark."""
    made = shapes.text(type_, "A_b", field, "eu-west-1")

    assert made == text
    assert shapes.is_placeholder(json.dumps({"inside": f"<{made}>"}))


@pytest.mark.parametrize(
    ("type_", "identifier"),
    [
        ("aws:ec2/vpc:Vpc", "vpc-hybridml-unknown-main"),
        ("aws:sns/topic:Topic", "arn:aws:sns:hybridml-unknown:000000000000:hybridml-unknown-main"),
        ("gcp:storage/bucket:Bucket", "hybridml-unknown-main"),
    ],
)
def test_ids_have_the_shape_of_their_service(type_: str, identifier: str) -> None:
    """An id has the prefix of its kind, or is the ARN where the service uses that."""
    assert shapes.identifier(type_, "main") == identifier


Rules = Sequence[s3.BucketGrant]


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        ("true", bool, True),
        ("yes", bool, UNKNOWN),
        ("80", int, 80),
        ("eighty", int, UNKNOWN),
        (True, int, UNKNOWN),
        (80, str, "80"),
        ({"Version": "2012"}, str, '{"Version": "2012"}'),
        ({"Version": UNKNOWN}, str, UNKNOWN),
        (["a"], dict[str, str], UNKNOWN),
        ({"a": 1}, dict[str, str], {"a": "1"}),
        ("a", Sequence[str], UNKNOWN),
        ([1, "b"], Sequence[str], ["1", "b"]),
        ([{"type": 1, "other": 2}], Rules, [{"type": "1", "other": 2}]),
        (Secret("true"), bool, Secret(True)),
        ({"free": ["form"]}, Any, {"free": ["form"]}),
        (UNKNOWN, str, UNKNOWN),
    ],
)
def test_an_input_is_echoed_only_in_the_declared_shape(value: Any, declared: Any, expected: Any) -> None:
    """What a provider converts is converted; what has another shape is unknown."""
    assert echoed(value, declared) == expected


PROGRAM = """
    import pulumi
    import pulumi_aws as aws
    import pulumi_kubernetes as k8s

    cluster = aws.eks.Cluster("cluster", role_arn="arn:aws:iam::1:role/r", vpc_config={"subnet_ids": ["subnet-1"]})
    service = k8s.core.v1.Service("front", spec={"ports": [{"port": 80}], "selector": {"app": "a"}})
    named = k8s.core.v1.Namespace("named", metadata={"name": "fixed"})
    endpoint = aws.sagemaker.Endpoint("endpoint", endpoint_config_name="c", opts=pulumi.ResourceOptions(
        provider=aws.Provider("there", region="eu-central-1")))
    pulumi.export("authority", cluster.certificate_authority.data)
    pulumi.export("created", service.metadata.name)
    pulumi.export("fixed", named.metadata["name"])
    pulumi.export("address", service.status.load_balancer.ingress[0].ip)
    pulumi.export("port", service.spec.ports[0].port)
    pulumi.export("subnets", cluster.vpc_config.subnet_ids)
    pulumi.export("endpoint", endpoint.arn)
    pulumi.export("optional", endpoint.deployment_config)
"""


def test_objects_inside_outputs(write: Callable[..., Path]) -> None:
    """Texts inside computed objects are placeholders, Kubernetes names are made up, statuses are unknown."""
    made = plan(write(PROGRAM), "dev")

    assert made.outputs == {
        "address": UNKNOWN,
        "authority": "hybridml-unknown-cluster-certificate-authority-data",
        "created": "hybridml-unknown-front",
        "endpoint": "arn:aws:sagemaker:eu-central-1:000000000000:endpoint/hybridml-unknown-endpoint",
        "fixed": "fixed",
        "optional": UNKNOWN,
        "port": 80,
        "subnets": ["subnet-1"],
    }


def test_no_output_is_none(write: Callable[..., Path], named: Callable[[Plan, str], PlannedResource]) -> None:
    """Whatever a program asks an SDK's resource for is known, a placeholder or unknown."""
    text = """
        import pulumi
        import pulumi_aws as aws

        bucket = aws.s3.Bucket("bucket")
        fields = [name for name in dir(type(bucket)) if isinstance(getattr(type(bucket), name), property)]
        for name in sorted({*fields} - {"urn", "pulumi_resource_name", "pulumi_resource_type"}):
            pulumi.export(name, getattr(bucket, name).apply(lambda value: "none" if value is None else "known"))
    """
    made = plan(write(text), "dev")

    assert len(made.outputs) > 25
    assert set(map(str, made.outputs.values())) <= {"known", "[unknown]"}


def test_the_graph_is_that_of_the_sdks_own_mocks() -> None:
    """URNs, parents and dependencies are those of the same program on stock mocks."""
    digests = {
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.subjects", subject, "4", "--graph"],
                cwd=ROOT,
                capture_output=True,
                check=True,
            ).stdout
        )["digest"]
        for subject in ("ours", "stock")
    }

    assert len(digests) == 1
