"""`hybridml up` and `hybridml destroy`: which engine, what is asked first, and what is printed last."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hybridml.cli import deployed, output, place, progress, pulumi_engine
from hybridml.cli.callers import curl, forget_curl
from hybridml.cli.options import Engine, Format
from hybridml.errors import ConfigurationError, HybridMLError, Problem, StateError

if TYPE_CHECKING:
    from hybridml.cli.place import Place

TARGETS = "hybridml:targets"
Verb = Literal["up", "destroy"]


def up(folder: Path | None, stack: str | None, engine: Engine | None, yes: bool, format_: Format) -> int:
    """Makes what the stack describes and prints where it answers; the exit status."""
    run = _Run.of(folder, stack, engine)
    status, changes = run.go("up", yes)
    if status == 0:
        run.report(changes, format_)
    return status


def destroy(folder: Path | None, stack: str | None, engine: Engine | None, yes: bool, format_: Format) -> int:
    """Removes everything that the stack made; the exit status."""
    run = _Run.of(folder, stack, engine or _holder(folder, stack))
    status, changes = run.go("destroy", yes)
    if status == 0:
        forget_curl(run.here, run.stack)
    if status == 0 and format_ is Format.JSON:
        output.write(output.as_json({"version": 1, "stack": run.stack, "engine": run.engine, "changes": changes}))
    return status


def _holder(folder: Path | None, stack: str | None) -> Engine | None:
    """The engine that holds the stack, which is the one to destroy it."""
    here = place.find(folder)
    return deployed.held_by(here, here.one(stack))


@dataclass(frozen=True)
class _Run:
    """One stack and the engine that is to apply it."""

    here: Place
    stack: str
    engine: Engine

    @classmethod
    def of(cls, folder: Path | None, stack: str | None, engine: Engine | None) -> _Run:
        here = place.find(folder)
        name = here.one(stack)
        chosen = engine or (Engine.EMBEDDED if _only_this_machine(here, name) else Engine.PULUMI)
        holder = deployed.held_by(here, name)
        if holder not in (None, chosen):
            raise StateError(
                f"The stack {name} is held by the {holder} engine, whose state is not empty; one stack never has two. "
                f"Go on with it (--engine {holder}), or destroy it first: hybridml destroy -s {name} --engine {holder}"
            )
        return cls(here, name, chosen)

    def go(self, verb: Verb, yes: bool) -> tuple[int, Mapping[str, int]]:
        """Applies or removes the stack; the exit status, and the changes where they are ours to count."""
        return self._embedded(verb, yes) if self.engine is Engine.EMBEDDED else (self._pulumi(verb, yes), {})

    def _embedded(self, verb: Verb, yes: bool) -> tuple[int, Mapping[str, int]]:
        from hybridml.engine import apply

        if not yes:
            self._ask(verb)
        act = apply.up if verb == "up" else apply.destroy
        with progress.shown() as listener:
            changes = act(
                self.here.project, self.stack, state_dir=self.here.state_folder(self.stack), progress=listener
            ).changes
        output.say(_counted(changes))
        return 0, {str(change): count for change, count in changes.items()}

    def _pulumi(self, verb: Verb, yes: bool) -> int:
        """Hands the stack to Pulumi, which speaks to the terminal itself."""
        if not _only_this_machine(self.here, self.stack):
            return pulumi_engine.Shared(root=self.here.root, stack=self.stack).run(verb, yes=yes)
        private = pulumi_engine.Private(
            root=self.here.root,
            project=self.here.project.name,
            stack=self.stack,
            config_file=self.here.project.stack_file(self.stack),
        )
        return private.run(verb, yes=yes)

    def report(self, changes: Mapping[str, int], format_: Format) -> None:
        """Prints each endpoint's address, and on this machine how to ask it."""
        found = deployed.find(self.here, self.stack)
        endpoints = found.endpoints if found else {}
        lines = {name: curl(self.here, self.stack, name, endpoint) for name, endpoint in sorted(endpoints.items())}
        if format_ is Format.JSON:
            output.write(output.as_json(self._document(changes, endpoints, lines)))
            return
        for name, value in sorted(found.shown_outputs.items()) if found else ():
            if name != deployed.ENDPOINTS:
                output.write(f"{name}: {value if isinstance(value, str) else json.dumps(value)}\n")
        for name, line in lines.items():
            output.write(f"\n{name}: {endpoints[name].get('url')}\n{line}\n" if line else f"\n{name}: deployed\n")

    def _document(
        self, changes: Mapping[str, int], endpoints: Mapping[str, Mapping[str, Any]], lines: Mapping[str, str]
    ) -> dict[str, object]:
        return {
            "version": 1,
            "stack": self.stack,
            "engine": self.engine,
            "changes": dict(changes),
            "endpoints": {name: {"url": endpoints[name].get("url"), "curl": line} for name, line in lines.items()},
        }

    def _ask(self, verb: Verb) -> None:
        """Asks on the terminal whether to go on. Errors: `HybridMLError` when nobody can answer, or says no."""
        import typer

        if not sys.stdin.isatty():
            raise HybridMLError(f"Nobody can be asked here; say so: hybridml {verb} -s {self.stack} --yes")
        if verb == "up":
            from hybridml.cli.plan import preview

            output.say(preview(self.here, self.stack))
        question = "Make these changes?" if verb == "up" else f"Remove everything that the stack {self.stack} made?"
        if not typer.confirm(question, err=True):
            raise HybridMLError("Nothing was changed.")


def _only_this_machine(here: Place, stack: str) -> bool:
    """Whether no target of the stack is elsewhere; a program without targets is for the embedded engine to judge."""
    from hybridml.engine.project import stack_config

    given = stack_config(here.project, stack).values.get(TARGETS, "{}")
    try:
        return {target["kind"] for target in json.loads(given).values()} <= {"local"}
    except (ValueError, AttributeError, KeyError, TypeError):
        file = str(here.project.stack_file(stack).name)
        raise ConfigurationError([Problem(file=file, path=TARGETS, message="is not a mapping of targets")]) from None


def _counted(changes: Mapping[Any, int]) -> str:
    words = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "same": "unchanged"}
    said = [f"{changes[change]} {word}" for change, word in words.items() if changes.get(change)]
    return ", ".join(said) or "nothing to do"
