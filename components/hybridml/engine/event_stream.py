"""What a run does, event by event, in the shape of Pulumi's engine events.

Whoever reads Pulumi's event log reads this one. Source of the shape: Pulumi's `sdk/go/common/apitype/events.go`; the
summary's `result` is as Pulumi 3.260 writes it, with `interrupted` besides. A stream always ends with a summary and
then a cancel event, whatever becomes of the run, unless the process itself is killed. Secrets are `[secret]`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from hybridml.engine.apply_events import (
    Change,
    Completed,
    Drifted,
    Event,
    Note,
    Settled,
    StepFinished,
    StepStarted,
    Waiting,
)
from hybridml.engine.drift import Difference, Drift
from hybridml.engine.state import ResourceState
from hybridml.engine.values import to_json

Json: TypeAlias = dict[str, Any]
Result = Literal["succeeded", "failed", "interrupted"]


class EventStream:
    """Turns what a run says into engine events, numbered and dated."""

    def __init__(self, emit: Callable[[Json], None], *, now: Callable[[], float], reading: bool = False) -> None:
        """`emit` is given each event, one at a time. `reading`: the run's reads are what it is about (refresh)."""
        self._emit, self._now, self._reading = emit, now, reading
        self._began = now()
        self._sequence = 0
        self._open: dict[str, Json] = {}
        """By URN, the metadata of a step whose outcome has not been told."""
        self._told: set[str] = set()
        """Components whose outputs may still come, and what a step has already told to be gone."""
        self._operations: dict[str, str] = {}
        self._changes: dict[str, Change] = {}
        self._drift: dict[str, Drift] = {}

    def begin(self, config: Mapping[str, str]) -> None:
        """The run begins, with this configuration; secrets are left out before."""
        self._say("preludeEvent", {"config": dict(config)})

    def listen(self, event: Event) -> None:
        """What the run says."""
        if isinstance(event, StepStarted):
            self._started(event)
        elif isinstance(event, StepFinished):
            self._finished(event)
        elif isinstance(event, Settled):
            self._settled(event)
        elif isinstance(event, Completed):
            operation = self._operations.get(event.state.urn, "same")
            self._outcome(_metadata(operation, event.state.urn, None, event.state))
        else:
            self._remark(event)

    def follow(self, sequence: object) -> None:
        """Another engine said the event of this number; ours come after it."""
        if isinstance(sequence, int):
            self._sequence = max(self._sequence, sequence + 1)

    def end(self, result: Result, message: str = "") -> None:
        """The run is over. `message` says why where it failed."""
        if message:
            self._diagnose(message, severity="error")
        counted = Counter(self._changes.values())
        summary = {
            "maybeCorrupt": False,
            "durationSeconds": int(self._now() - self._began),
            "resourceChanges": dict(sorted(counted.items())),
            "PolicyPacks": {},
            "isPreview": False,
            "result": result,
        }
        self._say("summaryEvent", summary)
        self._say("cancelEvent", {})

    def _started(self, event: StepStarted) -> None:
        operation = self._operation(event)
        if operation:
            metadata = _metadata(operation, event.urn, event.before, event.after)
            replaced = operation == "create-replacement"
            metadata["keys" if replaced else "diffs"] = list(event.reasons)
            metadata["detailedDiff"] = _detailed(event.properties, replaces=event.reasons if replaced else ())
            self._open[event.urn] = metadata
            self._say("resourcePreEvent", {"metadata": metadata})

    def _operation(self, event: StepStarted) -> str:
        """Pulumi's word for a step; empty for one that only prepares others."""
        if event.operation == "read":
            return "refresh" if self._reading else ""
        if event.operation == "create":
            return "create-replacement" if event.reasons else "create"
        if event.operation == "delete":
            return "delete-replaced" if event.before is not None and event.before.delete else "delete"
        return event.operation if event.operation == "update" else ""

    def _finished(self, event: StepFinished) -> None:
        metadata = self._open.get(event.urn)
        if event.error:
            self._diagnose(event.error, severity="error", urn=event.urn)
            if self._open.pop(event.urn, None):
                self._say("resOpFailedEvent", {"metadata": metadata, "status": 0, "steps": 0})
        elif metadata and event.operation in ("delete", "read"):
            del self._open[event.urn]
            self._told.add(event.urn)
            self._outcome(metadata | _found(self._drift.get(event.urn)))

    def _settled(self, event: Settled) -> None:
        if self._changes.get(event.urn, "same") == "same":
            self._changes[event.urn] = event.change
        known = event.after or event.before
        if known is None or (event.change == "delete" and event.urn in self._told):
            return
        metadata = self._open.pop(event.urn, None)
        if metadata is None:
            metadata = _metadata(event.change, event.urn, event.before, event.after)
            self._say("resourcePreEvent", {"metadata": metadata})
        self._operations[event.urn] = metadata["op"]
        if known.custom or event.change == "delete":
            self._outcome(metadata | {"new": _state(event.after)})

    def _remark(self, event: Waiting | Drifted | Note) -> None:
        if isinstance(event, Note):
            self._diagnose(event.text)
        elif isinstance(event, Waiting):
            steps = ", ".join(f"{urn} ({operation}, {seconds:.0f} s)" for urn, operation, seconds in event.steps)
            self._diagnose(f"waiting for {steps}", ephemeral=True)
        else:
            drift = event.drift
            self._drift[drift.urn] = drift
            said = "is gone" if drift.gone else f"is not as recorded: {'; '.join(map(str, drift.properties))}"
            self._diagnose(f"{drift.urn} {said}", urn=drift.urn)

    def _outcome(self, metadata: Json) -> None:
        self._say("resOutputsEvent", {"metadata": metadata})

    def _diagnose(self, message: str, *, severity: str = "info", urn: str = "", ephemeral: bool = False) -> None:
        said: Json = {"urn": urn} if urn else {}
        said |= {"message": f"{message}\n", "color": "never", "severity": severity}
        self._say("diagnosticEvent", said | ({"ephemeral": True} if ephemeral else {}))

    def _say(self, kind: str, content: Json) -> None:
        event = {"sequence": self._sequence, "timestamp": int(self._now()), kind: content}
        self._sequence += 1
        self._emit(event)


def _metadata(operation: str, urn: str, before: ResourceState | None, after: ResourceState | None) -> Json:
    known = after or before
    said = {
        "op": operation,
        "urn": urn,
        "type": known.type if known else urn.split("::")[2].rpartition("$")[2],
        "old": _state(before),
        "new": _state(after),
        "detailedDiff": None,
        "provider": known.provider if known else "",
    }
    return said | ({"logical": True} if known is not None and not known.custom else {})


def _state(known: ResourceState | None) -> Json | None:
    if known is None:
        return None
    flags = {
        "custom": known.custom,
        "delete": known.delete,
        "protect": known.protect,
        "retainOnDelete": known.retain_on_delete,
        "initErrors": list(known.init_errors),
    }
    said = {
        "type": known.type,
        "urn": known.urn,
        "id": known.id,
        "parent": known.parent,
        "inputs": to_json(known.inputs),
        "outputs": to_json(known.outputs),
        "provider": known.provider,
    }
    return said | {name: value for name, value in flags.items() if value}


def _found(drift: Drift | None) -> Json:
    """What a read adds to its step: nothing where all is as recorded."""
    if drift is None:
        return {}
    paths = [difference.path for difference in drift.properties]
    said: Json = {"diffs": paths, "detailedDiff": _detailed(drift.properties, inputs=False)}
    return said | ({"op": "delete", "new": None} if drift.gone else {})


def _detailed(
    properties: tuple[Difference, ...], *, replaces: tuple[str, ...] = (), inputs: bool = True
) -> Json | None:
    found = {}
    for each in properties:
        kind = "add" if each.before is None else "delete" if each.after is None else "update"
        replacing = any(each.path == path or each.path.startswith((f"{path}.", f"{path}[")) for path in replaces)
        found[each.path] = {"diffKind": f"{kind}-replace" if replacing else kind, "inputDiff": inputs}
    return found or None
