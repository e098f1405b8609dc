"""One run at a time per stack: a lock that says who holds it, and that a dead holder does not keep.

The lock is an exclusive `flock` on `<state directory>/lock`, so the kernel releases it when its holder dies, whatever
way; the file's text says who holds it (process, start time, user, host, command, since), for the message.
"""

from __future__ import annotations

import datetime
import fcntl
import getpass
import json
import os
import socket
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from hybridml.errors import LockedError, StateError

_START_TIME_FIELD = 19
"""Position of `starttime` in `/proc/<pid>/stat` after the command's closing parenthesis; see proc(5), field 22."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds, or held, a stack."""

    pid: int
    """Its process."""
    started: str
    """When that process started, as the kernel counts it: tells a process from a later one with the same number."""
    user: str
    host: str
    command: str
    """What it was doing: `up`, `destroy`."""
    since: str
    """When it took the lock, ISO 8601, UTC."""

    def __str__(self) -> str:
        return f"`{self.command}` of {self.user} on {self.host}, process {self.pid}, since {self.since}"

    @property
    def alive(self) -> bool:
        """Whether that very process still runs on this machine."""
        return self.host == socket.gethostname() and process_start(self.pid) == self.started


class StackLock:
    """Holds one stack from `__enter__` to `__exit__`.

    Errors: `LockedError` when a live process holds it.
    """

    def __init__(self, directory: Path, command: str) -> None:
        self._path = directory / "lock"
        self._command = command
        self._descriptor: int | None = None
        self.taken_from: Holder | None = None
        """Who died holding the lock before us; None when it was free."""

    def __enter__(self) -> Self:
        descriptor = _open(self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(_held(self._path)) from None
        except OSError as error:
            os.close(descriptor)
            raise StateError(f"The lock {self._path} cannot be taken: {error.strerror}") from error
        self.taken_from = _read(self._path)
        _write(descriptor, _ourselves(self._command))
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is None:
            return
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None


def process_start(pid: int) -> str:
    """When process `pid` started, in the kernel's own count; empty when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _start_without_proc(pid)
    return stat.rpartition(")")[2].split()[_START_TIME_FIELD]


def _start_without_proc(pid: int) -> str:
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "unknown"
    return "unknown"


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"The lock {path} cannot be opened: {error.strerror}") from error


def _user() -> str:
    """Who runs this; in a container there may be a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _ourselves(command: str) -> Holder:
    return Holder(
        pid=os.getpid(),
        started=process_start(os.getpid()),
        user=_user(),
        host=socket.gethostname(),
        command=command or " ".join(sys.argv[:2]),
        since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    os.fsync(descriptor)


def _read(path: Path) -> Holder | None:
    """The holder that the lock file names; None when it names none, or was cut short."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Holder(**{field.name: facts[field.name] for field in fields(Holder)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _held(path: Path) -> str:
    holder = _read(path)
    who = str(holder) if holder else "another process"
    end = f"or end it (`kill {holder.pid}`)" if holder and holder.alive else "or end it"
    return f"The stack is held by {who}. Wait until it is done, {end}; nothing was changed. (lock: {path})"
