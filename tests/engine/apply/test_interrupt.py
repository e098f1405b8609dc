"""A run that a person ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from engine.apply.sandbox import DRIVER, Sandbox, asked

SAID = "The run was interrupted. What was under way has ended and is recorded; `up` goes on."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_what_is_under_way_and_begins_nothing_new(
    sandbox: Sandbox, number: signal.Signals
) -> None:
    """The step under way is recorded, the next is not begun, the lock is given back, and one line says so."""
    sandbox.ask(slow=asked("Fault", {"slow": 1}), after=asked("Fault", {"word": {"ref": ["slow", "greeting"]}}))
    argv = [sys.executable, str(DRIVER), str(sandbox.root), "up", "never", "0"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    journal = sandbox.directory / "journal.jsonl"
    while not (journal.exists() and '"begin"' in journal.read_text()):
        assert process.poll() is None

    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    assert said.splitlines()[-1] == f"hybridml.errors.Interrupted: {SAID}"
    assert sandbox.effects == ["create slow"]
    assert sandbox.names() == {"slow"}
    assert not journal.exists()
    assert sandbox.plugins() == []

    assert sandbox.up().changes["create"] == 1
