"""`hybridml plan`: what it prints, where, and how it says no."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import COMMAND, Run


def test_plan_shows_the_tree_on_stdout(run: Run, project: Path) -> None:
    """The result is on stdout, nothing is on stderr, and the exit status is 0."""
    ran = run("plan", "--project", project, "-s", "two")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("library/two  2 resources\n")
    assert "shelf-0" in ran.out
    assert "shelf-1" in ran.out


def test_plan_is_json_on_request(run: Run, project: Path) -> None:
    """`--format json` is the documented document."""
    document = json.loads(run("plan", "--project", project, "-s", "one", "--format", "json").out)

    assert list(document) == ["version", "project", "stack", "resources", "outputs", "diff", "notes", "summary"]
    assert document["summary"] == {"resources": 1, "types": {"library:index:Shelf": 1}}
    assert document["outputs"]["motto"] == "[secret]"


def test_all_is_a_list_in_order(run: Run, project: Path) -> None:
    """`--all` plans every stack, in order of their names."""
    documents = json.loads(run("plan", "--project", project, "--all", "--format", "json").out)

    assert [document["stack"] for document in documents] == ["one", "two"]


def test_out_writes_the_file_and_nothing_else(run: Run, project: Path) -> None:
    """`--out` leaves stdout empty and no partial file behind."""
    ran = run("plan", "--project", project, "-s", "one", "--format", "json", "--out", project / "plans" / "one.json")

    assert (ran.code, ran.out) == (0, "")
    assert json.loads((project / "plans" / "one.json").read_text(encoding="utf-8"))["stack"] == "one"
    assert [path.name for path in (project / "plans").iterdir()] == ["one.json"]


def test_a_stack_must_be_told_apart(run: Run, project: Path) -> None:
    """With two stacks and none named, the message names both."""
    ran = run("plan", "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "--stack: say which stack (one of one, two)\n"


def test_an_unknown_stack_is_refused(run: Run, project: Path) -> None:
    """A stack without a file is named, with those that have one."""
    ran = run("plan", "--project", project, "-s", "three")

    assert (ran.code, ran.err) == (2, "--stack: there is no stack 'three' (one of one, two)\n")


def test_a_folder_without_a_project_is_refused(run: Run, tmp_path: Path) -> None:
    """A folder that holds no project file ends in one message."""
    ran = run("plan", "--project", tmp_path)

    assert ran.code == 2
    assert "holds no Pulumi.yaml" in ran.err
    assert "Traceback" not in ran.err


def test_a_missing_state_is_refused(run: Run, project: Path) -> None:
    """`--against` a file that is not there says how to write one."""
    ran = run("plan", "--project", project, "-s", "one", "--against", project / "state.json")

    assert ran.code == 1
    assert "There is no state at" in ran.err
    assert "pulumi stack export" in ran.err


def test_a_program_that_raises_is_one_message(run: Run, project: Path) -> None:
    """The message names the program's file and line, and there is no traceback."""
    (project / "__main__.py").write_text("import pulumi\nraise RuntimeError('no shelves')\n", encoding="utf-8")

    ran = run("plan", "--project", project, "-s", "one")

    assert ran.code == 1
    assert ran.err == "__main__.py:2: the program raised RuntimeError: no shelves\n"


def test_a_program_that_exits_is_one_message(run: Run, project: Path) -> None:
    """`sys.exit` in a program does not become the exit status of the command."""
    (project / "__main__.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")

    ran = run("plan", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "the program left with sys.exit(0)" in ran.err


def test_explain_needs_endpoint_files(run: Run, project: Path) -> None:
    """A project without endpoint files has nothing to explain, and the message says so."""
    ran = run("plan", "--project", project, "-s", "one", "--explain", "churn")

    assert ran.code == 2
    assert "endpoints: does not exist" in ran.err


@pytest.mark.parametrize("out", ["", "plans", "Pulumi.yaml/plan.txt", "gone/link"])
def test_an_out_that_cannot_be_written_is_said(run: Run, project: Path, out: str) -> None:
    """A folder, a file taken for a folder and a dangling link end in one message, and leave nothing behind."""
    (project / "plans").mkdir()
    (project / "gone").symlink_to("nowhere/at/all")

    ran = run("schema", "--out", project / out)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"The result cannot be written to {project / out}: ")
    assert ran.err.endswith(". Write it elsewhere: another --out FILE\n")
    assert not [path for path in project.rglob(".*") if path.is_file()]


def test_a_stdout_that_takes_nothing_is_said() -> None:
    """A full disk and a closed stdout are no defects of the command."""
    full = subprocess.run(["bash", "-c", f"{COMMAND} schema > /dev/full"], capture_output=True, text=True, check=False)
    closed = subprocess.run(["bash", "-c", f"{COMMAND} schema >&-"], capture_output=True, text=True, check=False)

    fix = "Write it elsewhere: --out FILE\n"
    assert (full.returncode, full.stderr) == (
        1,
        f"The result cannot be written to stdout: No space left on device. {fix}",
    )
    assert (closed.returncode, closed.stderr) == (1, f"The result cannot be written to stdout: it is closed. {fix}")


def test_a_state_that_is_a_folder_is_said(run: Run, project: Path) -> None:
    """`--against .` is a mistake, not a defect."""
    ran = run("plan", "--project", project, "-s", "one", "--against", project)

    assert ran.code == 1
    assert ran.err.startswith(f"{project} is no file. Write one with: pulumi stack export --file")


@pytest.mark.parametrize(
    "options",
    [
        ("plan", "--all", "--stack", "one"),
        ("check", "--all", "--stack", "one"),
        ("plan", "--explain", "churn", "--all"),
        ("plan", "--explain", "churn", "--against", "state.json"),
    ],
)
def test_options_that_contradict_each_other_are_refused(run: Run, project: Path, options: tuple[str, ...]) -> None:
    """None of them is silently left out."""
    ran = run(*options, "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(": contradict each other (keep one of them)\n")


@pytest.mark.parametrize("command", ["plan", "check", "up", "destroy", "status", "doctor"])
def test_a_stack_is_no_way_out_of_the_project(run: Run, project: Path, command: str) -> None:
    """Where no stack has a file any name is a stack, but none that leads elsewhere."""
    for file in project.glob("Pulumi.*.yaml"):
        file.unlink()

    ran = run(command, "--project", project, "-s", "../../elsewhere")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("'../../elsewhere' is no name of a stack (")
