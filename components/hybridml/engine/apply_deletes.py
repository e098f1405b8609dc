"""Deletes what nobody asks for any more: dependents first, everything independent at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from hybridml.engine.apply_gate import Gate
from hybridml.engine.apply_providers import is_default
from hybridml.engine.apply_steps import Steps
from hybridml.engine.state import ResourceState
from hybridml.errors import HybridMLError, StateError

_PARALLEL = 64
"""Deletes under way at once."""


def finish_creations(steps: Steps, unwanted: Collection[str]) -> None:
    """Complete what a killed run had begun to create and nobody asks for: only then can it be deleted.

    `unwanted` are the URNs that count.
    """
    for key, pending in steps.ledger.pending.items():
        if pending.resource.urn in unwanted:
            steps.resume(key, pending)


def delete(steps: Steps, keys: Collection[int], gate: Gate) -> None:
    """Delete these entries until the gate closes on an interruption. A failed delete keeps what that entry needs; all
    failures go to the gate.
    """
    entries = {key: entry for key, entry in steps.ledger.entries.items() if key in keys}
    holders = _holders(entries)
    gone: set[int] = set()
    failures: list[HybridMLError] = []
    under_way: dict[Future[None], int] = {}
    with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="delete") as pool:
        waiting = dict(entries)
        while True:
            ready = [] if gate.closed else [key for key in waiting if holders[key] <= gone]
            for key in ready:
                entry = waiting.pop(key)
                with_holder = _goes_with(entry, entries)
                under_way[pool.submit(_delete, steps, key, entry, with_holder)] = key
            if not under_way:
                gate.failures.extend(failures)
                if waiting and not failures and not gate.closed:
                    names = ", ".join(sorted(entry.urn for entry in waiting.values()))
                    gate.failures.append(
                        StateError(f"The state is damaged: these need each other in a circle: {names}")
                    )
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                key = under_way.pop(future)
                error = future.exception()
                if error is None:
                    gone.add(key)
                elif isinstance(error, HybridMLError):
                    failures.append(error)
                else:
                    raise error


def _delete(steps: Steps, key: int, entry: ResourceState, with_holder: bool) -> None:
    if with_holder:
        steps.ledger.drop(key)
    else:
        steps.delete(key, entry)
    if not is_default(entry.urn):
        steps.journalist.count(entry.urn, "delete", before=entry)


def _holders(entries: Mapping[int, ResourceState]) -> dict[int, set[int]]:
    """To each entry those that must be deleted before it: whatever needs its URN."""
    by_urn: dict[str, list[int]] = {}
    for key, entry in entries.items():
        by_urn.setdefault(entry.urn, []).append(key)
    holders: dict[int, set[int]] = {key: set() for key in entries}
    for key, entry in entries.items():
        for urn in entry.needs:
            for needed in by_urn.get(urn, ()):
                holders[needed].add(key)
    return holders


def _goes_with(entry: ResourceState, entries: Mapping[int, ResourceState]) -> bool:
    """Whether the resource that takes this one with it (`deleted_with`) is deleted too."""
    return bool(entry.deleted_with) and any(other.urn == entry.deleted_with for other in entries.values())
