"""What must go before a resource that is deleted first can be replaced."""

from __future__ import annotations

from collections.abc import Mapping

from hybridml.engine.apply_providers import is_provider
from hybridml.engine.apply_steps import Steps
from hybridml.engine.journal import in_order
from hybridml.engine.state import ResourceState
from hybridml.engine.values import UNKNOWN


def dependents_to_replace(root: ResourceState, steps: Steps) -> list[tuple[int, ResourceState]]:
    """The living resources that must be deleted before `root` is, and created after it; last dependents first.

    As Pulumi does, a dependent is among them when its provider says that not knowing what it gets from the replaced
    ones replaces it; one that can be updated afterwards stays.
    """
    entries = {k: e for k, e in steps.ledger.entries.items() if not e.delete}
    keys = {entry.urn: key for key, entry in entries.items()}
    replaced = {root.urn}
    found: list[tuple[int, ResourceState]] = []
    for entry in in_order(entries):
        if entry.urn != root.urn and _falls(entry, replaced, steps):
            replaced.add(entry.urn)
            found.append((keys[entry.urn], entry))
    return found[::-1]


def _falls(entry: ResourceState, replaced: set[str], steps: Steps) -> bool:
    if not entry.custom or entry.external or is_provider(entry.type):
        return False
    if entry.provider.rpartition("::")[0] in replaced:
        return True
    touched = _touched(entry.property_dependencies, replaced)
    if not touched:
        return False
    unknown = {key: UNKNOWN if key in touched else value for key, value in entry.inputs.items()}
    return bool(steps.diff(entry, unknown, ignore=()).replaces)


def _touched(dependencies: Mapping[str, tuple[str, ...]], replaced: set[str]) -> set[str]:
    return {key for key, urns in dependencies.items() if replaced.intersection(urns)}
