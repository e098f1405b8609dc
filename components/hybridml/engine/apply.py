"""`up`, `refresh` and `destroy`: a stack becomes what its program asks for, is read, or goes; no Pulumi CLI needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridml.engine import program, state
from hybridml.engine.aliases import STACK_TYPE
from hybridml.engine.apply_deletes import finish_creations
from hybridml.engine.apply_events import Change, Progress, silent
from hybridml.engine.apply_expected import Expected, refuse_what_cannot_be_applied
from hybridml.engine.apply_providers import is_default
from hybridml.engine.apply_refresh import Refreshed, refresh_entries
from hybridml.engine.apply_resolver import ApplyResolver
from hybridml.engine.apply_run import Run, raise_all, refuse_protected
from hybridml.engine.apply_targets import Selection, of_state, of_update, refuse_to_strand
from hybridml.engine.drift import Drift
from hybridml.engine.journal import Ledger
from hybridml.engine.plan import Plan
from hybridml.engine.project import Config, Project, stack_config
from hybridml.engine.runtime import Log
from hybridml.engine.selection import EVERYTHING, Targets
from hybridml.engine.values import Properties
from hybridml.errors import ConfigurationError, HybridMLError, Problem


@dataclass(frozen=True, kw_only=True)
class UpResult:
    """What a run did."""

    outputs: Properties = field(default_factory=dict)
    """What the stack exports; secrets stay marked."""
    changes: Mapping[Change, int]
    """How many resources each change happened to, components and the stack included, default providers not."""
    drift: tuple[Drift, ...] = ()
    """What was found to be another than recorded, sorted by URN."""


@dataclass(frozen=True, kw_only=True)
class RefreshResult:
    """What there is."""

    changes: Mapping[Change, int]
    """How many resources are as recorded (`same`), are another (`update`), are gone (`delete`)."""
    drift: tuple[Drift, ...]
    """What is not as it was recorded, sorted by URN."""
    found: Mapping[str, Any]
    """The deployment as it is recorded now, or would be; secrets encrypted."""


def state_directory(project: Project, stack: str) -> Path:
    """Where the embedded engine keeps what it knows of a stack."""
    return project.root / ".hybridml" / stack


def up(
    project: Project,
    stack: str,
    *,
    state_dir: Path | None = None,
    progress: Progress = silent,
    config: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    passphrase: str | None = None,
    log: Log | None = None,
    targets: Targets = EVERYTHING,
    refreshing: bool = False,
) -> UpResult:
    """Run the program of `project` and make true what it asks for.

    First the program is planned: what this engine cannot apply, and what is protected and would go, is refused before
    anything is changed. Then it runs again, and each resource is created, updated or replaced while it waits. What it
    no longer asks for is deleted at the end, if nothing failed.

    `state_dir` is `.hybridml/<stack>` of the project by default; `config`, `environment`, `passphrase` and `log` are as
    for `engine.program.plan`. Restricted to `targets`, everything else stays as it is recorded. `refreshing` first
    records what there is, as `refresh` does.
    Errors: `ConfigurationError`, `ProgramError`, `LockedError`, `StateError`, `Refused`; `ResourceError` naming every
    resource that failed, after those under way have ended and everything done is recorded.
    """
    settings = _settings(project, stack, config, passphrase)
    with Run.of(project, state_dir or state_directory(project, stack), "up", progress, settings) as run:
        run.prepare(project.plugins)
        plan = program.plan(
            project,
            stack,
            config=config,
            environment=environment,
            passphrase=passphrase,
            log=run.tell_waiting,
            apart=False,
        )
        selection = of_update(plan, run.ledger, targets)
        refuse_what_cannot_be_applied(plan, run.plugins, selection)
        _refuse_to_delete_protected(plan, run.ledger, selection)
        resolver = ApplyResolver(
            steps=run.steps,
            providers=run.providers,
            expected=Expected(plan),
            gate=run.gate,
            selection=selection,
        )
        with run.interruptible():
            if refreshing:
                _refresh(run, selection, record=True)
            _drive(resolver, lambda: program.run(project, stack, resolver, settings, environment=environment, log=log))
            _delete_unasked(run, resolver)
        return UpResult(outputs=resolver.outputs or {}, changes=run.journalist.changes, drift=run.journalist.drift)


def refresh(
    project: Project,
    stack: str,
    *,
    state_dir: Path | None = None,
    progress: Progress = silent,
    targets: Targets = EVERYTHING,
    record: bool = True,
) -> RefreshResult:
    """Read everything that the stack holds from its providers, and record what is there; without `record`, only tell.

    Neither the program nor the stack's configuration is needed, and nothing but the state changes. What is gone is
    dropped from it, with every reference to it.
    Errors: `ConfigurationError` for a target that nobody knows, `LockedError`, `StateError`; `ResourceError` naming all
    that could not be read, after everything else is recorded.
    """
    with Run.of(project, state_dir or state_directory(project, stack), "refresh", progress, Config(values={})) as run:
        selection = of_state(run.ledger, targets)
        with run.interruptible():
            found = _refresh(run, selection, record=record)
        for urn, change in found.changes.items():
            run.journalist.count(urn, change)
        truth = state.encode(found.applied_to(run.ledger.entries), run.ledger.crypter)
        return RefreshResult(changes=run.journalist.changes, drift=run.journalist.drift, found=truth)


def destroy(
    project: Project,
    stack: str,
    *,
    state_dir: Path | None = None,
    progress: Progress = silent,
    targets: Targets = EVERYTHING,
) -> UpResult:
    """Delete everything that the stack holds, or what `targets` name of it. Neither the program nor the stack's
    configuration is needed.

    Errors: `ConfigurationError` for a target that nobody knows, or that something else needs; `LockedError`,
    `StateError`; `ResourceError` when something is protected, or naming all that failed.
    """
    with Run.of(project, state_dir or state_directory(project, stack), "destroy", progress, Config(values={})) as run:
        selection = of_state(run.ledger, targets)
        begun = [pending.resource for pending in run.ledger.pending.values()]
        refuse_protected(e for e in (*run.ledger.entries.values(), *begun) if selection.covers(e.urn))
        if selection.restricted:
            refuse_to_strand(run.ledger, selection)
        with run.interruptible():
            finish_creations(run.steps, {resource.urn for resource in begun if selection.covers(resource.urn)})
            run.delete({key for key, entry in run.ledger.entries.items() if selection.covers(entry.urn)})
        return UpResult(changes=run.journalist.changes)


def _settings(project: Project, stack: str, config: Mapping[str, object] | None, passphrase: str | None) -> Config:
    """The stack's configuration, every secret of it open."""
    settings = stack_config(project, stack, passphrase, program.full_keys(config, project))
    if settings.opaque:
        fix = "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
        file = project.stack_file(stack).name
        raise ConfigurationError(
            Problem(file=file, path=key, message="is encrypted, and no passphrase is given", fix=fix)
            for key in settings.opaque
        )
    return settings


def _refresh(run: Run, selection: Selection, *, record: bool) -> Refreshed:
    found = refresh_entries(run.steps, selection, run.gate, record=record)
    raise_all(run.gate.failures)
    return found


def _drive(resolver: ApplyResolver, run: Callable[[], None]) -> None:
    """Run the program to its end, or to the end of what was under way when something failed; raise all failures."""
    try:
        run()
        if not resolver.gate.failures:
            with resolver.gate.request():
                resolver.expected.check_complete(resolver.seen)
    except HybridMLError as error:
        resolver.gate.close(error)
    finally:
        resolver.gate.drain()
    raise_all(resolver.gate.failures)


def _delete_unasked(run: Run, resolver: ApplyResolver) -> None:
    """Delete what was replaced and what the program does not ask for any more."""
    selection = resolver.selection
    begun = {pending.resource.urn for pending in run.ledger.pending.values()} - resolver.seen
    finish_creations(run.steps, {urn for urn in begun if selection.covers(urn)})
    entries = run.ledger.entries
    unasked = {k for k, e in entries.items() if e.delete or (e.urn not in resolver.seen and not is_default(e.urn))}
    unasked = {key for key in unasked if selection.covers(entries[key].urn)}
    refuse_protected(entries[key] for key in unasked if not entries[key].delete)
    run.delete(unasked)


def _refuse_to_delete_protected(plan: Plan, ledger: Ledger, selection: Selection) -> None:
    """Errors: `ResourceError` naming every protected resource that the program does not ask for any more."""
    asked = {alias for resource in plan.resources for alias in (resource.urn, *resource.options.aliases)}
    refuse_protected(
        entry
        for entry in ledger.entries.values()
        if entry.urn not in asked and entry.type != STACK_TYPE and not entry.delete and selection.covers(entry.urn)
    )
