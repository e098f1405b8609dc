"""Runs and plans the program of a project."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybridml.engine import exported
from hybridml.engine.child import interpreter_of, plan_in
from hybridml.engine.comparison import KnownTypes
from hybridml.engine.deployment import deployment_of
from hybridml.engine.diff import compare
from hybridml.engine.monitor import Resolver
from hybridml.engine.plan import Note, Plan
from hybridml.engine.planning import plan_job
from hybridml.engine.project import Config, Project, load_project, stack_config
from hybridml.engine.recorded import Recorded
from hybridml.engine.runtime import Job, Log, execute


def plan(
    project: Project | str | Path,
    stack: str,
    *,
    config: Mapping[str, object] | None = None,
    state: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    passphrase: str | None = None,
    known_types: KnownTypes | None = None,
    log: Log | None = None,
    apart: bool = True,
) -> Plan:
    """What the program of `project` would do for `stack`, without credentials, network or plugins.

    `config` overrides the stack's values by full key; `state` is a deployment (`pulumi stack export`) whose recorded
    outputs are used in place of placeholders and against which the plan is compared. Its secrets are opened by
    `passphrase`, the environment's or that of the embedded engine, where one of them fits. `known_types` are
    those whose rules the caller knows; `environment` are variables set for the program; `log` is told what the program
    logs. The program runs in the environment that the project names,
    unless `apart` is false: then in this one, as when it is applied.
    Errors: `ConfigurationError` with every problem at once, `ProgramError`, `StateError`.
    """
    project = project if isinstance(project, Project) else load_project(project)
    settings = stack_config(project, stack, passphrase, full_keys(config, project))
    at_hand = exported.passphrases(passphrase, project.root / ".hybridml" / stack)
    state = exported.opened(state, at_hand) if state is not None else None
    recorded = Recorded.of(state)
    job = _job(project, stack, settings, environment, planning=True)
    made = _planned(project.virtualenv if apart else None, job, recorded, log or print_log)
    if state is None:
        return made
    compared = compare(made, recorded, known_types, folder=job.folder)
    return replace(compared, notes=tuple(sorted({*made.notes, *_notes(state)})))


def _notes(state: Mapping[str, Any]) -> Iterator[Note]:
    """What a comparison with `state` could not see."""
    if exported.sealed(state):
        message = "its secrets are closed, and are compared with nothing: give the passphrase, or export --show-secrets"
        yield Note(subject="state", message=message)
    for pending in deployment_of(state).get("pending_operations") or ():
        message = f"a run was ended while {pending['type']} it; what became of it is not recorded"
        yield Note(subject=pending["resource"]["urn"], message=message)


def run(
    project: Project,
    stack: str,
    resolver: Resolver,
    config: Config,
    *,
    planning: bool = False,
    environment: Mapping[str, str] | None = None,
    log: Log | None = None,
) -> None:
    """Run the program once in this process, asking `resolver` about everything it registers.

    Errors: see `hybridml.engine.runtime.execute`.
    """
    execute(_job(project, stack, config, environment, planning=planning), resolver, log or print_log)


def print_log(severity: str, message: str) -> None:
    """Tell standard error what a program logs."""
    print(f"{severity}: {message}", file=sys.stderr)  # noqa: T201 - standard error is where diagnostics go


def _planned(virtualenv: Path | None, job: Job, recorded: Recorded, log: Log) -> Plan:
    interpreter = interpreter_of(virtualenv)
    if interpreter is None:
        return plan_job(job, recorded, log)
    data = {**vars(job), "root": str(job.root), "main": str(job.main), "secret_keys": sorted(job.secret_keys)}
    return plan_in(interpreter, data, recorded)


def _job(project: Project, stack: str, config: Config, environment: Mapping[str, str] | None, *, planning: bool) -> Job:
    return Job(
        project=project.name,
        stack=stack,
        root=project.root,
        main=project.main,
        config=config.values,
        secret_keys=config.secret_keys,
        planning=planning,
        environment=dict(environment or {}),
    )


def full_keys(config: Mapping[str, object] | None, project: Project) -> dict[str, object]:
    """`config` by full key: a key without a namespace is the project's own."""
    return {key if ":" in key else f"{project.name}:{key}": value for key, value in (config or {}).items()}
