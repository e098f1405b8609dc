"""`hybridml up`, `refresh` and `destroy`: which engine, what is asked first, and what is printed last."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hybridml.cli import deployed, output, place, progress, pulumi_engine, stream
from hybridml.cli.callers import curl, forget_curl
from hybridml.cli.following import following
from hybridml.cli.options import Engine, Format
from hybridml.engine.selection import EVERYTHING, Targets
from hybridml.errors import ConfigurationError, HybridMLError, Problem, StateError

if TYPE_CHECKING:
    from hybridml.cli.place import Place
    from hybridml.engine.apply_events import Progress
    from hybridml.engine.drift import Drift

TARGETS = "hybridml:targets"
DRIFTED = 4
"""Exit status of a refresh that was to find no drift, and did."""
Verb = Literal["up", "refresh", "destroy"]
_WORDS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "same": "unchanged"}
_FOUND = {"update": "changed", "delete": "gone", "same": "as recorded"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the commands that work on a deployed stack have in common."""

    folder: Path | None = None
    stack: str | None = None
    engine: Engine | None = None
    yes: bool = False
    format_: Format = Format.TEXT
    events: bool = False
    """Whether stdout gets the events of the run instead of its result."""
    targets: Targets = EVERYTHING

    def __post_init__(self) -> None:
        if self.events and self.format_ is Format.JSON:
            raise place.contradiction("--json", "--format json")


def targets(patterns: list[str] | None, dependents: bool) -> Targets:
    """What `--target` and `--target-dependents` restrict a run to.

    Errors: `ConfigurationError` when there are dependents of nothing.
    """
    if dependents and not patterns:
        message, fix = "says nothing without --target", "name a resource with --target"
        raise ConfigurationError([Problem(path="--target-dependents", message=message, fix=fix)])
    return Targets(patterns=tuple(patterns or ()), dependents=dependents)


def up(asked: Asked, *, refreshing: bool = False) -> int:
    """Makes what the stack describes and prints where it answers; the exit status."""
    with stream.opened(asked.events, reading=refreshing) as events:
        return _up(_Run.of(asked, asked.engine, events), refreshing)


def _up(run: _Run, refreshing: bool) -> int:
    asked = run.asked
    if run.engine is Engine.PULUMI:
        status = run.pulumi("up", ["--refresh"] if refreshing else [])
        return status or run.report({}, ())
    if not asked.yes:
        run.ask("up", "Make these changes?")
    from hybridml.engine import apply

    with run.shown() as listener:
        done = apply.up(
            run.here.project,
            run.stack,
            state_dir=run.folder,
            progress=listener,
            targets=asked.targets,
            refreshing=refreshing,
        )
    output.say(_counted(done.changes, _WORDS))
    return run.report(done.changes, done.drift)


def refresh(asked: Asked, *, preview_only: bool = False, expect_no_changes: bool = False) -> int:
    """Reads what there is, prints what is not as recorded, and records it unless told not to; the exit status."""
    with stream.opened(asked.events, reading=True) as events:
        run = _Run.of(asked, asked.engine or _holder(asked), events)
        return _refresh(run, preview_only=preview_only, expect_no_changes=expect_no_changes)


def _refresh(run: _Run, *, preview_only: bool, expect_no_changes: bool) -> int:
    asked = run.asked
    if run.engine is Engine.PULUMI:
        said = {"--preview-only": preview_only, "--expect-no-changes": expect_no_changes}
        return run.pulumi("refresh", [option for option, is_said in said.items() if is_said])
    if not preview_only and not asked.yes:
        run.ask("refresh", "Record what is there?")
    from hybridml.engine import apply

    told: list[Drift] = []
    with run.shown() as listener, _told_if_it_fails(told):
        found = apply.refresh(
            run.here.project,
            run.stack,
            state_dir=run.folder,
            progress=listener if run.events else progress.but_drift(listener, told.append),
            targets=asked.targets,
            record=not preview_only,
        )
    if run.events:
        pass
    elif asked.format_ is Format.JSON:
        drift = [each.to_json() for each in found.drift]
        output.write(output.as_json({**run.document(found.changes), "recorded": not preview_only, "drift": drift}))
    else:
        output.write("".join(f"{progress.drift_text(each)}\n" for each in found.drift))
    output.say(_counted(found.changes, _FOUND))
    return DRIFTED if expect_no_changes and (found.changes.get("update") or found.changes.get("delete")) else 0


@contextmanager
def _told_if_it_fails(drift: list[Drift]) -> Iterator[None]:
    """What was found, and may be recorded, is told also where the rest could not be read."""
    try:
        yield
    except HybridMLError:
        for each in drift:
            output.say(progress.drift_text(each))
        raise


def destroy(asked: Asked) -> int:
    """Removes everything that the stack made, or what the targets name; the exit status."""
    with stream.opened(asked.events) as events:
        return _destroy(_Run.of(asked, asked.engine or _holder(asked), events))


def _destroy(run: _Run) -> int:
    asked = run.asked
    changes: Mapping[Any, int] = {}
    status = 0
    if run.engine is Engine.PULUMI:
        status = run.pulumi("destroy", [])
    else:
        if not asked.yes:
            run.ask("destroy", run.removal)
        from hybridml.engine import apply

        with run.shown() as listener:
            done = apply.destroy(
                run.here.project, run.stack, state_dir=run.folder, progress=listener, targets=asked.targets
            )
        changes = done.changes
        output.say(_counted(changes, _WORDS))
    if status == 0 and not asked.targets:
        forget_curl(run.here, run.stack)
    if status == 0 and asked.format_ is Format.JSON and not run.events:
        output.write(output.as_json(run.document(changes)))
    return status


def _holder(asked: Asked) -> Engine | None:
    """The engine that holds the stack, which is the one to read or destroy it."""
    here = place.find(asked.folder)
    return deployed.held_by(here, here.one(asked.stack))


@dataclass(frozen=True)
class _Run:
    """One stack, the engine that holds it or is to apply it, and what was asked."""

    here: Place
    stack: str
    engine: Engine
    asked: Asked
    events: stream.Stream | None

    @classmethod
    def of(cls, asked: Asked, engine: Engine | None, events: stream.Stream | None) -> _Run:
        here = place.find(asked.folder)
        name = here.one(asked.stack)
        chosen = engine or (Engine.EMBEDDED if _only_this_machine(here, name) else Engine.PULUMI)
        holder = deployed.held_by(here, name)
        if holder not in (None, chosen):
            raise StateError(
                f"The stack {name} is held by the {holder} engine, whose state is not empty; one stack never has two. "
                f"Go on with it (--engine {holder}), or destroy it first: hybridml destroy -s {name} --engine {holder}"
            )
        return cls(here, name, chosen, asked, events)

    @property
    def folder(self) -> Path:
        """Where the embedded engine keeps what it knows of the stack."""
        return self.here.state_folder(self.stack)

    @property
    def removal(self) -> str:
        """What is asked before anything is removed."""
        named = ", ".join(self.asked.targets.patterns)
        what = f"{named} of the stack {self.stack}" if named else f"everything that the stack {self.stack} made"
        return f"Remove {what}?"

    def pulumi(self, verb: Verb, options: list[str]) -> int:
        """Hands the stack to Pulumi, which speaks to the terminal itself."""
        said = [*options, *self.asked.targets.for_pulumi(), *(["--yes"] if self.asked.yes else [])]
        if self.events:
            return self.events.forward(lambda descriptor: self._stack.run(verb, said, descriptor))
        return self._stack.run(verb, said)

    @property
    def _stack(self) -> pulumi_engine.Shared | pulumi_engine.Private:
        if not _only_this_machine(self.here, self.stack):
            return pulumi_engine.Shared(root=self.here.root, stack=self.stack)
        return pulumi_engine.Private(
            root=self.here.root,
            project=self.here.project.name,
            stack=self.stack,
            config_file=self.here.project.stack_file(self.stack),
        )

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """A listener for what the embedded engine says, for as long as the block lasts."""
        if self.events is None:
            with progress.shown() as listener:
                yield following(listener, self.folder)
            return
        from hybridml.engine.project import stack_config

        self.events.begin(stack_config(self.here.project, self.stack))
        yield self.events.listen

    def report(self, changes: Mapping[Any, int], drift: tuple[Drift, ...]) -> int:
        """Prints each endpoint's address, and on this machine how to ask it; the exit status."""
        if self.events:
            return 0
        found = deployed.find(self.here, self.stack)
        endpoints = found.endpoints if found else {}
        lines = {name: curl(self.here, self.stack, name, endpoint) for name, endpoint in sorted(endpoints.items())}
        if self.asked.format_ is Format.JSON:
            answering = {name: {"url": endpoints[name].get("url"), "curl": line} for name, line in lines.items()}
            said = {"drift": [each.to_json() for each in drift], "endpoints": answering}
            output.write(output.as_json(self.document(changes) | said))
            return 0
        for name, value in sorted(found.shown_outputs.items()) if found else ():
            if name != deployed.ENDPOINTS:
                output.write(f"{name}: {value if isinstance(value, str) else json.dumps(value)}\n")
        for name, line in lines.items():
            where = endpoints[name].get("output")
            told = f"predictions in {where}" if where else "deployed"
            output.write(f"\n{name}: {endpoints[name].get('url')}\n{line}\n" if line else f"\n{name}: {told}\n")
        return 0

    def document(self, changes: Mapping[Any, int]) -> dict[str, Any]:
        """What the JSON of every one of these commands begins with."""
        counts = {str(change): count for change, count in changes.items()}
        return {"version": 1, "stack": self.stack, "engine": self.engine, "changes": counts}

    def ask(self, verb: Verb, question: str) -> None:
        """Asks on the terminal whether to go on. Errors: `HybridMLError` when nobody can answer, or says no."""
        import typer

        if not sys.stdin.isatty():
            raise HybridMLError(f"Nobody can be asked here; say so: hybridml {verb} -s {self.stack} --yes")
        if verb != "destroy":
            self._show(verb)
        if not typer.confirm(question, err=True):
            raise HybridMLError("Nothing was changed.")

    def _show(self, verb: Verb) -> None:
        """Tells what is not as recorded, and for `up` what would change from there."""
        from hybridml.cli.plan import preview
        from hybridml.engine import apply, state

        found: apply.RefreshResult | None = None
        if state.exists(self.folder):
            with progress.shown() as listener:
                named = self.asked.targets if verb == "refresh" else EVERYTHING
                found = apply.refresh(
                    self.here.project,
                    self.stack,
                    state_dir=self.folder,
                    progress=listener,
                    targets=named,
                    record=False,
                )
        if verb == "up":
            output.say(preview(self.here, self.stack, found, self.asked.targets))


def _only_this_machine(here: Place, stack: str) -> bool:
    """Whether no target of the stack is elsewhere; a program without targets is for the embedded engine to judge."""
    from hybridml.engine.project import stack_config

    given = stack_config(here.project, stack).values.get(TARGETS, "{}")
    try:
        return {target["kind"] for target in json.loads(given).values()} <= {"local"}
    except (ValueError, AttributeError, KeyError, TypeError):
        file = str(here.project.stack_file(stack).name)
        raise ConfigurationError([Problem(file=file, path=TARGETS, message="is not a mapping of targets")]) from None


def _counted(changes: Mapping[Any, int], words: Mapping[str, str]) -> str:
    said = [f"{changes[change]} {word}" for change, word in words.items() if changes.get(change)]
    return ", ".join(said) or "nothing to do"
