"""Runs `up`, `refresh` or `destroy` of a sandbox and kills itself (SIGKILL) around one line of the journal.

`before`: when the line is about to be written, so that what it reports has happened. `after`: when it is on disk,
counting only lines that announce a call of a provider, so that the call is not made (after any other line is before the
next). `torn`: when half of the line is on disk. `folded`: when the deployment file is new and the
journal is not yet removed.
"""

import os
import signal
import sys
from pathlib import Path

from hybridml.engine import apply, journal, secrets, state
from hybridml.engine.project import load_project
from hybridml.engine.selection import Targets


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def patch(how, line):
    append, write, write_all, count = journal.Ledger._append, state.write, journal._write_all, [0]

    def counted(self, entry):
        count[0] += how != "after" or entry["event"] == "begin"
        now = count[0] == line and how != "folded"
        if now and how == "before":
            die()
        if now and how == "torn":
            journal._write_all = lambda descriptor, data: (write_all(descriptor, data[: len(data) // 2]), die())
        append(self, entry)
        if now:
            die()

    def folded(directory, document):
        write(directory, document)
        die()

    journal.Ledger._append = counted
    if how == "folded":
        state.write = folded


def main(root, command, how, line, *patterns):
    patch(how, int(line))
    secrets.ITERATIONS = int(os.environ.get("HYBRIDML_TEST_ROUNDS", secrets.ITERATIONS))
    getattr(apply, command)(load_project(Path(root)), "dev", targets=Targets(patterns=patterns, dependents=True))


main(*sys.argv[1:])
