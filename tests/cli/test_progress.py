"""Progress is a line per step in a pipe, and a board on a terminal."""

from __future__ import annotations

import io

import pytest
from hybridml.cli import progress
from hybridml.engine.apply_events import Event, Note, StepFinished, StepStarted, Waiting
from rich.console import Console

URN = "urn:pulumi:one::shop::shop:index:Shop$hybridml:index:HostService::till"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (StepStarted(urn=URN, operation="create"), "creating till (HostService)"),
        (
            StepStarted(urn=URN, operation="update", reasons=("argv", "env")),
            "updating till (HostService) (changed: argv, env)",
        ),
        (StepFinished(urn=URN, operation="delete", seconds=1.24), "deleted till (HostService) in 1.2 s"),
        (
            StepFinished(urn=URN, operation="create", seconds=2, error="no"),
            "failed to create till (HostService) after 2.0 s",
        ),
        (
            StepFinished(urn=URN, operation="read", seconds=1, error="no"),
            "failed to read till (HostService) after 1.0 s",
        ),
        (StepStarted(urn=URN, operation="read"), ""),
        (StepFinished(urn=URN, operation="configure", seconds=1), ""),
        (Waiting(steps=((URN, "create", 12.4),)), "waiting for till (HostService) (12 s)"),
        (Note(text="The lock was taken over."), "The lock was taken over."),
    ],
)
def test_an_event_is_a_line(event: Event, line: str) -> None:
    """Steps that change something, failures, waits and notes are told; the rest is not worth a line."""
    assert progress.line(event) == line


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, lines are written to stderr as they come."""
    with progress.shown() as listen:
        listen(StepStarted(urn=URN, operation="create"))

    assert capsys.readouterr() == ("", "creating till (HostService)\n")


def test_a_terminal_gets_a_board() -> None:
    """What is under way is shown with its seconds; what is done stays above it."""
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    board = progress._Board(console)

    board.listen(StepStarted(urn=URN, operation="create"))
    console.print(board.render())
    board.listen(StepFinished(urn=URN, operation="create", seconds=0.5))
    console.print(board.render())

    assert stream.getvalue().split() == [
        *("creating", "till", "(HostService)", "0", "s"),
        *("created", "till", "(HostService)", "in", "0.5", "s"),
    ]
