"""Reads every resource from its provider and records what is there: drift becomes what the state knows.

Reading changes nothing in the world. What was found is recorded afterwards, one line of the journal for each entry, so
that a run killed at any point has recorded some of it and the next one records the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from hybridml.engine import state
from hybridml.engine.apply_events import Change
from hybridml.engine.apply_gate import Gate
from hybridml.engine.apply_providers import is_provider
from hybridml.engine.apply_steps import Steps
from hybridml.engine.apply_targets import Selection
from hybridml.engine.journal import in_order
from hybridml.engine.state import ResourceState, State
from hybridml.errors import HybridMLError

_PARALLEL: Final = 32
"""Reads under way at once."""
_Found: TypeAlias = tuple[int, ResourceState, ResourceState | None]
"""An entry's key, what was recorded, and what is there; None when it is gone."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh found."""

    found: Sequence[_Found]

    @property
    def changes(self) -> Mapping[str, Change]:
        """What became of each URN."""
        return {before.urn: _change(before, after) for _, before, after in self.found}

    def applied_to(self, entries: Mapping[int, ResourceState]) -> State:
        """What the stack holds, each entry as it was found."""
        truth = {key: after for key, _, after in self.found}
        there = {key: found for key, entry in entries.items() if (found := truth.get(key, entry)) is not None}
        return State(resources=tuple(in_order(there)))


def refresh_entries(steps: Steps, selection: Selection, gate: Gate, *, record: bool) -> Refreshed:
    """Read what `selection` covers, tell its drift, and record it where `record` says so.

    All failures go to the gate; what could be read is recorded all the same. An entry on which a killed run left an
    operation pending stays as it is: only the run that finishes it knows what to expect.
    """
    entries = {k: e for k, e in steps.ledger.entries.items() if _is_readable(e) and selection.covers(e.urn)}
    for key, pending in steps.ledger.pending.items():
        if entries.pop(key, None) is not None:
            urn, operation = pending.resource.urn, pending.operation
            steps.journalist.note(f"{urn} is not read: `up` first ends the {operation} that a killed run began")
    found = list(_read(steps, entries, gate))
    if record:
        _record(steps, found)
    return Refreshed(found)


def _is_readable(entry: ResourceState) -> bool:
    return entry.custom and not is_provider(entry.type)


def _read(steps: Steps, entries: Mapping[int, ResourceState], gate: Gate) -> Iterable[_Found]:
    def look(item: tuple[int, ResourceState]) -> _Found | None:
        key, entry = item
        if gate.closed:
            return None
        try:
            with steps.journalist.step(entry.urn, "read", before=entry):
                return key, entry, steps.look(entry, judged=not entry.delete)
        except HybridMLError as error:
            gate.failures.append(error)
            return None

    with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="refresh") as pool:
        yield from filter(None, pool.map(look, entries.items()))


def _record(steps: Steps, found: Iterable[_Found]) -> None:
    """What is gone comes last: from then on nothing may name it."""
    for key, before, after in sorted(found, key=lambda each: each[2] is None):
        if after is None:
            steps.ledger.forget(key)
        elif after != before:
            steps.ledger.put(key, replace(after, modified=state.now()))


def _change(before: ResourceState, after: ResourceState | None) -> Change:
    return "delete" if after is None else "same" if after == before else "update"
