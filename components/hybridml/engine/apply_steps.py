"""One resource at a time: each call of a provider between its two lines in the journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from hybridml.engine import state
from hybridml.engine.apply_events import Journalist
from hybridml.engine.apply_providers import is_provider
from hybridml.engine.drift import Difference, Drift, drifted
from hybridml.engine.journal import Ledger
from hybridml.engine.plugin_client import HalfMade, Made, Provider, Unanswered, Verdict
from hybridml.engine.state import Pending, ResourceState
from hybridml.engine.values import Properties, Secret, contains_secret
from hybridml.errors import ResourceError

Why: TypeAlias = tuple[tuple[str, ...], tuple[Difference, ...]]
"""Inputs that changed, and what of them."""
_NO_REASON: Final[Why] = ((), ())
SEED_BYTES = 32
"""Randomness that a check is given for automatic names."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Creates, updates and deletes entries of a ledger."""

    ledger: Ledger
    journalist: Journalist
    provider_of: Callable[[ResourceState], Provider]
    """The provider that serves a resource."""

    def create(self, wanted: ResourceState, *, why: Why | None = None) -> ResourceState:
        """Check and create what is not there. An entry of the same URN becomes the old one, to be deleted.

        Errors: `ResourceError`; a resource that came into being all the same is recorded.
        """
        provider = self.provider_of(wanted)
        seed = os.urandom(SEED_BYTES)
        checked = replace(wanted, inputs=provider.check(wanted, {}, seed=seed))
        key = self.ledger.new_key()
        self.ledger.begin(key, "create", checked, seed=seed.hex())
        return self._create(key, checked, provider, why or _NO_REASON)

    def _create(self, key: int, checked: ResourceState, provider: Provider, why: Why) -> ResourceState:
        with self.journalist.step(checked.urn, "create", *why, after=checked), self._framed(key, checked):
            made = provider.create(checked)
            if not made.id:
                raise ResourceError(f"{checked.urn}: plugin {provider.package} created it without an id")
        return self._end(key, checked, made)

    def update(
        self,
        key: int,
        old: ResourceState,
        new: ResourceState,
        *,
        ignore: tuple[str, ...],
        why: Why | None = None,
    ) -> ResourceState:
        """Make the entry `key` what the checked inputs of `new` ask for. Errors: as `create`."""
        begun = replace(new, id=old.id, outputs=old.outputs, created=old.created)
        self.ledger.begin(key, "update", begun)
        return self._update(key, old, begun, ignore=ignore, why=why or _NO_REASON)

    def _update(
        self, key: int, old: ResourceState, new: ResourceState, *, ignore: tuple[str, ...], why: Why
    ) -> ResourceState:
        with self.journalist.step(new.urn, "update", *why, before=old, after=new), self._framed(key, new):
            made = self.provider_of(new).update(old, new, ignore=ignore)
        return self._end(key, new, made)

    def delete(self, key: int, resource: ResourceState) -> None:
        """Delete the entry `key`, or forget it where it is to be kept outside the stack.

        Errors: `ResourceError`; the entry stays recorded.
        """
        if not resource.custom or resource.external or resource.retain_on_delete or is_provider(resource.type):
            self.ledger.drop(key)
            return
        provider = self.provider_of(resource)
        self.ledger.begin(key, "delete", resource)
        with self.journalist.step(resource.urn, "delete", before=resource), self._framed(key, resource):
            provider.delete(resource)
        self.ledger.end(key, None)

    def read(self, key: int, known: ResourceState) -> ResourceState | None:
        """What the entry `key` is in truth, drift told; None, and dropped, when it is gone."""
        found = self.look(known)
        if found is None:
            self.ledger.drop(key)
        return found

    def look(self, known: ResourceState, *, judged: bool = False) -> ResourceState | None:
        """What `known` is in truth, drift told; None when it is gone. Nothing is recorded.

        `judged` also asks the provider what it would do about drift.
        """
        provider, errors = self.provider_of(known), known.init_errors
        try:
            made = provider.read(known)
        except HalfMade as half:
            made, errors = half.made, half.reasons
            self.journalist.note(f"{known.urn} does not work: {'; '.join(errors)}")
        if not made.id:
            self.journalist.drifted(Drift(urn=known.urn, gone=True))
            return None
        inputs = known.inputs if made.inputs is None else secret_as(made.inputs, known.inputs)
        outputs = secret_as(hidden(made.outputs, known), known.outputs)
        found = replace(known, id=made.id, outputs=outputs, inputs=inputs, init_errors=errors)
        changed = drifted((known.inputs, known.outputs), (inputs, outputs))
        if made.id != known.id and not any(each.path == "id" for each in changed):
            changed = (Difference(path="id", before=known.id, after=made.id), *changed)
        if changed:
            correction = self._correction(found, known.inputs) if judged else ""
            self.journalist.drifted(Drift(urn=known.urn, properties=changed, correction=correction))
        return found

    def _correction(self, found: ResourceState, recorded: Properties) -> str:
        if found.external:
            return ""
        verdict = self.diff(found, recorded, ignore=())
        return "replace" if verdict.replaces else "update" if verdict.changed else ""

    def recover(self, urns: tuple[str, ...]) -> None:
        """Do again what a killed run had begun on any of `urns`, from the inputs that it recorded."""
        for key, pending in self.ledger.pending.items():
            if pending.resource.urn in urns:
                self.resume(key, pending)

    def resume(self, key: int, pending: Pending) -> None:
        """Do one begun operation again. A refusal by the provider ends it: the ordinary comparison follows anyway.

        Errors: `ResourceError` when the provider does not answer, or a delete is refused.
        """
        resource = pending.resource
        self.journalist.note(f"A run was ended while it did {pending.operation} {resource.urn}: doing it again")
        try:
            self._resume(key, pending)
        except Unanswered:
            raise
        except ResourceError as error:
            if pending.operation == "delete":
                raise
            self.journalist.note(f"{error} (begun by a run that was ended; going on without it)")

    def _resume(self, key: int, pending: Pending) -> None:
        resource = pending.resource
        known = self.ledger.entries.get(key)
        if pending.operation == "create":
            self._create(key, resource, self.provider_of(resource), _NO_REASON)
        elif known is not None and pending.operation == "update":
            self._update(key, known, resource, ignore=(), why=_NO_REASON)
        elif known is not None and pending.operation == "delete":
            self.delete(key, known)

    def diff(self, old: ResourceState, new: Properties, *, ignore: tuple[str, ...]) -> Verdict:
        """What the provider says it takes to get from `old` to the checked inputs `new`."""
        return self.provider_of(old).diff(old, new, ignore=ignore)

    def _framed(self, key: int, resource: ResourceState) -> _Frame:
        return _Frame(self, key, resource)

    def _end(self, key: int, resource: ResourceState, made: Made, errors: tuple[str, ...] = ()) -> ResourceState:
        now = state.now()
        done = replace(
            resource,
            id=made.id or resource.id,
            outputs=hidden(made.outputs, resource),
            init_errors=errors,
            created=resource.created or now,
            modified=now,
        )
        self.ledger.end(key, done)
        return done


@dataclass(frozen=True)
class _Frame:
    """Records how a call failed. One that nobody answered stays pending: the next run does it again."""

    steps: Steps
    key: int
    resource: ResourceState

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, HalfMade):
            self.steps._end(self.key, self.resource, error.made, error.reasons)
        elif isinstance(error, ResourceError) and not isinstance(error, Unanswered):
            self.steps.ledger.fail(self.key)


def hidden(outputs: Properties, resource: ResourceState) -> Properties:
    """The outputs, secret where the program says so (`additional_secret_outputs`) or the input of that name is."""
    said = dict.fromkeys(resource.additional_secret_outputs, Secret(None))
    return secret_as(outputs, {**resource.inputs, **said})


def secret_as(properties: Properties, known: Properties) -> Properties:
    """`properties`, each secret where the one of that name in `known` is, whatever the provider says."""
    secret = {name for name, value in known.items() if contains_secret(value)}
    return {k: Secret(v) if k in secret and not contains_secret(v) else v for k, v in properties.items()}
