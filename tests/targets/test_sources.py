"""Every resource says which line asks for it: the program's, or that of the file that the program reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine import program

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """import pulumi
from hybridml import ModelEndpoint, ModelEndpointArgs

spec = {
    "apiVersion": "hybridml/v1", "owner": "team", "data_class": "internal",
    "versions": {"1": {"artifact": {"uri": "model"}, "format": "mlflow"}},
    "traffic": {"champion": {"version": "1"}},
    "access": {"invokers": ["group:callers"]},
}
ModelEndpoint("churn", ModelEndpointArgs(spec=spec, target={"kind": "local", "port": 8090}))
"""


@pytest.fixture(scope="module")
def prod() -> dict[str, dict[str, Any]]:
    """The resources of the stack `prod` by type and name."""
    made = program.plan(ROOT, "prod").to_json()
    return {f"{each['type'].rpartition(':')[2]} {each['name']}": each["source"] for each in made["resources"]}


@pytest.mark.parametrize(
    ("resource", "file", "line"),
    [
        ("Platform platform", "infra/__main__.py", r"platform = Platform\("),
        ("AwsFoundation sagemaker", "stacks/Pulumi.prod.yaml", "sagemaker:"),
        ("Key sagemaker-key", "stacks/Pulumi.prod.yaml", "sagemaker:"),
        ("ModelEndpoint churn", "infra/endpoints/churn.yaml", "apiVersion:"),
        ("ServiceAccount churn-account", "infra/endpoints/churn.yaml", "apiVersion:"),
        ("Deployment churn-3", "infra/endpoints/churn.yaml", "uri: s3://acme-models/churn/3/"),
        ("Deployment churn-4", "infra/endpoints/churn.yaml", "uri: s3://acme-models/churn/4/"),
        ("SecurityPolicy churn-access", "infra/endpoints/churn.yaml", "access:"),
        ("HTTPRoute churn-route", "infra/endpoints/churn.yaml", "champion:"),
        ("Model digits-2", "infra/endpoints/digits.yaml", "uri: s3://acme-models/digits/2/"),
        ("MetricAlarm digits-champion-level-errors", "infra/endpoints/digits.yaml", "slo:"),
        ("BucketPolicy digits-capture-tls", "infra/endpoints/digits.yaml", "capture:"),
        ("VertexModel wine-1", "stacks/Pulumi.prod.yaml", "uri: .*gs://acme-ml-models/wine/1/"),
    ],
)
def test_the_source_is_the_line_that_asks(prod: dict[str, dict[str, Any]], resource: str, file: str, line: str) -> None:
    """A version's resources point to the version, a target's to the target, whatever a stack overrides to the stack."""
    source = prod[resource]

    assert source["file"] == file
    assert re.search(line, (ROOT / file).read_text(encoding="utf-8").splitlines()[source["line"] - 1])


def test_every_resource_of_every_stack_has_a_source() -> None:
    """Children that components make are no exception, and each line is in its file."""
    for stack in ("dev", "local", "onprem", "prod", "staging"):
        for resource in program.plan(ROOT, stack).resources:
            assert resource.source, resource.urn
            lines = (ROOT / resource.source.file).read_text(encoding="utf-8").splitlines()
            assert 1 <= resource.source.line <= len(lines), resource.urn


def test_an_own_program_is_its_own_source(tmp_path: Path) -> None:
    """Where no file is read, every resource points to the line of the program that made the endpoint."""
    (tmp_path / "Pulumi.yaml").write_text("name: scoring\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")

    made = program.plan(tmp_path, "dev")

    assert {(each.source.file, each.source.line) for each in made.resources if each.source} == {("__main__.py", 10)}
    assert all(each.source for each in made.resources)
