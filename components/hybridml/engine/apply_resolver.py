"""Answers a running program by making true what it asks for: the resolver of `up`."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace

from hybridml.engine.apply_events import COMPARE, Change, Completed
from hybridml.engine.apply_expected import INSTALL, Expected
from hybridml.engine.apply_gate import Gate
from hybridml.engine.apply_options import changed_paths, seconds, touched, without_ignored
from hybridml.engine.apply_providers import Providers, is_provider
from hybridml.engine.apply_replace import dependents_to_replace
from hybridml.engine.apply_steps import SEED_BYTES, Steps, hidden
from hybridml.engine.apply_targets import EVERY, Selection
from hybridml.engine.drift import Difference, differences
from hybridml.engine.journal import Ledger
from hybridml.engine.monitor import Invocation, Outcome, Read, Registration
from hybridml.engine.plugin_client import Verdict
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Properties, contains_unknown
from hybridml.errors import Refused, ResourceError


@dataclass(kw_only=True)
class ApplyResolver:
    """Creates, updates or replaces each resource while its registration waits. Deletes nothing that nobody replaces."""

    steps: Steps
    providers: Providers
    expected: Expected
    """What the plan knew of this run."""
    gate: Gate
    selection: Selection = EVERY
    """What this run may touch; everything else stays as it is recorded."""
    blocking: bool = True
    outputs: Properties | None = None
    """What the stack exports; None until the program has said it."""
    seen: set[str] = field(default_factory=set)
    """URNs that the program asked for in this run."""
    _deleted_first: set[str] = field(default_factory=set)
    _locks: dict[str, threading.RLock] = field(default_factory=dict)
    _recorded_as: dict[str, str] = field(default_factory=dict)
    """URNs of resources that were passed over and are recorded under another one, which an alias names."""

    def register(self, registration: Registration) -> Outcome:
        """Make `registration` true. Errors: `HybridMLError`, after which nothing new is begun."""
        comparing = self.steps.journalist.under_way(registration.urn, COMPARE)
        with self.gate.request(), self._lock(registration.urn), comparing:
            self.expected.meet(registration)
            self.seen.add(registration.urn)
            if not self.selection.covers(registration.urn, registration.type):
                return self._pass_over(registration)
            found = self._adopt(registration)
            if not registration.custom:
                return self._component(registration, found)
            if is_provider(registration.type):
                return _outcome(self.providers.register(registration, found))
            return _outcome(self._resource(registration, found))

    def read(self, read: Read) -> Outcome:
        """Look up what exists outside the stack, and record that the stack uses it."""
        with self.gate.request():
            if self.selection.restricted and contains_unknown([read.id, read.inputs]):
                return Outcome(skipped=True)
            asked = ResourceState(
                urn=read.urn,
                type=read.type,
                custom=True,
                external=True,
                id=read.id,
                inputs=read.inputs,
                outputs=read.inputs,
                parent=read.parent,
                dependencies=read.dependencies,
                provider=self._reference(read.urn, read.type, read.options.version, read.provider),
            )
            made = self.providers.serving(asked).read(asked)
            if not made.id:
                raise ResourceError(f"{read.urn}: there is no {read.type} with the id {read.id!r}")
            self.seen.add(read.urn)
            found = self._ledger.find([read.urn])
            known = replace(asked, outputs=made.outputs)
            self._ledger.put(found[0] if found else self._ledger.new_key(), known)
            self.steps.journalist.count(read.urn, "same", after=known)
            return Outcome(id=made.id, outputs=made.outputs)

    def invoke(self, invocation: Invocation) -> Properties | None:
        """Call a function of a plugin. Errors: `Refused` for a method of a resource."""
        with self.gate.request():
            if invocation.method:
                raise Refused(f"{invocation.token} is a resource's method, which this engine does not call. {INSTALL}")
            if self.selection.restricted and contains_unknown(invocation.args):
                return None
            if not self.providers.serves(invocation.token):
                raise Refused(f"{invocation.token} is a function that no plugin on this machine serves. {INSTALL}")
            return self.providers.named(invocation.provider, invocation.token).invoke(invocation.token, invocation.args)

    def finish(self, urn: str, outputs: Properties) -> None:
        """Record the outputs of a component, or of the stack."""
        with self.gate.request():
            found = self._ledger.find([urn])
            if found is not None and self.selection.covers(urn, found[1].type):
                outputs = self._known_outputs(outputs, found[1].outputs)
                finished = replace(found[1], outputs=outputs)
                self._ledger.put(found[0], finished)
                self.steps.journalist.say(Completed(state=finished))
                if not found[1].parent:
                    self.outputs = outputs

    def _known_outputs(self, outputs: Properties, recorded: Properties) -> Properties:
        """`outputs`; those that only a resource could say that this run passes over stay as they were recorded."""
        if not self.selection.restricted:
            return outputs
        known = {key: value for key, value in outputs.items() if not contains_unknown(value)}
        return {key: known.get(key, recorded.get(key)) for key in outputs if key in known or key in recorded}

    def _pass_over(self, registration: Registration) -> Outcome:
        """The answer for what this run may not touch: what is recorded, or nothing at all."""
        found = self._ledger.find((registration.urn, *registration.options.aliases))
        if found is None:
            return Outcome(skipped=True)
        known = found[1]
        if known.urn != registration.urn:
            self._recorded_as[registration.urn] = known.urn
            self.seen.add(known.urn)
        self.steps.journalist.count(known.urn, "same", before=known, after=known)
        return _outcome(known)

    def _met(self, wanted: ResourceState) -> ResourceState:
        """`wanted`, naming others as they are recorded. Errors: `ResourceError` when it needs what was passed over."""
        if not self.selection.restricted:
            return wanted
        for new, recorded in self._recorded_as.items():
            if new in wanted.refers_to:
                wanted = wanted.renamed(new, recorded)
        absent = sorted(urn for urn in wanted.needs if self._ledger.find([urn]) is None)
        if absent or contains_unknown(wanted.inputs):
            needed = ", ".join(absent) or "outputs that nobody knows yet"
            raise ResourceError(f"{wanted.urn} needs {needed}, and what would make it is not targeted; target it too")
        return wanted

    @property
    def _ledger(self) -> Ledger:
        return self.steps.ledger

    def _lock(self, urn: str) -> threading.RLock:
        return self._locks.setdefault(urn, threading.RLock())

    def _reference(self, urn: str, token: str, version: str, given: str) -> str:
        return self.providers.reference(urn, token, version, given)

    def _adopt(self, registration: Registration) -> tuple[int, ResourceState] | None:
        """The entry of this resource, after what a killed run left of it; under its new URN where it had another."""
        urns = (registration.urn, *registration.options.aliases)
        self.steps.recover(urns)
        found = self._ledger.find(urns)
        if found is None or found[1].urn == registration.urn:
            return found
        key, known = found
        renamed = replace(known, urn=registration.urn, type=registration.type, parent=registration.parent)
        self._ledger.put(key, renamed)
        return key, renamed

    def _component(self, registration: Registration, found: tuple[int, ResourceState] | None) -> Outcome:
        wanted = self._met(_wanted(registration, provider=""))
        known = found[1] if found else None
        kept = replace(wanted, outputs=known.outputs if known else {})
        self._ledger.put(found[0] if found else self._ledger.new_key(), kept)
        change: Change = "create" if known is None else "update" if changed_paths(known.inputs, kept.inputs) else "same"
        self.steps.journalist.count(registration.urn, change, before=known, after=kept)
        return Outcome()

    def _resource(self, registration: Registration, found: tuple[int, ResourceState] | None) -> ResourceState:
        options = registration.options
        reference = self._reference(registration.urn, registration.type, options.version, registration.provider)
        wanted = self._met(_wanted(registration, provider=reference))
        if found is not None:
            known = self.steps.read(found[0], replace(found[1], provider=reference))
            if known is not None:
                return self._compare(registration, found[0], known, wanted)
        elif options.import_id:
            return self._import(registration, wanted)
        change: Change = "replace" if registration.urn in self._deleted_first else "create"
        created = self.steps.create(wanted)
        self.steps.journalist.count(registration.urn, change, after=created)
        return created

    def _import(self, registration: Registration, wanted: ResourceState) -> ResourceState:
        """Take over what exists under the id that the program gives."""
        asked = replace(wanted, id=registration.options.import_id, inputs={}, outputs={})
        made = self.providers.serving(asked).read(asked)
        if not made.id:
            raise ResourceError(f"{wanted.urn}: there is nothing to import under the id {asked.id!r}")
        known = replace(asked, id=made.id, inputs=made.inputs or wanted.inputs, outputs=hidden(made.outputs, wanted))
        key = self._ledger.new_key()
        self._ledger.put(key, known)
        return self._compare(registration, key, known, wanted)

    def _compare(
        self, registration: Registration, key: int, known: ResourceState, wanted: ResourceState
    ) -> ResourceState:
        """Nothing, an update in place, or a replacement: as the provider says."""
        options = registration.options
        asked = replace(wanted, inputs=without_ignored(wanted.inputs, known.inputs, options.ignore_changes))
        seed = os.urandom(SEED_BYTES)
        inputs = self.providers.serving(wanted).check(asked, known.inputs, seed=seed)
        verdict = self.steps.diff(known, inputs, ignore=options.ignore_changes)
        changes = verdict.changes or changed_paths(known.inputs, inputs)
        properties = tuple(differences(known.inputs, inputs))
        if verdict.replaces or touched(changes, options.replace_on_changes):
            return self._replace(registration, (key, known), asked, verdict, properties)
        new = replace(asked, inputs=inputs)
        if verdict.changed or known.init_errors:
            why = (changes, properties)
            updated = self.steps.update(key, known, new, ignore=options.ignore_changes, why=why)
            self.steps.journalist.count(registration.urn, "update", before=known, after=updated)
            return updated
        return self._keep(key, known, new)

    def _keep(self, key: int, known: ResourceState, new: ResourceState) -> ResourceState:
        kept = replace(new, id=known.id, outputs=known.outputs, created=known.created, modified=known.modified)
        self._ledger.put(key, kept)
        self.steps.journalist.count(new.urn, "same", before=known, after=kept)
        return kept

    def _replace(
        self,
        registration: Registration,
        found: tuple[int, ResourceState],
        wanted: ResourceState,
        verdict: Verdict,
        properties: tuple[Difference, ...],
    ) -> ResourceState:
        key, known = found
        if known.protect:
            raise protected([known], "replaced")
        said = registration.options.delete_before_replace
        if verdict.delete_first if said is None else said:
            self._delete_first(key, known)
        created = self.steps.create(wanted, why=(verdict.replaces, properties))
        self.steps.journalist.count(registration.urn, "replace", before=known, after=created)
        return created

    def _delete_first(self, key: int, known: ResourceState) -> None:
        """Delete a resource, and before it those that cannot outlive it; the program asks for them later."""
        falling = dependents_to_replace(known, self.steps)
        kept = [entry for _, entry in falling if entry.protect]
        if kept:
            raise protected(kept, "replaced")
        others = [entry.urn for _, entry in falling if not self.selection.covers(entry.urn)]
        if others:
            names = ", ".join(others)
            raise ResourceError(f"{known.urn} cannot be replaced without {names}, not targeted; target it too")
        for dependent_key, dependent in falling:
            with self._lock(dependent.urn):
                if dependent.urn not in self.seen:
                    self.steps.delete(dependent_key, dependent)
                    self._deleted_first.add(dependent.urn)
        self.steps.delete(key, known)


def protected(entries: list[ResourceState], verb: str) -> ResourceError:
    """The error that names every protected resource that would have to go."""
    names = "\n".join(f"  {entry.urn}" for entry in entries)
    return ResourceError(
        f"Protected resources would be {verb}:\n{names}\n"
        "Set `protect=False` on them, run `up`, then try again; nothing was deleted."
    )


def _wanted(registration: Registration, *, provider: str) -> ResourceState:
    options = registration.options
    subject = f"{registration.urn} customTimeouts"
    return ResourceState(
        urn=registration.urn,
        type=registration.type,
        custom=registration.custom,
        inputs=registration.inputs,
        parent=registration.parent,
        dependencies=registration.dependencies,
        property_dependencies=registration.property_dependencies,
        provider=provider,
        protect=options.protect,
        retain_on_delete=options.retain_on_delete,
        deleted_with=options.deleted_with,
        additional_secret_outputs=options.additional_secret_outputs,
        timeouts={k: seconds(v, subject=subject) for k, v in options.custom_timeouts.items() if v},
    )


def _outcome(resource: ResourceState) -> Outcome:
    return Outcome(id=resource.id, outputs=resource.outputs)
