"""A plan as text: a tree of components."""

from __future__ import annotations

from typing import Any

from hybridml.report import plan_text


def entry(type_: str, name: str, parent: str = "", *, custom: bool = True, line: int = 31) -> dict[str, Any]:
    """A resource of a plan."""
    source = {"file": "infra/__main__.py", "line": line}
    return {"urn": f"urn::{name}", "type": type_, "name": name, "parent": parent, "custom": custom, "source": source}


def test_resources_stand_under_the_component_they_belong_to() -> None:
    """Children sorted by type and name, each with its place where that is another; exports and notes at the end."""
    plan = {
        "project": "acme",
        "stack": "prod",
        "resources": [
            entry("aws:s3/bucketVersioning:BucketVersioning", "models-versions", "urn::store"),
            entry("aws:s3/bucket:Bucket", "models", "urn::store"),
            entry("hybridml:index:Platform", "platform", "urn:of:the:stack", custom=False),
            entry("hybridml:index:ArtifactStore", "store", "urn::platform", custom=False),
            entry("kubernetes:apps/v1:Deployment", "churn", "urn::platform", line=40),
            entry("random:index/randomId:RandomId", "alone"),
        ],
        "outputs": {"url": "http://127.0.0.1:8080", "ports": [8080]},
        "notes": [{"subject": "eks:index:Cluster", "message": "its children are out of sight"}],
    }

    assert plan_text(plan) == (
        "acme/prod  6 resources\n"
        "\n"
        "platform  hybridml:index:Platform  infra/__main__.py:31\n"
        "├─ store  hybridml:index:ArtifactStore\n"
        "│  ├─ models  aws:s3/Bucket\n"
        "│  └─ models-versions  aws:s3/BucketVersioning\n"
        "└─ churn  kubernetes:apps/v1:Deployment  infra/__main__.py:40\n"
        "alone  random:index/RandomId  infra/__main__.py:31\n"
        "\n"
        "outputs\n"
        "    ports: [8080]\n"
        "    url: http://127.0.0.1:8080\n"
        "\n"
        "not seen\n"
        "    eks:index:Cluster: its children are out of sight\n"
    )


def test_plan_without_resources_says_so() -> None:
    """An empty program is a heading."""
    assert plan_text({"project": "acme", "stack": "dev", "resources": []}) == "acme/dev  0 resources\n"


def test_colours_are_for_terminals() -> None:
    """Names of components stand out on a terminal only."""
    plan = {"project": "p", "stack": "s", "resources": [entry("a:b:C", "c", custom=False)]}

    assert "\x1b[" in plan_text(plan, colour=True)
    assert "\x1b[" not in plan_text(plan)
