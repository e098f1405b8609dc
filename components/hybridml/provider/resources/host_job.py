"""`HostJob`: a program of this machine that ran to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hybridml.errors import ResourceError
from hybridml.provider import durations, job, processes
from hybridml.provider.files import make_folder, remove
from hybridml.provider.resource import Checked, Context, Resource
from hybridml.provider.resources.process_inputs import ABSOLUTE, DURATION, instance_name, names_are_names, text_is_text
from hybridml.provider.shape import wanted
from hybridml.provider.supervisor import Task
from hybridml.provider.unknown import same

_APPEARS_WITHIN = 10.0
_KILLED_IS_SEEN_WITHIN = 10.0
"""Seconds before a supervisor would start the program again that was killed; whoever waits has given up by then."""
_NAME_BYTES = 32
_POLL = 0.05
_SAME_RUN = frozenset({"timeout", "stop_grace", "log_bytes", "instance"})
"""Inputs that say nothing about what the program does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostJobInputs:
    """What is asked for."""

    argv: tuple[str, ...] = wanted(minimum=1)
    directory: str = wanted(**ABSOLUTE)
    env: Mapping[str, str] = wanted({})
    outputs: tuple[str, ...] = wanted(())
    timeout: str = wanted("1h", **DURATION)
    stop_grace: str = wanted("10s", **DURATION)
    log_bytes: int = wanted(10 << 20, minimum=1024)
    triggers: Mapping[str, str] = wanted({})
    instance: str = wanted()


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostJobState(HostJobInputs):
    """What is there."""

    exit_status: int
    log: str
    finished: str


class HostJob(Resource[HostJobInputs, HostJobState]):
    """A program that ran to its end, once for each change of its inputs, supervised like a service.

    It runs again when something it is given changes or one of its `outputs` is gone, and after a crash of the engine;
    it has to be a program that may run twice. It never outlives the run that asked for it.
    Errors: ResourceError when it fails, does not end in time or did not write an output, with the last lines of its
    log; the log stays.
    """

    inputs = HostJobInputs
    state = HostJobState
    automatic = frozenset({"instance"})
    replaces_on = frozenset({"directory"})
    public = frozenset({"instance", "exit_status", "log", "finished"})
    stable = frozenset({"log"})
    rules = (text_is_text, names_are_names)
    foresight: ClassVar[Mapping[str, Any]] = {
        "log": lambda inputs: str(_folder(inputs) / "log"),
        "exit_status": lambda inputs: 0,
    }

    def check(self, raw: Mapping[str, Any], context: Context) -> Checked:
        """Validate, and name the job's folder once for all its runs."""
        checked = super().check(raw, context)
        before = context.old.get("instance")
        if before is None or not same(context.old.get("directory"), checked.inputs.get("directory")):
            return checked
        return dataclasses.replace(checked, inputs={**checked.inputs, "instance": before})

    def complete(self, raw: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
        """A name for the folder, the same when the check is repeated with the same seed."""
        return {"instance": instance_name(context.name, context.seed, "job", _NAME_BYTES)}

    def identity(self, state: HostJobState) -> str:
        """The folder's name."""
        return state.instance

    def create(self, inputs: HostJobInputs) -> HostJobState:
        """Run the program to its end; what an earlier attempt left is stopped first."""
        folder = _folder(inputs)
        grace = durations.seconds(inputs.stop_grace)
        with _waiting(folder):
            processes.halt(folder, grace)
            try:
                _launch(folder, inputs)
                self._wait(folder, inputs)
            finally:
                processes.halt(folder, grace)
        _require_outputs(inputs)
        return _state(inputs)

    def update(self, inputs: HostJobInputs, state: HostJobState) -> HostJobState:
        """Run it again, unless only limits changed and all that it wrote is there."""
        names = {field.name for field in dataclasses.fields(HostJobInputs)} - _SAME_RUN
        if any(getattr(inputs, name) != getattr(state, name) for name in names) or self.drift(state):
            return self.create(inputs)
        return dataclasses.replace(_state(inputs), finished=state.finished)

    def _wait(self, folder: Path, inputs: HostJobInputs) -> None:
        """Return once the program has ended well and nothing of it is left."""
        began = time.monotonic()
        while processes.held(folder) or (_status(folder) is None and time.monotonic() - began < _APPEARS_WITHIN):
            if self.cancelled.is_set():
                raise ResourceError(f"the job {inputs.instance} was stopped, since the run was cancelled")
            if time.monotonic() - began > durations.seconds(inputs.timeout):
                raise _failure(folder, inputs, f"did not end within {inputs.timeout}")
            if (found := processes.status(folder)) and found.restarts:
                raise _failure(folder, inputs, "was killed from outside")
            time.sleep(_POLL)
        status = _status(folder)
        if status != 0:
            raise _failure(folder, inputs, _said(status))

    def read(self, state: HostJobState) -> HostJobState | None:
        """What the last run said; as if it had not finished when something that it wrote is gone."""
        return dataclasses.replace(state, finished="") if self.drift(state) else state

    def drift(self, state: HostJobState) -> frozenset[str]:
        """When it finished, where something that it wrote is gone: it has to run again."""
        gone = [path for path in state.outputs if not Path(path).exists()]
        return frozenset({"finished"}) if gone else frozenset()

    def delete(self, state: HostJobState) -> None:
        """Stop it, should it still run, and remove its log; what it wrote belongs to who asked for it."""
        processes.stop(_folder(state), durations.seconds(state.stop_grace))


def _folder(inputs: HostJobInputs) -> Path:
    return Path(inputs.directory) / inputs.instance


@contextlib.contextmanager
def _waiting(folder: Path) -> Iterator[None]:
    """Hold the lock without which the job ends itself."""
    make_folder(folder)
    try:
        descriptor = job.hold(folder)
    except BlockingIOError:
        raise ResourceError(f"another run waits for the job in {folder}; let it end first") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _launch(folder: Path, inputs: HostJobInputs) -> None:
    for leftover in (job.ENDED, "log", "status.json"):
        remove(folder / leftover)
    task = Task(
        argv=[sys.executable, "-I", "-S", job.__file__, str(folder), *inputs.argv],
        cwd=inputs.directory,
        env={**processes.environment(), **inputs.env},
        grace=durations.seconds(inputs.stop_grace),
        log_bytes=inputs.log_bytes,
        log_files=1,
        first_delay=_KILLED_IS_SEEN_WITHIN,
        once=True,
    )
    processes.launch(folder, task)


def _status(folder: Path) -> int | None:
    """How the program ended; None while it has not, or nobody knows."""
    try:
        return int(json.loads((folder / job.ENDED).read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _said(status: int | None) -> str:
    if status is None:
        return "ended without a word, its supervisor with it"
    return f"ended with status {status}" if status > 0 else f"was killed by {signal.Signals(-status).name}"


def _failure(folder: Path, inputs: HostJobInputs, reason: str) -> ResourceError:
    said = processes.last_lines(folder / "log") or processes.last_lines(folder / "supervisor.log")
    words = f"; its last words:\n{said}" if said else ""
    return ResourceError(f"the job {inputs.instance} {reason}{words}\nIts log: {folder / 'log'}")


def _require_outputs(inputs: HostJobInputs) -> None:
    missing = [path for path in inputs.outputs if not Path(path).exists()]
    if missing:
        raise ResourceError(f"the job {inputs.instance} ended well, but did not write {', '.join(missing)}")


def _state(inputs: HostJobInputs) -> HostJobState:
    asked = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(HostJobInputs)}
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    return HostJobState(**asked, exit_status=0, log=str(_folder(inputs) / "log"), finished=finished)
