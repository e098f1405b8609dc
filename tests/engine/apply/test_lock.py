"""One run at a time per stack."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from engine.apply.sandbox import DRIVER, Sandbox, asked
from hybridml.engine.lock import StackLock, process_start
from hybridml.errors import LockedError, StateError

HOLD = """
import sys
from pathlib import Path
from hybridml.engine.lock import StackLock
with StackLock(Path(sys.argv[1]), "up"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(directory: Path) -> subprocess.Popen[str]:
    """A live process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_live_holder_keeps_the_lock_and_is_named(tmp_path: Path) -> None:
    """The message says who, where, what and since when, and how to go on."""
    process = holder(tmp_path)

    with pytest.raises(LockedError) as caught, StackLock(tmp_path, "destroy"):
        raise AssertionError("two holders")

    since = json.loads((tmp_path / "lock").read_text())["since"]
    assert str(caught.value) == (
        f"The stack is held by `up` of root on {socket.gethostname()}, process {process.pid}, since {since}. "
        f"Wait until it is done, or end it (`kill {process.pid}`); nothing was changed. (lock: {tmp_path / 'lock'})"
    ).replace("root", json.loads((tmp_path / "lock").read_text())["user"])
    process.communicate("")


def test_a_dead_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    """It is taken over, and whom it is taken from is known."""
    process = holder(tmp_path)
    process.kill()
    process.communicate()

    with StackLock(tmp_path, "up") as lock:
        assert lock.taken_from is not None
        assert (lock.taken_from.pid, lock.taken_from.command) == (process.pid, "up")
        assert not lock.taken_from.alive


def test_a_released_lock_was_nobodys(tmp_path: Path) -> None:
    """After an orderly end there is nothing to take over."""
    with StackLock(tmp_path, "up"):
        pass

    with StackLock(tmp_path, "up") as lock:
        assert lock.taken_from is None


def test_a_lock_file_of_junk_is_taken(tmp_path: Path) -> None:
    """What the file says only matters while somebody holds it."""
    (tmp_path / "lock").write_text("{")

    with StackLock(tmp_path, "up") as lock:
        assert lock.taken_from is None


def test_a_state_folder_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    """A file in place of the folder, and a folder in place of the lock, are named."""
    (tmp_path / "file").touch()
    (tmp_path / "lock").mkdir()

    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path):
        with pytest.raises(StateError, match="cannot be opened"), StackLock(folder, "up"):
            raise AssertionError("taken")


def test_a_user_without_a_name_takes_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may be a number that no file names."""

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)

    with StackLock(tmp_path, "up"):
        assert json.loads((tmp_path / "lock").read_text())["user"] == f"user {os.getuid()}"


def test_processes_are_told_apart_by_their_start() -> None:
    """A number alone may be somebody else's by now."""
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    assert process_start(2**22 + 1) == ""


def test_two_ups_at_once(sandbox: Sandbox) -> None:
    """One is refused with one clear message and changes nothing; the other ends well."""
    sandbox.ask(slow=asked("Fault", {"slow": 3}))
    argv = [sys.executable, str(DRIVER), str(sandbox.root), "up", "never", "0"]
    first = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    while not (sandbox.directory / "journal.jsonl").exists():
        assert first.poll() is None

    with pytest.raises(LockedError) as caught:
        sandbox.up()

    assert f"process {first.pid}" in str(caught.value)
    assert first.wait(60) == 0
    assert sandbox.effects == ["create slow"]
    assert sandbox.up().changes["same"] == 2
