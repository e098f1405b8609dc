"""The command explains itself, and starts fast."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from hybridml.cli.app import app
from typer.main import get_command

from .conftest import COMMAND, Run

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_there_are_the_twelve_commands() -> None:
    """Those that the changelog names, and no other."""
    wanted = "add check destroy doctor init invoke plan refresh rollout schema status up"

    assert " ".join(COMMANDS) == wanted


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_status(run: Run, command: str) -> None:
    """The help of each command shows how it is typed."""
    ran = run(command, "--help")

    assert ran.code == 0
    assert f"hybridml {command}" in " ".join(ran.out.split())


def test_version_is_the_package_version(run: Run) -> None:
    """`--version` prints the version and nothing else."""
    import hybridml

    assert run("--version").out == f"{hybridml.__version__}\n"


def test_help_starts_fast() -> None:
    """`hybridml --help` takes at most 0.4 s of processor more than a Python that does nothing."""
    nothing = min(_seconds([sys.executable, "-c", "pass"]) for _ in range(5))
    helping = min(_seconds([COMMAND, "--help"]) for _ in range(5))

    assert helping - nothing <= 0.4


def _seconds(argv: list[str]) -> float:
    """Processor time of a command: what other tests do at the same time does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
