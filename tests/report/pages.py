"""Plans, findings and cards that pages are made of in tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from hybridml.report import StackPage
from hybridml.report.cards import EndpointCard, Fact, Promise, Share, Version
from hybridml_policies import Level, Profile, Report, evaluate

PREFIX = "urn:pulumi:prod::shop::"
MODEL = "aws:sagemaker/model:Model"
PROFILE = Profile("prod", "", Level.OFF, {"AWS-SM-003": Level.MANDATORY})


def resource(token: str, name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    """A resource of a plan."""
    return {
        "urn": f"{PREFIX}{token}::{name}",
        "type": token,
        "name": name,
        "parent": f"{PREFIX}{parent}" if parent else "",
        "custom": not token.startswith("shop:"),
        "inputs": {},
        "outputs": {},
        "dependsOn": [],
        "source": {"file": "infra/endpoints/churn.yaml", "line": 4},
        **more,
    }


def plan(resources: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A plan with these resources."""
    return {
        "project": "shop",
        "stack": "prod",
        "resources": resources,
        "outputs": {},
        "diff": None,
        "notes": [],
        "summary": {},
        **more,
    }


def compared(name: str = "model", secret: str = "[secret]") -> dict[str, Any]:
    """A plan of a component and two resources below it, compared with a state: one of each kind of change."""
    home = "shop:index:Shop"
    return plan(
        [
            resource(home, "shop"),
            resource("aws:s3/bucket:Bucket", "store", f"{home}::shop", inputs={"acl": "private", "token": secret}),
            resource(
                MODEL,
                name,
                f"{home}::shop",
                inputs={"enableNetworkIsolation": False, "image": "hybridml-unknown-image"},
                dependsOn=[f"{PREFIX}aws:s3/bucket:Bucket::store"],
            ),
        ],
        diff=[
            {"urn": f"{PREFIX}{home}::shop", "action": "create", "properties": [], "unclear": [], "mayReplace": False},
            {
                "urn": f"{PREFIX}aws:s3/bucket:Bucket::store",
                "action": "update",
                "properties": [
                    {"path": "acl", "before": "public-read", "after": "private"},
                    {"path": "token", "before": secret, "after": secret},
                ],
                "unclear": ["tags"],
                "mayReplace": True,
            },
            {"urn": f"{PREFIX}aws:sqs/queue:Queue::gone", "action": "delete", "properties": [], "unclear": []},
        ],
        summary={"changes": {"create": 1, "update": 1, "replace": 0, "delete": 1, "same": 1}},
        outputs={"url": "https://churn.example", "endpoints": {"churn": {"target": "aws"}}},
        notes=[{"subject": "eks:index:Cluster", "message": "its children are out of sight"}],
    )


def judged(made: dict[str, Any]) -> Report:
    """What one rule says of a plan."""
    return evaluate(made, PROFILE, today=date(2026, 11, 20))


CARD = EndpointCard(
    name="churn",
    kind="aws",
    where="sagemaker, eu-central-1",
    address="https://churn.example/invocations",
    source="infra/endpoints/churn.yaml:4",
    shares=(
        Share(name="champion", version="3", percent=90.0, source="infra/endpoints/churn.yaml:26"),
        Share(name="challenger", version="4", percent=10.0, source="infra/endpoints/churn.yaml:27"),
    ),
    versions=(Version(name="3", format="mlflow", artifact="s3://models/churn/3/", digest="6813" * 16),),
    facts=(Fact(label="access", value="group:callers", source="infra/endpoints/churn.yaml:41"),),
    promises=(
        Promise(name="traffic.challenger", asked=True),
        Promise(name="traffic.routes", asked=False, refusal="has no routing by header", fix="put a router in front"),
    ),
)


def many(count: int) -> dict[str, Any]:
    """A plan of `count` resources in components of ten, each of which needs the one before it."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        home = f"shop:index:Part::part-{number // 10}"
        if number % 10 == 0:
            found.append(resource("shop:index:Part", f"part-{number // 10}"))
        else:
            token = ("aws:s3/bucket:Bucket", "gcp:storage/bucket:Bucket", "kubernetes:apps/v1:Deployment")[number % 3]
            needs = [found[-1]["urn"]]
            properties = {f"property{at}": f"value {at} of {number}" for at in range(8)}
            found.append(resource(token, f"it-{number}", home, dependsOn=needs, inputs=properties))
    return plan(found)


def page(made: dict[str, Any], *cards: EndpointCard) -> StackPage:
    """A stack of a page, judged by the policies."""
    return StackPage(plan=made, report=judged(made), cards=cards)
