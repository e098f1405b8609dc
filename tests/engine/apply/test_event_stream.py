"""What a run says becomes Pulumi's engine events."""

from __future__ import annotations

from typing import Any

import pytest
from hybridml.engine.apply_events import Completed, Drifted, Event, Note, Settled, StepFinished, StepStarted, Waiting
from hybridml.engine.drift import Difference, Drift
from hybridml.engine.event_stream import EventStream
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Secret

URN = "urn:pulumi:one::shop::a:b:C::it"


def state(**more: Any) -> ResourceState:
    """A resource as it is recorded."""
    return ResourceState(**{"urn": URN, "type": "a:b:C", "custom": True, "id": "1", **more})


def told(*events: Event, reading: bool = False) -> list[dict[str, Any]]:
    """The engine events of a run that says these."""
    found: list[dict[str, Any]] = []
    stream = EventStream(found.append, now=lambda: 1000.5, reading=reading)
    for event in events:
        stream.listen(event)
    stream.end("succeeded")
    assert [each["sequence"] for each in found] == list(range(len(found)))
    return [{key: value for key, value in each.items() if key not in ("sequence", "timestamp")} for each in found]


def operations(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Kind and operation of each event that is about a step."""
    return [
        (kind, content["metadata"]["op"]) for each in events for kind, content in each.items() if "metadata" in content
    ]


def test_a_replacement_is_a_creation_and_a_deletion() -> None:
    """The new one names the properties that replace, the old one is told apart; the summary counts one replacement."""
    old, new = state(delete=True), state(id="2")
    difference = Difference(path="name", before="a", after="b")
    events = told(
        StepStarted(urn=URN, operation="create", reasons=("name",), properties=(difference,), after=new),
        StepFinished(urn=URN, operation="create", seconds=1),
        Settled(urn=URN, change="replace", before=old, after=new),
        StepStarted(urn=URN, operation="delete", before=old),
        StepFinished(urn=URN, operation="delete", seconds=1),
        Settled(urn=URN, change="delete", before=old),
    )

    assert operations(events) == [
        ("resourcePreEvent", "create-replacement"),
        ("resOutputsEvent", "create-replacement"),
        ("resourcePreEvent", "delete-replaced"),
        ("resOutputsEvent", "delete-replaced"),
    ]
    begun = events[0]["resourcePreEvent"]["metadata"]
    assert (begun["keys"], begun["detailedDiff"]) == (
        ["name"],
        {"name": {"diffKind": "update-replace", "inputDiff": True}},
    )
    assert events[-2]["summaryEvent"]["resourceChanges"] == {"replace": 1}


def test_reads_are_told_where_they_are_what_is_asked_for() -> None:
    """A refresh tells every read, with what differs, and what is gone as a deletion; another run tells none."""
    read = (
        StepStarted(urn=URN, operation="read", before=state()),
        Drifted(drift=Drift(urn=URN, properties=(Difference(path="size", before=1, after=None),))),
        StepFinished(urn=URN, operation="read", seconds=1),
    )
    gone = (read[0], Drifted(drift=Drift(urn=URN, gone=True)), read[2])

    assert operations(told(*read)) == []
    events = told(*read, reading=True)
    assert operations(events) == [("resourcePreEvent", "refresh"), ("resOutputsEvent", "refresh")]
    assert events[2]["resOutputsEvent"]["metadata"]["detailedDiff"] == {
        "size": {"diffKind": "delete", "inputDiff": False}
    }
    assert operations(told(*gone, reading=True))[-1] == ("resOutputsEvent", "delete")


def test_a_component_is_logical_and_has_outputs_when_it_says_them() -> None:
    """What no provider makes begins with its registration; its outputs come when they are registered."""
    component = state(custom=False, id="")
    begun = told(Settled(urn=URN, change="create", after=component))
    finished = told(
        Settled(urn=URN, change="create", after=component), Completed(state=state(custom=False, outputs={"a": 1}))
    )

    assert operations(begun) == [("resourcePreEvent", "create")]
    assert operations(finished) == [("resourcePreEvent", "create"), ("resOutputsEvent", "create")]
    assert finished[1]["resOutputsEvent"]["metadata"]["new"]["outputs"] == {"a": 1}
    assert finished[0]["resourcePreEvent"]["metadata"]["logical"] is True


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Note(text="taken over"), {"message": "taken over\n", "severity": "info"}),
        (
            Waiting(steps=((URN, "create", 7.4),)),
            {"message": f"waiting for {URN} (create, 7 s)\n", "severity": "info", "ephemeral": True},
        ),
        (Drifted(drift=Drift(urn=URN, gone=True)), {"urn": URN, "message": f"{URN} is gone\n", "severity": "info"}),
    ],
)
def test_whatever_else_is_said_is_a_diagnosis(event: Event, said: dict[str, Any]) -> None:
    """Notes, waiting and drift are messages."""
    assert told(event)[0]["diagnosticEvent"] == {"color": "never", **said}


def test_secrets_stay_secret() -> None:
    """Of inputs, outputs and differences, whatever is marked is only called a secret."""
    hidden = Secret("pl4nted")
    difference = Difference(path="token", before=hidden, after=Secret("other"))
    known = state(inputs={"token": hidden}, outputs={"deep": [{"token": hidden}]})
    events = told(
        StepStarted(urn=URN, operation="update", properties=(difference,), before=known, after=known),
        Drifted(drift=Drift(urn=URN, properties=(difference,))),
        Settled(urn=URN, change="update", before=known, after=known),
    )

    assert "pl4nted" not in str(events)
    assert events[-3]["resOutputsEvent"]["metadata"]["new"]["outputs"] == {"deep": [{"token": "[secret]"}]}


def test_a_step_that_fails_is_told_with_its_reason() -> None:
    """The message comes first, then the step; nothing is told to have come of it."""
    events = told(
        StepStarted(urn=URN, operation="create", after=state()),
        StepFinished(urn=URN, operation="create", seconds=1, error="no room"),
    )

    assert list(events[1]) == ["diagnosticEvent"]
    assert operations(events) == [("resourcePreEvent", "create"), ("resOpFailedEvent", "create")]
