"""A plan beside a state: what would be created, updated, replaced, deleted, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine.diff import Action, Change
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.errors import StateError

from .conftest import PROGRAMS, state_of

Planned = Callable[..., Plan]
Write = Callable[..., Path]
SAME = {"create": 0, "update": 0, "replace": 0, "delete": 0}


def change(made: Plan, name: str) -> Change:
    assert made.diff is not None
    (found,) = [item for item in made.diff.changes if item.urn.endswith(f"::{name}")]
    return found


@pytest.mark.parametrize(
    "name", ["aliases", "applies", "asynchronous", "components", "dynamics", "invokes", "opaque", "providers", "reads"]
)
def test_a_program_against_its_own_state_shows_no_change(planned: Planned, name: str) -> None:
    """Planned against what applying it recorded, nothing changes."""
    state = state_of(planned(name))
    for _ in range(3):  # until every recorded input holds recorded outputs, as after an apply
        state = state_of(planned(name, state=state))

    made = planned(name, state=state)

    assert made.diff is not None
    assert {key: count for key, count in made.diff.counts.items() if key != "same"} == SAME
    assert made.diff.counts["same"] == len(made.resources)


def test_recorded_outputs_stand_in_for_placeholders(planned: Planned) -> None:
    """Against a state, ids and outputs are the recorded ones."""
    made = planned("applies", state=state_of(planned("applies")))

    by_name = {resource.name: resource for resource in made.resources}
    assert by_name["bucket"].id == "real-bucket"
    assert "arn:aws:real::111122223333:bucket" in by_name["policy"].inputs["policy"]


def test_outputs_are_found_under_an_alias(planned: Planned) -> None:
    """A renamed resource is the one that is recorded under its old name, and nothing is deleted."""
    first = planned("aliases")
    state = state_of(first)
    for resource in state["deployment"]["resources"]:
        resource["urn"] = resource["urn"].replace("::renamed", "::original")
        resource["id"] = "recorded"

    made = planned("aliases", state=state)

    found = change(made, "renamed")
    assert (found.action, found.previous) == (Action.SAME, "urn:pulumi:dev::aliases::aws:sqs/queue:Queue::original")
    assert next(r.id for r in made.resources if r.name == "renamed") == "recorded"
    assert made.diff is not None
    assert made.diff.counts["delete"] == 0


def test_an_empty_state_creates_everything(planned: Planned) -> None:
    """Against nothing, everything is created."""
    made = planned("components", state={"version": 3, "deployment": {}})

    assert made.summary["changes"] == {**SAME, "create": 4, "same": 0}


PROGRAM = """
    import pulumi
    import pulumi_aws as aws
    import pulumi_kubernetes as k8s

    queue = aws.sqs.Queue("queue", name="jobs", delay_seconds=5, tags={"a": "1"})
    k8s.apps.v1.Deployment("web", metadata={"name": "web"}, spec={
        "replicas": 2, "selector": {"match_labels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}})
    aws.sqs.Queue("careful", delay_seconds=5, opts=pulumi.ResourceOptions(ignore_changes=["tags"]))
    aws.sqs.Queue("fixed", name="b", opts=pulumi.ResourceOptions(replace_on_changes=["name"]))
"""


def against(write: Write, changed: dict[str, dict[str, Any]]) -> Plan:
    folder = write(PROGRAM)
    return plan(folder, "dev", state=state_of(plan(folder, "dev"), changed))


def test_an_update_names_its_properties_and_may_replace(write: Write) -> None:
    """A changed property is shown with before and after; a bridged provider may decide to replace."""
    found = change(
        against(write, {"queue": {"delaySeconds": 9, "tags": {"a": "2", "b": "3"}, "__defaults": []}}), "queue"
    )

    assert found.to_json() == {
        "urn": "urn:pulumi:dev::written::aws:sqs/queue:Queue::queue",
        "action": "update",
        "previous": "",
        "properties": [
            {"path": "delaySeconds", "before": 9, "after": 5},
            {"path": "tags.a", "before": "2", "after": "1"},
            {"path": "tags.b", "before": "3", "after": None},
        ],
        "unclear": [],
        "mayReplace": True,
    }


def test_what_a_provider_filled_in_is_no_change(write: Write) -> None:
    """Properties listed as defaults are the provider's; where there is no such list, an extra property is unclear."""
    filled = against(write, {"queue": {"fifoQueue": False, "__defaults": ["fifoQueue"]}})
    unlisted = against(write, {"queue": {"fifoQueue": False}})

    assert (change(filled, "queue").action, change(filled, "queue").unclear) == (Action.SAME, ())
    assert (change(unlisted, "queue").action, change(unlisted, "queue").unclear) == (Action.SAME, ("fifoQueue",))


def test_kubernetes_replaces_for_immutable_fields_only(write: Write) -> None:
    """A selector is immutable, so its change replaces; a number of replicas is updated in place for certain."""
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}}
    scaled = change(against(write, {"web": {"spec": {**_spec(), "replicas": 3}}}), "web")
    selected = change(against(write, {"web": {"spec": {**_spec(), "selector": {"matchLabels": {"app": "x"}}}}}), "web")

    assert (scaled.action, scaled.may_replace) == (Action.UPDATE, False)
    assert [p.path for p in selected.properties] == ["spec.selector.matchLabels.app"]
    assert (selected.action, spec["replicas"]) == (Action.REPLACE, 3)


def _spec() -> dict[str, Any]:
    container = {"name": "c", "image": "i"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}


def test_options_decide(write: Write) -> None:
    """`ignore_changes` hides a difference, `replace_on_changes` makes one a replacement."""
    made = against(write, {"careful": {"tags": {"x": "y"}, "__defaults": []}, "fixed": {"name": "a", "__defaults": []}})

    assert change(made, "careful").action is Action.SAME
    assert change(made, "fixed").action is Action.REPLACE


def test_what_is_planned_no_more_is_deleted(write: Write) -> None:
    """A recorded resource that the program lacks is deleted; default providers and the stack are not."""
    folder = write(PROGRAM)
    state = state_of(plan(folder, "dev"))
    gone = "urn:pulumi:dev::written::aws:sqs/queue:Queue::gone"
    provider = "urn:pulumi:dev::written::pulumi:providers:aws::default_7_51_1"
    state["deployment"]["resources"] += [
        {"urn": gone, "type": "aws:sqs/queue:Queue", "custom": True, "id": "q"},
        {"urn": provider, "type": "pulumi:providers:aws", "custom": True, "id": "p"},
        {"urn": f"{gone}2", "type": "aws:sqs/queue:Queue", "custom": True, "id": "q", "external": True},
        {"urn": f"{gone}3", "type": "aws:sqs/queue:Queue", "custom": True, "id": "q", "delete": True},
    ]

    made = plan(folder, "dev", state=state)

    assert made.diff is not None
    assert [item.urn for item in made.diff.changes if item.action is Action.DELETE] == [gone]


def test_children_of_a_remote_component_are_not_deleted(planned: Planned) -> None:
    """What a component of another package made is out of sight, not gone."""
    state = state_of(planned("opaque"))
    cluster = "urn:pulumi:dev::opaque::elsewhere:index:Cluster::cluster"
    child = "urn:pulumi:dev::opaque::elsewhere:index:Cluster$aws:eks/cluster:Cluster::c"
    state["deployment"]["resources"].append({"urn": child, "type": "aws:eks/cluster:Cluster", "parent": cluster})

    made = planned("opaque", state=state)

    assert made.diff is not None
    assert made.diff.counts["delete"] == 0


def test_dependents_of_what_is_created_change(write: Write) -> None:
    """A property computed from a resource that is yet to be created differs for certain; a made-up one is unclear."""
    folder = write("""
        import pulumi_aws as aws
        key = aws.kms.Key("key")
        aws.sqs.Queue("encrypted", kms_master_key_id=key.key_id)
        aws.sqs.Queue("owned", name=aws.get_caller_identity().account_id)
    """)
    state = state_of(plan(folder, "dev"), {"encrypted": {"kmsMasterKeyId": "old"}, "owned": {"name": "123"}})
    state["deployment"]["resources"] = [r for r in state["deployment"]["resources"] if not r["urn"].endswith("::key")]

    made = plan(folder, "dev", state=state)

    assert [change(made, name).action for name in ("key", "encrypted", "owned")] == ["create", "update", "same"]
    assert change(made, "owned").unclear == ("name",)


def test_secrets_are_compared_and_not_shown(planned: Planned) -> None:
    """A changed secret is an update that shows neither value; one that cannot be decrypted is unclear."""
    first = planned("secret_values", config={"password": "before-before"})
    state = state_of(first)
    for resource in state["deployment"]["resources"]:
        if resource["urn"].endswith("::straight"):
            resource["inputs"]["value"] = {
                "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                "plaintext": '"old-old-old"',
            }
        elif "inputs" in resource:
            resource["inputs"] = {
                key: "x" if not isinstance(v, str | bool) else v for key, v in resource["inputs"].items()
            }
        resource.pop("outputs", None)

    made = planned("secret_values", config={"password": "before-before"}, state=state)

    (difference,) = change(made, "straight").properties
    assert difference.path == "value"
    assert "old-old-old" not in made.dumps()
    assert "before-before" not in made.dumps()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "not a deployment of version 3 or 4"),
        ({"version": 3}, "not a deployment of version 3 or 4"),
        ({"version": 5, "deployment": {}}, "not a deployment of version 3 or 4"),
        ({"version": 2, "deployment": {}}, "a deployment of version 2, which is old; import it with a current Pulumi"),
        ({"version": 4, "features": ["views", "tides"], "deployment": {}}, "a deployment that uses tides, which"),
        ({"version": 4, "features": 5, "deployment": {}}, "not a deployment of version 3 or 4"),
        ({"version": True, "deployment": {}}, "not a deployment of version 3 or 4"),
    ],
)
def test_what_is_no_deployment_is_refused(state: dict[str, Any], message: str) -> None:
    """Another format than Pulumi's deployment, version 3 or 4, and a feature that is not known."""
    with pytest.raises(StateError, match=message):
        plan(PROGRAMS / "outside", "dev", state=state)


@pytest.mark.parametrize(
    "resources",
    [
        5,
        [5],
        [{}],
        [{"urn": "a", "type": "b"}],
        [{"urn": "urn:pulumi:dev::outside::a:b:C::x", "type": 1}],
        [{"urn": "urn:pulumi:dev::outside::a:b:C::x", "type": "a:b:C", "inputs": [1]}],
        [{"urn": "urn:pulumi:dev::outside::a:b:C::x", "type": "a:b:C", "dependencies": "x"}],
    ],
)
def test_a_damaged_deployment_is_one_message(resources: Any) -> None:
    """A resource of the state without a URN, or with a field of another type, is said as such."""
    with pytest.raises(StateError, match=r"^not a deployment: a resource in it (lacks|is damaged)"):
        plan(PROGRAMS / "outside", "dev", state={"version": 3, "deployment": {"resources": resources}})


def test_parents_in_a_circle_end(planned: Planned) -> None:
    """A state in which a resource is its own parent is compared all the same."""
    state = state_of(planned("opaque"))
    urn = "urn:pulumi:dev::opaque::a:b:C::round"
    state["deployment"]["resources"].append({"urn": urn, "type": "a:b:C", "custom": True, "parent": urn})

    made = planned("opaque", state=state)

    assert change(made, "round").action is Action.DELETE
