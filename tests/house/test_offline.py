"""Every stack is planned and checked with no account, no network and no home, fast, and alike twice."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .documents import ROOT

STACKS = ("dev", "local", "onprem", "prod", "staging")
SECONDS = 6.0
"""What a plan or a check of one stack may take from a cold start, in seconds of processor: tests run side by side."""


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    out: str
    err: str
    seconds: float


@pytest.fixture
def alone(tmp_path: Path) -> list[str]:
    """What a command is prefixed with to have no network, where this machine allows that."""
    unshare = shutil.which("unshare")
    prefix = [unshare, "--net", "--map-root-user"] if unshare else []
    if prefix and subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0:
        return prefix
    return []


def _run(alone: list[str], home: Path, *argv: str) -> Ran:
    command = str(Path(sys.executable).with_name("hybridml"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONHASHSEED": "random"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*alone, command, *argv], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(done.returncode, done.stdout, done.stderr, seconds)


def test_these_are_the_stacks() -> None:
    """The repository has five stacks."""
    found = {
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (ROOT / "stacks").glob("Pulumi.*.yaml")
    }

    assert found == set(STACKS)


@pytest.mark.parametrize("command", ["plan", "check"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_alone(stack: str, command: str, alone: list[str], tmp_path: Path) -> None:
    """Exit status 0, within six seconds, the same bytes twice, nothing written to the home folder."""
    first, second = (_run(alone, tmp_path, command, "-s", stack, "--format", "json") for _ in range(2))

    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    assert min(first.seconds, second.seconds) <= SECONDS
    assert list(tmp_path.iterdir()) == []


def test_all_stacks_at_once(alone: list[str], tmp_path: Path) -> None:
    """`check --all` is clean."""
    ran = _run(alone, tmp_path, "check", "--all")

    assert (ran.code, ran.err) == (0, "")
    assert [line.split(":")[0] for line in ran.out.splitlines() if ": clean" in line] == list(STACKS)
