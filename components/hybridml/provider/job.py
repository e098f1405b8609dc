"""Runs one program to its end: `python -I -S job.py FOLDER PROGRAM [ARGUMENT...]`, as the child of a supervisor.

How it ended goes to `FOLDER/ended.json`. Whoever waits for it holds a lock on `FOLDER/waiting`, which the kernel
releases when its holder dies: then this process ends, and its supervisor stops whatever is left of the program.

Standard library only, like the supervisor.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Final

WAITING: Final = "waiting"
"""File in the job's folder that is locked as long as somebody waits."""
ENDED: Final = "ended.json"
"""File in the job's folder that says how the program ended."""
NOT_STARTED: Final = 127
"""Status of a program that could not be started, as a shell says it."""
_LOOK_EVERY_MS = 250


def hold(folder: Path) -> int:
    """Wait for the job of `folder`: the descriptor that holds the lock until it is closed.

    Raises BlockingIOError when somebody else waits for it already.
    """
    descriptor = os.open(folder / WAITING, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _abandoned(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(argv: list[str], waiting: int) -> int | None:
    """The program's exit status, negative for a signal; None when nobody waits for it any more."""
    try:
        program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return NOT_STARTED
    poll = select.poll()
    poll.register(os.pidfd_open(program.pid), select.POLLIN)
    while not poll.poll(_LOOK_EVERY_MS):
        if _abandoned(waiting):
            return None
    return program.wait()


def main() -> None:
    """Run the program and write how it ended."""
    folder, argv = Path(sys.argv[1]), sys.argv[2:]
    waiting = os.open(folder / WAITING, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = _run(argv, waiting)
    if status is not None:
        part = folder / f"{ENDED}.part"
        part.write_text(json.dumps({"status": status}), encoding="utf-8")
        part.replace(folder / ENDED)


if __name__ == "__main__":
    main()
