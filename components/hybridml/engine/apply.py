"""`up` and `destroy`: make a stack what its program asks for, or take it away, without the Pulumi CLI."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hybridml.engine import program
from hybridml.engine.aliases import STACK_TYPE
from hybridml.engine.apply_deletes import delete, finish_creations
from hybridml.engine.apply_events import Change, Journalist, Progress, silent
from hybridml.engine.apply_expected import Expected, refuse_what_cannot_be_applied
from hybridml.engine.apply_gate import Gate, interruptible
from hybridml.engine.apply_providers import Providers, is_default, is_provider
from hybridml.engine.apply_resolver import ApplyResolver, protected
from hybridml.engine.apply_steps import Steps
from hybridml.engine.journal import Ledger
from hybridml.engine.lock import StackLock
from hybridml.engine.plan import Plan
from hybridml.engine.plugins import Plugins
from hybridml.engine.project import Config, Project, stack_config
from hybridml.engine.runtime import WAITING, Log
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Properties, Secret
from hybridml.errors import ConfigurationError, HybridMLError, Interrupted, Problem, ResourceError


@dataclass(frozen=True, kw_only=True)
class UpResult:
    """What a run did."""

    outputs: Properties = field(default_factory=dict)
    """What the stack exports; secrets stay marked."""
    changes: Mapping[Change, int]
    """How many resources each change happened to, components and the stack included, default providers not."""


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
) -> UpResult:
    """Run the program of `project` and make true what it asks for.

    First the program is planned: what this engine cannot apply, and what is protected and would go, is refused before
    anything is changed. Then it runs again, and each resource is created, updated or replaced while it waits. What it
    no longer asks for is deleted at the end, if nothing failed.

    `state_dir` is `.hybridml/<stack>` of the project by default; `config`, `environment`, `passphrase` and `log` are as
    for `engine.program.plan`.
    Errors: `ConfigurationError`, `ProgramError`, `LockedError`, `StateError`, `Refused`; `ResourceError` naming every
    resource that failed, after those under way have ended and everything done is recorded.
    """
    settings = _settings(project, stack, config, passphrase)
    with _Run.of(project, state_dir or state_directory(project, stack), "up", progress, settings) as run:
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
        refuse_what_cannot_be_applied(plan, run.plugins)
        _refuse_to_delete_protected(plan, run.ledger)
        resolver = ApplyResolver(steps=run.steps, providers=run.providers, expected=Expected(plan), gate=run.gate)
        with run.interruptible():
            _drive(resolver, lambda: program.run(project, stack, resolver, settings, environment=environment, log=log))
            _delete_unasked(run, resolver)
        return UpResult(outputs=resolver.outputs or {}, changes=run.journalist.changes)


def destroy(
    project: Project,
    stack: str,
    *,
    state_dir: Path | None = None,
    progress: Progress = silent,
) -> UpResult:
    """Delete everything that the stack holds. Neither the program nor the stack's configuration is needed.

    Errors: `LockedError`, `StateError`; `ResourceError` when something is protected, or naming all that failed.
    """
    with _Run.of(project, state_dir or state_directory(project, stack), "destroy", progress, Config(values={})) as run:
        begun = (pending.resource for pending in run.ledger.pending.values())
        _refuse_protected([*run.ledger.entries.values(), *begun])
        with run.interruptible():
            finish_creations(run.steps, None)
            _delete(run, set(run.ledger.entries))
        return UpResult(changes=run.journalist.changes)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What one run works with."""

    ledger: Ledger
    plugins: Plugins
    providers: Providers
    journalist: Journalist
    steps: Steps
    gate: Gate = field(default_factory=Gate)

    @classmethod
    @contextmanager
    def of(cls, project: Project, directory: Path, command: str, progress: Progress, config: Config) -> Iterator[_Run]:
        """Take the stack, and give it back with everything recorded, whatever happens."""
        journalist = Journalist(progress)
        with StackLock(directory, command) as lock, contextlib.ExitStack() as leaving:
            if lock.taken_from:
                journalist.note(f"The stack was held by {lock.taken_from}, which is gone; its work is taken up")
            ledger = Ledger(directory)
            leaving.callback(ledger.close)
            folder = project.main if project.main.is_dir() else project.main.parent
            plugins = Plugins(project.plugins, directory=folder, logs=directory / "logs")
            leaving.callback(plugins.close)
            providers = Providers(plugins, ledger, journalist, config=lambda package: _namespace(config, package))
            steps = Steps(ledger=ledger, journalist=journalist, provider_of=providers.serving)
            leaving.enter_context(journalist.watching())
            yield cls(ledger=ledger, plugins=plugins, providers=providers, journalist=journalist, steps=steps)

    def interruptible(self) -> contextlib.AbstractContextManager[None]:
        """Let a signal end the run in order."""
        return interruptible(self.gate, self.journalist.note, self.plugins.cancel)

    def tell_waiting(self, severity: str, message: str) -> None:
        """Of what planning says, tell that it takes long; the program says the rest again when it is applied."""
        if severity == WAITING:
            self.journalist.note(message)

    def prepare(self, named: Collection[str]) -> None:
        """Let the project's own plugins start while the program is planned."""
        for package in named:
            self.plugins.prepare(package)


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


def _namespace(config: Config, package: str) -> Properties:
    """The stack's configuration under the namespace of a package, which Pulumi hands to its default provider."""
    found: dict[str, object] = {}
    for key, text in config.values.items():
        namespace, _, name = key.partition(":")
        if namespace == package:
            found[name] = Secret(text) if key in config.secret_keys else text
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
    _raise(resolver.gate.failures)


def _raise(failures: Collection[HybridMLError]) -> None:
    """Raise the one failure, or one error that lists them all; an interruption first."""
    different = list({str(failure): failure for failure in failures}.values())
    interrupted = next((failure for failure in different if isinstance(failure, Interrupted)), None)
    if len(different) == 1:
        raise different[0]
    if interrupted:
        others = (str(failure) for failure in different if failure is not interrupted)
        raise Interrupted("\n".join((str(interrupted), *others)))
    if different:
        raise ResourceError(f"{len(different)} steps failed:\n" + "\n".join(map(str, different)))


def _delete_unasked(run: _Run, resolver: ApplyResolver) -> None:
    """Delete what was replaced and what the program does not ask for any more."""
    finish_creations(run.steps, {p.resource.urn for p in run.ledger.pending.values()} - resolver.seen)
    entries = run.ledger.entries
    unasked = {k for k, e in entries.items() if e.delete or (e.urn not in resolver.seen and not is_default(e.urn))}
    _refuse_protected(entries[key] for key in unasked if not entries[key].delete)
    _delete(run, unasked)


def _delete(run: _Run, keys: set[int]) -> None:
    delete(run.steps, _with_idle_providers(run.ledger, keys), run.gate)
    _raise(run.gate.failures)


def _with_idle_providers(ledger: Ledger, keys: set[int]) -> set[int]:
    """The entries to delete, and the default providers that none of the others uses."""
    entries = ledger.entries
    used = {e.provider.rpartition("::")[0] for key, e in entries.items() if key not in keys}
    return keys | {k for k, e in entries.items() if is_provider(e.type) and is_default(e.urn) and e.urn not in used}


def _refuse_to_delete_protected(plan: Plan, ledger: Ledger) -> None:
    """Errors: `ResourceError` naming every protected resource that the program does not ask for any more."""
    asked = {alias for resource in plan.resources for alias in (resource.urn, *resource.options.aliases)}
    _refuse_protected(
        e for e in ledger.entries.values() if e.urn not in asked and e.type != STACK_TYPE and not e.delete
    )


def _refuse_protected(entries: Iterable[ResourceState]) -> None:
    kept = [entry for entry in entries if entry.protect]
    if kept:
        raise protected(kept, "deleted")
