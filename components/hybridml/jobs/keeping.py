"""Records on disk: dated files that only their owner reads, written beside the answers and never in their way."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from hybridml.jobs.records import SUFFIX, Record, day_of, days

MOST_BYTES = 64 * 1024 * 1024
"""What may wait to be written; more is lost, and counted."""
FLUSH_SECONDS = 4
"""How long a server that stops waits for what is still to be written."""
RETIRE_SECONDS = 3600
"""How often old days are looked for."""

_LOG = logging.getLogger("uvicorn.error")
_QUIET_SECONDS = 3600
_KEY_BYTES = 32


class Pending(Protocol):
    """Something that becomes a record once there is time for it."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""

    def record(self, lost: int) -> Record:
        """The record, `lost` others before it."""


class Keeper:
    """Writes records in a thread of its own. What cannot be written is counted; nobody who asks notices.

    Each record is one `write`, so a server that is killed loses at most those that still waited.
    """

    def __init__(self, folder: Path, replica: str, retention_days: int) -> None:
        self._file = DatedFile(folder, replica)
        self._folder, self._retention_days = folder, retention_days
        self._waiting: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._taken = self._done = 0  # bytes; each is counted by one thread only
        self._refused = self._failed = self._told = 0  # records, likewise
        self._warned = -float(_QUIET_SECONDS)
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    def keep(self, pending: Pending) -> None:
        """Takes one record; returns at once."""
        if self._taken - self._done + pending.size > MOST_BYTES:
            self._refused += 1
            return
        self._taken += pending.size
        self._waiting.put(pending)

    def close(self) -> None:
        """Writes what waits, for at most `FLUSH_SECONDS`."""
        self._waiting.put(None)
        self._thread.join(FLUSH_SECONDS)

    @property
    def lost(self) -> int:
        """Records that could not be written."""
        return self._refused + self._failed

    def _work(self) -> None:
        retired = -float(RETIRE_SECONDS)
        while True:
            if time.monotonic() - retired >= RETIRE_SECONDS:
                retire(self._folder, datetime.now(UTC).date(), self._retention_days)
                retired = time.monotonic()
            try:
                pending = self._waiting.get(timeout=RETIRE_SECONDS)
            except queue.Empty:
                continue
            if pending is None:
                return
            self._write(pending)
            self._done += pending.size

    def _write(self, pending: Pending) -> None:
        lost = self.lost
        try:
            self._file.write(pending.record(lost - self._told).line())
            self._told = lost
        except Exception as error:  # whatever a request holds, the next one is written
            self._failed += 1
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if time.monotonic() - self._warned < _QUIET_SECONDS:
            return
        self._warned = time.monotonic()
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        _LOG.warning("requests are answered but not kept in %s: %s (%d so far)", self._folder, reason, self.lost)


class DatedFile:
    """A file that only grows, another one each day."""

    def __init__(self, folder: Path, replica: str) -> None:
        self._folder, self._name = folder, replica + SUFFIX
        self._day = ""
        self._descriptor = -1
        self._torn = False

    def write(self, line: bytes) -> None:
        """Adds one line with one `write`. Raises OSError, and may then have left half a line."""
        self._open(day_of(datetime.now(UTC)))
        whole = b"\n" + line if self._torn else line
        self._torn = os.write(self._descriptor, whole) < len(whole)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self, day: str) -> None:
        if self._descriptor >= 0 and day == self._day and os.fstat(self._descriptor).st_nlink:
            return
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        path = self._folder / day
        _private(path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor, self._day = os.open(path / self._name, flags, 0o600), day
        self._torn = _torn(self._descriptor)


def _torn(descriptor: int) -> bool:
    """Whether a file ends in half a line: whoever wrote it found the disk full, and ended."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _private(folder: Path) -> None:
    """Makes a folder, and what is missing above it, for their owner only."""
    if not folder.is_dir():
        _private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def retire(folder: Path, today: date, retention_days: int) -> None:
    """Deletes the days of `folder` that ended more than `retention_days` ago, and nothing that is not a record.

    A link to a folder elsewhere is its owner's. What cannot be deleted keeps nothing else; the log names it.
    """
    try:
        old = [path for day, path in days(folder) if (today - day).days > retention_days and not path.is_symlink()]
    except OSError as error:
        _LOG.warning("old records in %s cannot be looked for: %s", folder, error.strerror)
        return
    for path in old:
        _delete(path)


def _delete(day: Path) -> None:
    for file in day.glob(f"*{SUFFIX}"):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("%s is older than it may be and cannot be deleted: %s", file, error.strerror)
    with contextlib.suppress(OSError):  # somebody else's file lies there, or another server was faster
        day.rmdir()


def secret_of(path: Path) -> Callable[[], bytes]:
    """The secret in that file, which is made when it is first asked for and then stays; mode 0600."""
    found: list[bytes] = []

    def secret() -> bytes:
        if not found:
            found.append(_whole(path.read_bytes() if path.exists() else _made(path)))
        return found[0]

    return secret


def _whole(key: bytes) -> bytes:
    """`key`. Raises OSError for one so short that values could be tried with every key there is."""
    if len(key) < _KEY_BYTES:
        raise OSError(errno.EINVAL, f"the key of the hashes has {len(key)} bytes of {_KEY_BYTES}; delete it")
    return key


def _made(path: Path) -> bytes:
    """A new secret; that of whoever was first, when several make one at once."""
    _private(path.parent)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()
    return path.read_bytes()
