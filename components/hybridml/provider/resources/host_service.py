"""`HostService`: a process of this machine that is kept alive."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from hybridml.errors import ResourceError
from hybridml.provider import durations, processes
from hybridml.provider.files import make_folder
from hybridml.provider.http_local import Address, connected, get
from hybridml.provider.resource import Checked, Context, Resource
from hybridml.provider.resources.process_inputs import ABSOLUTE, DURATION, instance_name, names_are_names, text_is_text
from hybridml.provider.shape import Failure, camel, wanted
from hybridml.provider.supervisor import Task
from hybridml.provider.unknown import holds_unknown, same

SOCKET: Final = "socket"
"""File name of a service's Unix socket in its instance's folder."""
_READY = "ready"
_PAUSES: Final = ("pausing", "paused")
_OK = 200
_APPEARS_WITHIN = 10.0
_NAME_BYTES = 24
_FAILED_STARTS = 3
_RUNS_AFTER = 0.3
_POLL = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """How a service shows that it is ready."""

    path: str | None = wanted(None, pattern=r"/\S*", like="a path that begins with /")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostServiceInputs:
    """What is asked for."""

    argv: tuple[str, ...] = wanted(minimum=1)
    directory: str = wanted(**ABSOLUTE)
    env: Mapping[str, str] = wanted({})
    port: int | None = wanted(None, minimum=1, maximum=65535)
    socket: bool = wanted(False)
    health: Health | None = wanted(None)  # noqa: RUF009 - `wanted` makes a dataclass field
    start_timeout: str = wanted("120s", **DURATION)
    stop_grace: str = wanted("10s", **DURATION)
    log_bytes: int = wanted(10 << 20, minimum=1024)
    log_files: int = wanted(3, minimum=0, maximum=100)
    triggers: Mapping[str, str] = wanted({})
    scaled: bool = wanted(False)
    begins_paused: bool = wanted(False)
    instance: str = wanted()


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostServiceState(HostServiceInputs):
    """What is there."""

    pid: int
    started: str
    socket_path: str | None = None
    url: str | None = None
    log: str


def _one_address(inputs: HostServiceInputs) -> Iterator[Failure]:
    if inputs.port is not None and inputs.socket:
        yield Failure(path="port", reason="only one of `port` and `socket` can be given")


def _health_needs_an_address(inputs: HostServiceInputs) -> Iterator[Failure]:
    if inputs.health is not None and inputs.port is None and not inputs.socket:
        yield Failure(path="health", reason="needs `port` or `socket` to ask")


def _placeholder_needs_a_socket(inputs: HostServiceInputs) -> Iterator[Failure]:
    if not inputs.socket and any("{socket}" in text for text in (*inputs.argv, *inputs.env.values())):
        yield Failure(path="socket", reason="must be true, since `{socket}` is used")


def _begins_paused_is_scaled(inputs: HostServiceInputs) -> Iterator[Failure]:
    if inputs.begins_paused and not inputs.scaled:
        yield Failure(path="beginsPaused", reason="needs `scaled`: nobody else would ever resume it")


class HostService(Resource[HostServiceInputs, HostServiceState]):
    """A supervised process: start, health wait, restart on crash, rotated log, clean stop of the whole group.

    What runs is never changed in place: a new instance gets a new name and a new folder, so two can live side by
    side while traffic moves. A service with a port cannot, so there the old one is stopped first.
    A scaled service may be paused: then it is there without its process, which is neither drift nor a failure.
    Errors: ResourceError when the port is taken (naming the holder) or the service never becomes healthy (with the
    last lines of its log); nothing is left of it then.
    """

    inputs = HostServiceInputs
    state = HostServiceState
    automatic = frozenset({"instance"})
    replaces_on = frozenset(
        {"argv", "directory", "env", "port", "socket", "stop_grace", "log_bytes", "log_files", "triggers", "instance"}
    )
    public = frozenset({"instance", "pid", "started", "socket_path", "url", "log"})
    rules = (
        _one_address,
        _health_needs_an_address,
        _placeholder_needs_a_socket,
        text_is_text,
        names_are_names,
        _begins_paused_is_scaled,
    )
    foresight: ClassVar[Mapping[str, Any]] = {
        "socket_path": lambda inputs: f"{inputs.instance}/{SOCKET}" if inputs.socket else None,
        "url": lambda inputs: None if inputs.port is None else f"http://127.0.0.1:{inputs.port}",
        "log": lambda inputs: str(Path(inputs.directory) / inputs.instance / "log"),
    }

    def check(self, raw: Mapping[str, Any], context: Context) -> Checked:
        """Validate, and name the instance: as before while nothing changes, anew when it has to be replaced."""
        checked = super().check(raw, context)
        before = context.old.get("instance")
        if before is None or self._replaced(context.old, checked.inputs):
            return checked
        return dataclasses.replace(checked, inputs={**checked.inputs, "instance": before})

    def complete(self, raw: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
        """A new name for the instance, the same when the check is repeated with the same seed."""
        return {"instance": instance_name(context.name, context.seed, context.old.get("instance"), _NAME_BYTES)}

    def _replaced(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        keys = {camel(name) for name in self.replaces_on - {"instance"}}
        return any(holds_unknown(new.get(key)) or not same(old.get(key), new.get(key)) for key in keys)

    def deletes_first(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Two services cannot share a port; on another port the old one serves until the new one does."""
        return new.get("port") is not None and (holds_unknown(new["port"]) or same(old.get("port"), new["port"]))

    def identity(self, state: HostServiceState) -> str:
        """The instance's name."""
        return state.instance

    def create(self, inputs: HostServiceInputs) -> HostServiceState:
        """Start the service, or adopt it when it already runs, and wait until it is ready, or has its pause."""
        folder = _folder(inputs)
        adopted = processes.held(folder)
        try:
            if not adopted:
                _launch(folder, inputs)
            elif inputs.scaled:
                processes.scale(folder, paused=False)
            else:
                processes.unscale(folder)
            return _state(inputs, self._wait(folder, inputs))
        except (ResourceError, OSError):
            if not adopted or not (folder / _READY).exists():
                processes.stop(folder, durations.seconds(inputs.stop_grace))
            raise

    def _wait(self, folder: Path, inputs: HostServiceInputs) -> processes.Status:
        """The status of the supervisor once the service is ready."""
        deadline = time.monotonic() + durations.seconds(inputs.start_timeout)
        began = time.monotonic()
        before = known.restarts if (known := processes.alive(folder)) and (folder / _READY).exists() else 0
        while time.monotonic() < deadline:
            found = processes.alive(folder)
            if self.cancelled.is_set():
                raise ResourceError("stopped while waiting for the service, since the run was cancelled")
            if found is not None and found.restarts - before >= _FAILED_STARTS:
                raise _never_ready(folder, inputs, f"the process {found.last_exit}, {found.restarts} times")
            if found is None and not processes.held(folder) and time.monotonic() - began > _APPEARS_WITHIN:
                raise _never_ready(folder, inputs, "its supervisor ended")
            if found is not None and inputs.scaled and found.phase in _PAUSES:
                return found
            if found is not None and found.phase == "running" and _ready(inputs, found):
                (folder / _READY).touch(mode=0o600)
                return found
            time.sleep(_POLL)
        raise _never_ready(folder, inputs, f"it was not ready within {inputs.start_timeout}")

    def read(self, state: HostServiceState) -> HostServiceState | None:
        """The supervisor that lives now; process id 0 when none does, None when even the folder is gone."""
        folder = _folder(state)
        found = processes.alive(folder)
        if found is None:
            return dataclasses.replace(state, pid=0, started="") if folder.exists() else None
        return dataclasses.replace(state, pid=found.pid, started=found.started)

    def drift(self, state: HostServiceState) -> frozenset[str]:
        """The process id, when that process is dead or another one under its number, or waits to start it again."""
        found = processes.alive(_folder(state))
        phases = ("running", *_PAUSES) if state.scaled else ("running",)
        same_one = found and (found.pid, found.started) == (state.pid, state.started)
        return frozenset() if found and same_one and found.phase in phases else frozenset({"pid"})

    def delete(self, state: HostServiceState) -> None:
        """Stop the whole process group and remove the instance's folder."""
        processes.stop(_folder(state), durations.seconds(state.stop_grace))


def _folder(inputs: HostServiceInputs) -> Path:
    return Path(inputs.directory) / inputs.instance


def _address(inputs: HostServiceInputs) -> Address | None:
    return _folder(inputs) / SOCKET if inputs.socket else inputs.port


def _launch(folder: Path, inputs: HostServiceInputs) -> None:
    relative = f"{inputs.instance}/{SOCKET}"
    if inputs.port is not None:
        processes.require_free_port(inputs.port)
    make_folder(folder)
    (folder / _READY).unlink(missing_ok=True)
    if inputs.scaled:  # a later start finds it as its scaler left it
        processes.scale(folder, paused=inputs.begins_paused and processes.status(folder) is None)
    else:
        processes.unscale(folder)
    places = {"{socket}": relative, "{instance}": inputs.instance}
    task = Task(
        argv=[_fill(text, places) for text in inputs.argv],
        cwd=inputs.directory,
        env={**processes.environment(), **{name: _fill(text, places) for name, text in inputs.env.items()}},
        socket=str(folder / SOCKET) if inputs.socket else "",
        grace=durations.seconds(inputs.stop_grace),
        log_bytes=inputs.log_bytes,
        log_files=inputs.log_files,
    )
    processes.launch(folder, task)


def _fill(text: str, places: Mapping[str, str]) -> str:
    for placeholder, value in places.items():
        text = text.replace(placeholder, value)
    return text


def _ready(inputs: HostServiceInputs, found: processes.Status) -> bool:
    address = _address(inputs)
    if address is None:
        return time.monotonic() - found.since >= _RUNS_AFTER
    if inputs.port is not None and not processes.listens(found.pid, inputs.port):
        return False
    try:
        if inputs.health is None or inputs.health.path is None:
            with connected(address, timeout=5.0):
                return True
        return get(address, inputs.health.path)[0] == _OK
    except OSError:
        return False


def _never_ready(folder: Path, inputs: HostServiceInputs, reason: str) -> ResourceError:
    said = processes.last_lines(folder / "log") or processes.last_lines(folder / "supervisor.log")
    program = Path(inputs.argv[0]).name
    return ResourceError(f"{program} never became ready: {reason}" + (f"; its last words:\n{said}" if said else ""))


def _state(inputs: HostServiceInputs, found: processes.Status) -> HostServiceState:
    asked = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(HostServiceInputs)}
    computed = {name: rule(inputs) for name, rule in HostService.foresight.items()}
    return HostServiceState(**asked, **computed, pid=found.pid, started=found.started)
