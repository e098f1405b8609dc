"""What a targeted run may touch, decided before anything is changed; the rest of the stack stays as it is recorded.

As Pulumi does (pkg/resource/deploy/step_generator.go): providers and the stack itself are always part of a run. What a
targeted resource needs and does not exist yet must be targeted too, and so must what needs a resource that goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hybridml.engine.aliases import STACK_TYPE
from hybridml.engine.apply_providers import is_default, is_provider
from hybridml.engine.journal import Ledger
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.selection import OPTION, Targets, with_dependents
from hybridml.engine.state import ResourceState
from hybridml.errors import ConfigurationError, Problem


@dataclass(frozen=True, slots=True)
class Selection:
    """The URNs that a run may touch; None for all."""

    chosen: frozenset[str] | None = None

    @property
    def restricted(self) -> bool:
        """Whether anything is left out."""
        return self.chosen is not None

    def covers(self, urn: str, type_: str = "") -> bool:
        """Whether the run may touch `urn`, a resource of `type_`."""
        return self.chosen is None or urn in self.chosen or is_provider(type_) or type_ == STACK_TYPE


EVERY: Final = Selection()
"""A run that nothing restricts."""


def of_update(plan: Plan, ledger: Ledger, targets: Targets) -> Selection:
    """What an `up` restricted to `targets` may touch.

    Errors: `ConfigurationError` for a target that nobody knows, and naming whatever else would have to be targeted.
    """
    if not targets:
        return EVERY
    entries = list(ledger.entries.values())
    begun = {pending.resource.urn for pending in ledger.pending.values()}
    recorded = frozenset({entry.urn for entry in entries} | begun)
    present = {alias: r.urn for r in plan.resources for alias in (*r.options.aliases, r.urn)}
    named = targets.among({*plan.by_urn, *recorded})
    chosen = named | {present[urn] for urn in named if urn in present}
    if targets.dependents:
        needs = {entry.urn: entry.refers_to for entry in entries} | {r.urn: _needs(r) for r in plan.resources}
        chosen = with_dependents(chosen, needs)
    selection = Selection(chosen)
    _refuse([*_missing(plan, recorded, selection), *_held(_unasked(entries, present, selection), entries, selection)])
    return selection


def of_state(ledger: Ledger, targets: Targets) -> Selection:
    """What a run without a program, restricted to `targets`, may touch. Errors: `ConfigurationError`."""
    if not targets:
        return EVERY
    entries = list(ledger.entries.values())
    pending = [pending.resource for pending in ledger.pending.values()]
    chosen = targets.among({entry.urn for entry in (*entries, *pending)})
    if targets.dependents:
        chosen = with_dependents(chosen, {entry.urn: entry.refers_to for entry in (*entries, *pending)})
    return Selection(chosen)


def refuse_to_strand(ledger: Ledger, selection: Selection) -> None:
    """Errors: `ConfigurationError` naming what needs a resource that a `destroy` is to delete, and is not targeted."""
    entries = list(ledger.entries.values())
    doomed = {entry.urn for entry in entries if selection.covers(entry.urn)}
    _refuse(_held(doomed, entries, Selection(frozenset(doomed))))


def _needs(resource: PlannedResource) -> frozenset[str]:
    options = resource.options
    by_property = (urn for urns in resource.property_dependencies.values() for urn in urns)
    provider = resource.provider.rpartition("::")[0]
    found = {resource.parent, provider, *resource.dependencies, *by_property, options.deleted_with}
    return frozenset(found - {"", resource.urn})


def _missing(plan: Plan, recorded: frozenset[str], selection: Selection) -> Iterator[Problem]:
    """What a targeted resource needs that neither exists nor is to be created."""
    absent = {
        r.urn
        for r in plan.resources
        if not selection.covers(r.urn, r.type) and not r.external and recorded.isdisjoint((r.urn, *r.options.aliases))
    }
    for resource in plan.resources:
        if selection.covers(resource.urn, resource.type):
            for urn in sorted(_needs(resource) & absent):
                message = f"{resource.urn} needs {urn}, which does not exist yet and is not targeted"
                yield Problem(path=OPTION, message=message, fix=f"add {OPTION} '{urn}'")


def _unasked(entries: Iterable[ResourceState], present: Mapping[str, str], selection: Selection) -> set[str]:
    """The targeted resources that the program does not ask for any more, and that will be deleted."""
    found = (e for e in entries if not e.delete and e.urn not in present and not is_default(e.urn))
    return {entry.urn for entry in found if entry.type != STACK_TYPE and selection.covers(entry.urn)}


def _held(doomed: Collection[str], entries: Iterable[ResourceState], selection: Selection) -> Iterator[Problem]:
    """What needs a resource that goes, and neither goes with it nor is brought up to date."""
    for entry in entries:
        if not selection.covers(entry.urn) and not entry.delete:
            for urn in sorted(entry.needs.intersection(doomed)):
                message = f"{urn} would be deleted, and {entry.urn}, which is not targeted, needs it"
                yield Problem(path=OPTION, message=message, fix=f"add {OPTION}-dependents")


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise ConfigurationError(found)
