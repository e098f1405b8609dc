"""What the provider knows of a supervised service from outside: its folder, its lock, its processes, its port."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hybridml.errors import Refused, ResourceError
from hybridml.provider import supervisor
from hybridml.provider.files import remove

_POLL = 0.02
_SCALED = "scaled"
_BEYOND_GRACE = 20.0
_LISTENING = "0A"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """What the supervisor says of itself and its child."""

    phase: str
    """`running`, `waiting` (for the next start), `pausing` (its child still serves), `paused` or `stopped`."""
    pid: int
    """Process id of the supervisor."""
    started: str
    """Boot id and start time of the supervisor."""
    child: int
    """Process id of the child, 0 while there is none."""
    since: float
    """When this phase began, on the clock that nobody sets (`time.monotonic`)."""
    restarts: int
    """How often the child was started again."""
    last_exit: str
    """How it ended the last time."""


def status(folder: Path) -> Status | None:
    """The supervisor's status, or None where there is none that can be read."""
    try:
        raw = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        return Status(
            phase=raw["phase"],
            pid=int(raw["supervisor"]["pid"]),
            started=raw["supervisor"]["started"],
            child=int(raw["child"]["pid"]) if raw["child"] else 0,
            since=float(raw["since"]),
            restarts=int(raw["restarts"]),
            last_exit=raw["last_exit"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def held(folder: Path) -> bool:
    """Whether a supervisor lives in `folder`."""
    return locked(folder / "lock")


def locked(path: Path) -> bool:
    """Whether somebody holds the lock on the file at `path`; asking does not take it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, supervisor.lock_request(fcntl.F_WRLCK))
        return bool(struct.unpack("hhqqi", answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def alive(folder: Path) -> Status | None:
    """The status of the supervisor that lives in `folder`; a recycled process id is not taken for it."""
    found = status(folder)
    if found is None or not held(folder) or supervisor.start_time(found.pid) != found.started:
        return None
    return found


def launch(folder: Path, task: supervisor.Task) -> subprocess.Popen[bytes]:
    """Start a supervisor in `folder`, detached; the task goes through a pipe, since it may hold secrets.

    Raises Refused where there is no Linux kernel: the supervision rests on its child subreapers and lock ownership.
    """
    if sys.platform != "linux":
        raise Refused("a supervised service needs Linux; run the stack in a Linux machine or container")
    with os.fdopen(os.open(folder / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={},
            cwd="/",
            start_new_session=True,
        )
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    with contextlib.suppress(BrokenPipeError), process.stdin as stream:
        stream.write(json.dumps(dataclasses.asdict(task)).encode())
    return process


def scale(folder: Path, *, paused: bool) -> None:
    """Let a scaler pause and resume what runs in `folder`; one that may already is left as it is."""
    if not any((folder / name).exists() for name in (_SCALED, supervisor.PAUSED)):
        (folder / (supervisor.PAUSED if paused else _SCALED)).touch(mode=0o600)


def unscale(folder: Path) -> None:
    """Let what is in `folder` run, whatever a scaler that still lives wants of it."""
    while any((folder / name).exists() for name in (_SCALED, supervisor.PAUSED)):
        for name in (_SCALED, supervisor.PAUSED):
            (folder / name).unlink(missing_ok=True)
        nudge(folder)


def pause(folder: Path) -> None:
    """Let the supervisor of `folder` stop its child; nothing happens where a scaler has no say.

    Who may be paused has a file that says so, and it is renamed: nobody is paused who has just become an ordinary one.
    """
    with contextlib.suppress(FileNotFoundError):
        (folder / _SCALED).rename(folder / supervisor.PAUSED)
    nudge(folder)


def resume(folder: Path) -> None:
    """Let the supervisor of `folder` start its child again."""
    with contextlib.suppress(FileNotFoundError):
        (folder / supervisor.PAUSED).rename(folder / _SCALED)
    nudge(folder)


def paused(folder: Path) -> bool:
    """Whether the child of `folder` is to have a pause; its supervisor may be about to stop it."""
    return (folder / supervisor.PAUSED).exists()


def nudge(folder: Path) -> None:
    """Make the supervisor of `folder` look whether it is to pause; nothing happens where none lives."""
    if (found := alive(folder)) is None:
        return
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(found.pid)
        try:
            if supervisor.start_time(found.pid) == found.started:
                signal.pidfd_send_signal(descriptor, signal.SIGUSR1)
        finally:
            os.close(descriptor)


def stop(folder: Path, grace: float) -> None:
    """Stop the service of `folder` and remove the folder; nothing happens when both are gone."""
    halt(folder, grace)
    if not folder.is_symlink():
        remove(folder)


def halt(folder: Path, grace: float) -> None:
    """Stop what is supervised in `folder`; its log stays."""
    known = {pid: supervisor.start_time(pid) for pid in _holders(folder)}
    if held(folder):
        _signal(folder, signal.SIGTERM)
        if not _wait_until(lambda: not held(folder), grace + _BEYOND_GRACE):
            _signal(folder, signal.SIGKILL)
        if not _wait_until(lambda: not held(folder), _BEYOND_GRACE):
            raise ResourceError(f"the service in {folder} does not stop; its processes are stuck in the kernel")
    for pid, started in known.items():
        _wait_until(functools.partial(_gone, pid, started), _BEYOND_GRACE)


def _signal(folder: Path, number: int) -> None:
    """Signal the supervisor of `folder`, through a descriptor that pins the process."""
    with contextlib.suppress(ProcessLookupError):
        if pid := _supervisor(folder):
            descriptor = os.pidfd_open(pid)
            try:
                if pid == _supervisor(folder):
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def _supervisor(folder: Path) -> int:
    """The supervisor of `folder`, the lower one of the two that hold its lock; 0 without one."""
    holders = _holders(folder)
    return next((pid for pid in holders if holders.isdisjoint(supervisor.descendants(pid))), 0)


def _holders(folder: Path) -> set[int]:
    """Keeper and supervisor of `folder`; whoever merely looks at the lock is none."""
    lock = str(folder.resolve() / "lock")
    return {pid for pid, opened in _open_files(_processes()) if opened == lock and _supervises(pid)}


def _supervises(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(supervisor.__file__).name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _gone(pid: int, started: str) -> bool:
    found = supervisor.start_time(pid)
    return not found or found != started


def _wait_until(holds: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def last_lines(log: Path, count: int = 10, width: int = 1000) -> str:
    """The last lines of a log, for an error message; empty when there are none.

    Lines are whole or left out: of a secret that was cut, the rest would not be found and hidden.
    """
    with contextlib.suppress(OSError):
        size = log.stat().st_size
        with log.open("rb") as stream:
            stream.seek(start := max(0, size - count * width * 4))
            lines = stream.read().decode(errors="replace").splitlines()[1 if start else 0 :]
        said = (line if len(line) <= width else f"({len(line)} characters)" for line in lines[-count:])
        return "\n".join(f"  {line}" for line in said if line.strip())
    return ""


def require_free_port(port: int) -> None:
    """Raise ResourceError, naming the process, when something listens on `port` of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise ResourceError(f"port {port} needs privileges; choose one above 1023") from None
            raise ResourceError(f"port {port} is in use by {_holder(port)}; stop it or choose another port") from None


def listens(pid: int, port: int) -> bool:
    """Whether `pid` or a process below it, and not somebody else, listens on `port`."""
    sockets = _sockets(port)
    return any(opened in sockets for _, opened in _open_files([pid, *supervisor.descendants(pid)]))


def _holder(port: int) -> str:
    sockets = _sockets(port)
    for pid, opened in _open_files(_processes()):
        if opened in sockets:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            return f"{name} (pid {pid})"
    return "another user's process"


def _sockets(port: int) -> set[str]:
    return {inode for table in ("tcp", "tcp6") for inode in _listening(table, port)}


def _listening(table: str, port: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _open_files(pids: Iterable[int]) -> Iterator[tuple[int, str]]:
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                yield pid, str(descriptor.readlink())


def environment() -> dict[str, str]:
    """What a service inherits: where programs are, who it runs for, language and time zone."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
    return {name: os.environ[name] for name in names if name in os.environ}
