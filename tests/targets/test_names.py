"""Names that every service accepts, and that never meet by accident."""

from __future__ import annotations

import re

import pytest
from hybridml.targets.aws.machines import GIB, machine
from hybridml.targets.aws.names import repository, sagemaker_name
from hybridml.targets.gcp import machines as gcp_machines
from hybridml.targets.gcp.names import endpoint_number, labels, short_name
from hybridml.targets.kubernetes.labels import labels as kubernetes_labels
from hybridml.targets.kubernetes.labels import object_name
from hypothesis import given
from hypothesis import strategies as st

PARTS = st.lists(st.from_regex(r"[a-zA-Z0-9._-]{1,40}", fullmatch=True), min_size=1, max_size=4)


@given(PARTS)
def test_sagemaker_names_fit(parts: list[str]) -> None:
    """A SageMaker name has letters, digits and inner dashes, 63 at most."""
    assert re.fullmatch(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", sagemaker_name(*parts))


@given(PARTS)
def test_kubernetes_names_fit(parts: list[str]) -> None:
    """A Kubernetes name is a label of RFC 1123."""
    name = object_name(*parts)

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63


@given(PARTS)
def test_account_ids_fit(parts: list[str]) -> None:
    """The id of a service account begins with a letter and has 30 characters at most."""
    name = short_name(30, *parts)

    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 30


@given(st.text(max_size=80))
def test_labels_fit_whatever_the_value(value: str) -> None:
    """A label's value has the alphabet and length of Google Cloud, and of Kubernetes."""
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", labels({"owner": value})["owner"])
    assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", kubernetes_labels({"owner": value})["owner"])


def test_names_that_are_cut_differ() -> None:
    """Two long names that begin alike stay two."""
    long = "a" * 70

    assert sagemaker_name(long, "x") != sagemaker_name(long, "y")
    assert object_name(long, "x") != object_name(long, "y")
    assert short_name(30, long, "x") != short_name(30, long, "y")


def test_names_that_fit_are_kept() -> None:
    """A name that needs no change is the parts, joined."""
    assert sagemaker_name("acme", "prod", "churn") == "acme-prod-churn"
    assert object_name("churn", "3") == "churn-3"
    assert short_name(30, "prod", "churn") == "prod-churn"


def test_endpoint_numbers_are_stable_and_own() -> None:
    """The number of an endpoint is the same in every plan, and another for another endpoint."""
    assert endpoint_number("acme-ml", "prod", "churn") == endpoint_number("acme-ml", "prod", "churn")
    assert endpoint_number("acme-ml", "prod", "churn") != endpoint_number("acme-ml", "prod", "wine")


@pytest.mark.parametrize(
    ("instance", "cores", "memory", "gpus", "local"),
    [
        ("ml.m7i.large", 2, 8, 0, False),
        ("ml.c7i.xlarge", 4, 8, 0, False),
        ("ml.r6i.12xlarge", 48, 384, 0, False),
        ("ml.m6gd.2xlarge", 8, 32, 0, True),
        ("ml.t2.medium", 2, 4, 0, False),
        ("ml.g5.12xlarge", 48, None, 4, True),
        ("ml.g4dn.xlarge", 4, None, 1, True),
        ("ml.p5.48xlarge", 192, None, 8, True),
        ("ml.inf2.xlarge", 4, None, 0, False),
    ],
)
def test_instances_of_aws_are_known(instance: str, cores: int, memory: int | None, gpus: int, local: bool) -> None:
    """Cores, memory, accelerators and the kind of disk follow from the instance type."""
    found = machine(instance)

    assert (found.cores, found.gpus, found.local_disk) == (cores, gpus, local)
    assert found.memory == (memory * GIB if memory else None)


@pytest.mark.parametrize(
    ("instance", "cores", "gib"),
    [("n2-standard-4", 4, 16), ("n2-highmem-8", 8, 64), ("n1-standard-2", 2, 7.5), ("e2-highcpu-4", 4, 4)],
)
def test_machines_of_google_are_known(instance: str, cores: int, gib: float) -> None:
    """Cores and memory follow from the machine type; a type that is not known is not judged."""
    assert gcp_machines.machine(instance) == gcp_machines.Machine(cores, int(gib * GIB))
    assert gcp_machines.machine("m1-ultramem-40") == gcp_machines.Machine(None, None)


def test_repository_is_read_from_an_image() -> None:
    """Account, region and name stand in the address of an image in ECR; other images have none."""
    found = repository("111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/serving:1.0@sha256:" + "a" * 64)

    assert found is not None
    assert found.arn == "arn:aws:ecr:eu-central-1:111122223333:repository/team/serving"
    assert repository("ghcr.io/acme/serving:1.0") is None
