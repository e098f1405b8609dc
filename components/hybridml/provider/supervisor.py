"""Keeps one process alive: `python -I -S supervisor.py FOLDER`, the task as JSON on standard input.

Two processes share the work. The keeper adopts every orphan below it and waits; when the supervisor is killed, the
keeper kills whatever is left, so no child outlives its supervision. The supervisor starts the child in a process
group of its own, writes its output to a rotated log, starts it again with growing delays when it ends, and on SIGTERM
stops all of its descendants: SIGTERM, grace, SIGKILL.

While a file `paused` lies in FOLDER there is no child: whoever makes or removes it sends SIGUSR1, so that nobody has
to look again and again; a supervisor that starts finds it there. A child that is told to pause gets SIGTERM only after
`pause_delay`, in which whoever sends it requests can look elsewhere.

FOLDER holds `lock` (held for as long as any of the two lives), `status.json`, `log` and, for services that want one,
the socket. The task comes on standard input because it holds secrets: they are in no file and no argument list.

Standard library only; nothing of hybridml is imported, so a service outlives an upgrade of the package.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import json
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
BUSY = 75
"""Exit status when another supervisor holds the folder."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_CHUNK = 1 << 16
_CHUNKS_AT_ONCE = 16
"""As much as a pipe holds at most: nothing said is lost, and nobody is listened to for ever."""
_TICK, _LONG = 0.05, 3600.0
PAUSED = "paused"
"""File that pauses the child while it lies in the folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What to keep alive."""

    argv: list[str]
    """Program and arguments."""
    cwd: str
    """Working directory."""
    env: dict[str, str]
    """The whole environment."""
    socket: str = ""
    """Socket of the service, absolute; removed before each start."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""
    log_bytes: int = 10 << 20
    """Size at which the log is rotated."""
    log_files: int = 3
    """How many rotated logs are kept."""
    first_delay: float = 0.5
    """Seconds before the first restart; doubled each time."""
    pause_delay: float = 5.0
    """Seconds between the wish to pause and SIGTERM."""
    longest_delay: float = 30.0
    """Seconds between restarts at most."""
    stable_after: float = 60.0
    """A run of that many seconds sets the delay back."""
    once: bool = False
    """Exit status 0 ends the supervision; any other end starts the child again."""


def start_time(pid: int) -> str:
    """Boot id and kernel start time of a process, empty when there is none: two processes never share both."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def descendants(root: int) -> list[int]:
    """Ids of all processes below `root`, wherever their process group is."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                yield int(entry.name), int(stat.rpartition(")")[2].split()[1])


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _prctl(option: int, value: int) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)


def _reap() -> dict[int, int]:
    """Exit codes of all children that have ended, by process id."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    return ended


def _kill_the_rest() -> None:
    """Kill every descendant; those that lose their parent become children of this process, and are killed next."""
    while below := [pid for pid in descendants(os.getpid()) if start_time(pid)]:
        _signal_all(below, signal.SIGKILL)
        _reap()
        time.sleep(_TICK)
    _reap()


class Log:
    """An append-only log that is rotated by size: `log`, `log.1`, ..., each readable by its owner alone."""

    def __init__(self, path: Path, limit: int, keep: int) -> None:
        self._path, self._limit, self._keep = path, limit, keep
        self._file = self._open()

    def _open(self) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        return os.fdopen(os.open(self._path, flags, 0o600), "ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Append `data`, rotating first when the log would grow beyond its limit."""
        for start in range(0, len(data), self._limit):
            piece = data[start : start + self._limit]
            if self._file.tell() + len(piece) > self._limit:
                self._rotate()
            with contextlib.suppress(OSError):  # a full disk must not end the service
                self._file.write(piece)

    def _rotate(self) -> None:
        try:
            self._move()
            fresh = self._open()
        except OSError:  # what cannot be moved is overwritten: neither the service ends nor the log outgrows its limit
            self._file.truncate(0)
            self._file.seek(0)
            return
        self._file.close()
        self._file = fresh

    def _move(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        if self._keep == 0:
            self._path.unlink(missing_ok=True)


class Supervisor:
    """Runs the task again and again until it is told to stop."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder, self._task = folder, task
        self._log = Log(folder / "log", task.log_bytes, task.log_files)
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        self._restarts = 0
        self._last_exit = ""
        self._last_status: int | None = None
        self._delay = task.first_delay
        self._pauses_at: float | None = None

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, or until nobody could find the child: its folder is gone."""
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        while not self._stopping:
            if self._paused():
                self._rest()
            else:
                self._run_once()
        self._status("stopped")

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _paused(self) -> bool:
        return (self._folder / PAUSED).exists()

    def _rest(self) -> None:
        """Wait without a child until the pause, or the supervision, ends."""
        self._status("paused")
        self._sleep(_LONG, paused=True)
        self._delay = self._task.first_delay

    def _run_once(self) -> None:
        began = time.monotonic()
        child, self._pauses_at = self._start(), None
        if child is not None:
            self._status("running", child.pid)
            self._watch(child)
            self._stop_group(child)
        if self._stopping or self._pauses_at is not None or self._finished(child):
            return
        self._restarts += 1
        if time.monotonic() - began >= self._task.stable_after:
            self._delay = self._task.first_delay
        self._status("waiting")
        self._sleep(self._delay)
        self._delay = min(self._delay * 2, self._task.longest_delay)

    def _finished(self, child: subprocess.Popen[bytes] | None) -> bool:
        """Whether a task that runs once has done its work, or nobody could find the next child: its folder is gone."""
        done = self._task.once and child is not None and self._last_status == 0
        self._stopping = done or not self._folder.exists()
        return self._stopping

    def _start(self) -> subprocess.Popen[bytes] | None:
        if self._task.socket:
            Path(self._task.socket).unlink(missing_ok=True)
        try:
            return subprocess.Popen(
                self._task.argv,
                cwd=self._task.cwd,
                env=self._task.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
            )
        except OSError as error:
            self._last_exit = f"could not be started: {error.strerror}"
            self._log.write(f"{self._task.argv[0]}: {error.strerror}\n".encode())
            return None

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Copy the child's output to the log until it ends or a stop is asked for."""
        assert child.stdout is not None  # noqa: S101 - it was opened as a pipe
        os.set_blocking(child.stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            selector.register(self._wake[0], selectors.EVENT_READ)
            while not self._stopping and not self._ended(child.pid) and not self._let_go(child.pid):
                selector.select(self._patience())
                self._drain_wake()
                if not self._copy(child.stdout) and child.stdout in selector.get_map():
                    selector.unregister(child.stdout)
        self._copy(child.stdout)

    def _let_go(self, pid: int) -> bool:
        """Whether the child is to pause, and nobody sends it requests any more."""
        paused, pausing = self._paused(), self._pauses_at is not None
        if paused != pausing:
            self._pauses_at = time.monotonic() + self._task.pause_delay if paused else None
            self._status("pausing" if paused else "running", pid)
        return self._pauses_at is not None and time.monotonic() >= self._pauses_at

    def _patience(self) -> float | None:
        """Seconds until the child is let go; None: until something happens."""
        return None if self._pauses_at is None else max(0.0, self._pauses_at - time.monotonic())

    def _ended(self, pid: int) -> bool:
        code = _reap().get(pid)
        if code is None:
            return False
        self._last_status = code
        self._last_exit = f"ended with status {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        return True

    def _copy(self, stream: Any) -> bool:
        """Whether the stream stays open."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_CHUNKS_AT_ONCE):
                if not (data := os.read(stream.fileno(), _CHUNK)):
                    return False
                self._log.write(data)
        return True

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake[0], _CHUNK):
                pass

    def _stop_group(self, child: subprocess.Popen[bytes]) -> None:
        """Stop all descendants: SIGTERM, grace, SIGKILL; what they still say goes to the log."""
        _signal_all(self._alive(), signal.SIGTERM)
        deadline = time.monotonic() + self._task.grace
        while self._alive() and time.monotonic() < deadline:
            self._copy(child.stdout)
            time.sleep(_TICK)
        _kill_the_rest()
        self._copy(child.stdout)
        if child.stdout is not None:
            child.stdout.close()
        child.returncode = child.returncode or 0

    def _alive(self) -> list[int]:
        _reap()
        return [pid for pid in descendants(os.getpid()) if start_time(pid)]

    def _sleep(self, duration: float, *, paused: bool = False) -> None:
        """Wait while nobody asks for a stop, or for another state than `paused`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake[0], selectors.EVENT_READ)
            deadline = time.monotonic() + duration
            while not self._stopping and self._paused() == paused and (left := deadline - time.monotonic()) > 0:
                selector.select(left)
                self._drain_wake()

    def _status(self, phase: str, child: int = 0) -> None:
        status = {
            "phase": phase,
            "supervisor": _identity(os.getpid()),
            "child": _identity(child) if child else None,
            "since": time.monotonic(),
            "restarts": self._restarts,
            "last_exit": self._last_exit,
        }
        part = self._folder / "status.json.part"
        with contextlib.suppress(OSError):  # a full disk must not end the service
            part.write_text(json.dumps(status), encoding="utf-8")
            part.replace(self._folder / "status.json")


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": start_time(pid)}


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def lock_request(kind: int) -> bytes:
    """The kernel's `struct flock` over a whole file, as the OFD locks of fcntl(2) take it."""
    return struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0)


def _lock(folder: Path) -> None:
    """Take the lock of `folder` for the life of this process; ends the process when another supervisor holds it.

    It belongs to the open file, which keeper and supervisor share, so it is free once both are gone.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock_request(fcntl.F_WRLCK))
    except (BlockingIOError, PermissionError):
        sys.exit(BUSY)


def _keep(supervisor: int) -> None:
    """Wait for the supervisor and leave nothing behind, however it ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.kill(supervisor, signal.SIGTERM))
    while os.waitpid(-1, 0)[0] != supervisor:
        pass
    _kill_the_rest()


def main() -> None:
    """Read the task, take the lock, divide into keeper and supervisor."""
    os.umask(0o077)
    folder, task = Path(sys.argv[1]), Task(**json.load(sys.stdin))
    os.chdir("/")
    _lock(folder)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if pid := os.fork():
        _keep(pid)
        return
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    Supervisor(folder, task).run()


if __name__ == "__main__":
    main()
