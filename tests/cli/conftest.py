"""A small project of somebody else, and the command run in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

COMMAND = str(Path(sys.executable).with_name("hybridml"))
PROGRAM = """
import pulumi

class Shelf(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("library:index:Shelf", name)
        self.register_outputs({"label": name})

config = pulumi.Config("library")
for number in range(config.get_int("shelves") or 1):
    Shelf(f"shelf-{number}")
pulumi.export("motto", config.get_secret("motto"))
pulumi.export("shelves", config.get_int("shelves"))
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two stacks and no endpoint, whose program makes components only."""
    (tmp_path / "Pulumi.yaml").write_text("name: library\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "Pulumi.one.yaml").write_text("config: {library:shelves: 1, library:motto: read}\n", encoding="utf-8")
    (tmp_path / "Pulumi.two.yaml").write_text("config: {library:shelves: 2}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run() -> Run:
    """Runs the command in this process."""
    from hybridml.cli.app import app

    def _run(*argv: str | Path, given: str | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(each) for each in argv], input=given)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return _run


@pytest.fixture
def start() -> Run:
    """Runs the command in a process of its own."""

    def _start(*argv: str | Path, **options: object) -> Ran:
        done = subprocess.run([COMMAND, *map(str, argv)], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
        return Ran(done.returncode, done.stdout, done.stderr)

    return _start
