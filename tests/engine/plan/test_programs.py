"""Every feature of Pulumi that a program may use, planned without the Pulumi CLI."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.values import SHOWN_SECRET, UNKNOWN, Secret

Named = Callable[[Plan, str], PlannedResource]
Planned = Callable[..., Plan]
STACK = "urn:pulumi:dev::{0}::pulumi:pulumi:Stack::{0}-dev"


def test_stack_transforms_change_what_is_registered_after_them(planned: Planned, named: Named) -> None:
    """A stack transform adds a tag to the buckets that come after it, and to no other."""
    made = planned("transforms")

    assert dict(named(made, "before").inputs) == {}
    assert named(made, "after").inputs == {"tags": {"team": "a", "owner": "platform"}}


def test_transforms_of_a_component_reach_its_children(planned: Planned, named: Named) -> None:
    """A component's own transform sets options on the component and its child; the stack's runs after it."""
    made = planned("transforms")

    child = named(made, "store-bucket")
    assert (child.options.protect, child.options.ignore_changes) == (True, ("tags",))
    assert child.inputs == {"tags": {"owner": "platform"}}
    assert named(made, "store").options.protect is True
    assert named(made, "queue").options.protect is False


def test_legacy_transformations_and_invoke_transforms_run(planned: Planned, named: Named) -> None:
    """A legacy transformation changes a resource, an invoke transform the arguments of a call."""
    made = planned("transforms")

    assert named(made, "queue").inputs == {"fifoQueue": True}
    assert made.outputs == {"region": "eu-north-1"}


def test_aliases_are_urns_with_those_that_parents_imply(planned: Planned, named: Named) -> None:
    """An alias by name, by URN, by parent, and the one that follows from a parent's alias."""
    made = planned("aliases")

    prefix = "urn:pulumi:dev::aliases::"
    queue = "aws:sqs/queue:Queue"
    assert named(made, "renamed").options.aliases == (f"{prefix}{queue}::original",)
    assert named(made, "by-urn").options.aliases == ("urn:pulumi:dev::old::aws:sqs/queue:Queue::q",)
    assert named(made, "store").options.aliases == (f"{prefix}test:index:Store::depot",)
    assert named(made, "store-queue").options.aliases == (f"{prefix}test:index:Store${queue}::depot-queue",)
    assert f"{prefix}{queue}::adopted" in named(made, "adopted").options.aliases


def test_providers_are_default_explicit_or_inherited(planned: Planned, named: Named) -> None:
    """No provider is the default one; an explicit one is inherited by a component's children, each by its package."""
    made = planned("providers")

    east, cluster = named(made, "east"), named(made, "cluster")
    assert named(made, "default").provider == ""
    assert named(made, "explicit").provider == f"{east.urn}::{east.id}"
    assert named(made, "store-queue").provider == f"{east.urn}::{east.id}"
    assert named(made, "store-space").provider == f"{cluster.urn}::{cluster.id}"
    assert named(made, "explicit").outputs["arn"].startswith("arn:aws:sqs:us-east-1:")
    assert cluster.to_json()["inputs"]["kubeconfig"] == SHOWN_SECRET


def test_a_remote_component_is_opaque_and_said_to_be(planned: Planned, named: Named) -> None:
    """A component of another package has unknown outputs, which a note tells."""
    made = planned("opaque")

    cluster = named(made, "cluster")
    assert (cluster.remote, dict(cluster.outputs)) == (True, {})
    assert named(made, "config").inputs["name"] is UNKNOWN
    assert [note.subject for note in made.notes] == [cluster.urn]


def test_outputs_of_another_stack_are_unknown(planned: Planned, named: Named) -> None:
    """A stack reference is read, and whatever comes from it is unknown."""
    made = planned("references")

    assert named(made, "acme/network/prod").external is True
    assert named(made, "subnet").inputs == {"cidrBlock": "10.0.0.0/24", "vpcId": UNKNOWN}
    assert named(made, "queue").inputs == {"name": UNKNOWN}


def test_plain_calls_answer_with_made_up_members(planned: Planned, named: Named) -> None:
    """A plain list can be indexed beyond its made-up length, sliced and joined; a note says that it is made up."""
    made = planned("invokes")

    zones = [named(made, f"subnet-{index}").inputs["availabilityZone"] for index in range(5)]
    assert zones[0] == "hybridml-unknown-availabilityzones-names-0"
    assert zones[3:] == zones[:2]
    assert named(made, "instance").inputs["tags"] == {"zones": f"{zones[0]},{zones[1]}"}
    assert "aws:index/getAvailabilityZones:getAvailabilityZones" in {note.subject for note in made.notes}


def test_calls_as_outputs_are_known_field_by_field(planned: Planned) -> None:
    """Of a call's output the texts are placeholders and the lists are unknown."""
    made = planned("invokes")

    assert made.outputs["network"] == "hybridml-unknown-vpc-cidr-block"
    assert made.outputs["blocks"] is UNKNOWN


def test_policy_documents_are_computed(planned: Planned, named: Named) -> None:
    """`get_policy_document` needs no account: the document is there, with placeholders inside."""
    made = planned("invokes")

    trust = json.loads(named(made, "role").inputs["assumeRolePolicy"])
    assert trust["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    ]
    (statement,) = json.loads(named(made, "policy").inputs["policy"])["Statement"]
    assert statement["Resource"] == "arn:aws:s3:::hybridml-unknown-bucket/*"


def test_yaml_manifests_become_resources(planned: Planned, named: Named) -> None:
    """Manifests given as YAML text are decoded here, and each object is a resource."""
    settings = named(planned("invokes"), "settings")

    assert settings.type == "kubernetes:core/v1:ConfigMap"
    assert settings.inputs["data"] == {"a": "b"}


def test_reads_are_external_with_the_given_id(planned: Planned, named: Named) -> None:
    """What is looked up keeps its id; its numbers and booleans are unknown, its texts placeholders."""
    made = planned("reads")

    existing = named(made, "existing")
    assert (existing.external, existing.id) == (True, "1234abcd")
    assert named(made, "found").id == named(made, "bucket").id
    assert (
        named(made, "queue").inputs["kmsMasterKeyId"]
        == "arn:aws:kms:hybridml-unknown:000000000000:key/hybridml-unknown-existing"
    )
    assert made.outputs == {"rotation": UNKNOWN}


def test_asynchronous_programs_are_awaited(planned: Planned, named: Named) -> None:
    """`pulumi.run` with an async main: awaited inputs and outputs are there, and what it returns is exported."""
    made = planned("asynchronous")

    assert named(made, "bucket").inputs == {"tags": {"late": "value"}}
    assert named(made, "queue").inputs == {"name": "hybridml-unknown-bucket-bucket-events"}
    assert made.outputs == {"bucket": "hybridml-unknown-bucket-bucket"}


def test_dynamic_resources_are_planned_without_their_code(planned: Planned, named: Named) -> None:
    """A dynamic resource is planned, its pickled provider is not shown, its code does not run."""
    made = planned("dynamics")

    assert named(made, "events").inputs == {"columns": ["id", "at"]}
    assert made.outputs["columns"] == ["id", "at"]


def test_applies_run_on_placeholders_at_any_depth(planned: Planned, named: Named) -> None:
    """Nested applies, `all`, `concat`, `format` and the JSON helpers leave readable documents."""
    made = planned("applies")

    (statement,) = json.loads(named(made, "policy").inputs["policy"])["Statement"]
    assert statement["Resource"] == [
        "arn:aws:s3:::hybridml-unknown-bucket",
        "arn:aws:sqs:hybridml-unknown:000000000000:hybridml-unknown-queue",
        "arn:aws:sns:hybridml-unknown:000000000000:hybridml-unknown-topic",
    ]
    assert named(made, "format").inputs["name"] == "hybridml-unknown-bucket/hybridml-unknown-queue"
    assert named(made, "concat").inputs["name"] == "s3://hybridml-unknown-bucket-bucket/in"
    assert named(made, "quoted").inputs["name"] == "<https://hybridml-unknown-queue.invalid/url>"


def test_a_callback_that_a_placeholder_breaks_leaves_an_unknown(planned: Planned, named: Named) -> None:
    """A callback that cannot cope with a made-up text is unknown, as in a preview, and does not end the program."""
    made = planned("applies")

    assert named(made, "loaded").inputs["name"] is UNKNOWN
    assert made.outputs["account"] is UNKNOWN


def test_numbers_are_known_from_inputs_only(planned: Planned) -> None:
    """An output named as an input takes its value; a number that nobody knows is unknown and its apply skipped."""
    made = planned("applies")

    assert made.outputs["timeout"] == 60
    assert made.outputs["receives"] is UNKNOWN


def test_components_have_parents_outputs_and_lines(planned: Planned, named: Named) -> None:
    """Nested components form a tree, say their outputs, and every resource knows the line that created it."""
    made = planned("components")

    outer, inner, queue = (named(made, name) for name in ("outer", "outer-inner", "outer-inner-queue"))
    assert (
        queue.urn
        == "urn:pulumi:dev::components::test:index:Outer$test:index:Inner$aws:sqs/queue:Queue::outer-inner-queue"
    )
    assert (outer.parent, inner.parent, queue.parent) == (STACK.format("components"), outer.urn, inner.urn)
    assert outer.outputs == {"queue": "hybridml-unknown-outer-inner-queue"}
    assert inner.outputs["token"] == Secret("t0ken-value")
    assert outer.inputs == {"size": 2}
    assert queue.source is not None
    assert (queue.source.file, queue.source.line) == ("__main__.py", 14)


def test_options_are_recorded(planned: Planned, named: Named) -> None:
    """Dependencies on a component are its children; hooks, timeouts and the rest are in the options; no hook runs."""
    made = planned("components")

    last = named(made, "last")
    assert last.dependencies == (named(made, "outer-inner-queue").urn,)
    assert last.id == "q-1"
    shown: dict[str, Any] = last.to_json()["options"]
    shown.pop("version")
    assert shown == {
        "customTimeouts": {"create": "5m"},
        "deleteBeforeReplace": False,
        "hooks": {"after_create": ["watch"]},
        "importId": "q-1",
        "replaceOnChanges": ["name"],
        "retainOnDelete": True,
    }


def test_results_of_methods_that_are_not_all_text_are_unknown(planned: Planned, named: Named) -> None:
    """A method's result with a number in it is unknown as a whole."""
    assert named(planned("methods"), "token").inputs["name"] is UNKNOWN


def test_two_plans_are_the_same_bytes(planned: Planned) -> None:
    """Planning is deterministic."""
    for name in ("applies", "components", "invokes", "transforms"):
        assert planned(name).dumps() == planned(name).dumps()
