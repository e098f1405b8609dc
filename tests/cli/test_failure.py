"""However a command fails, it ends in one message and the right status."""

from __future__ import annotations

from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError, HybridMLError, Problem

from .conftest import Run


def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def _raise(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hybridml.cli.plan.planned", _raise)


def test_configuration_errors_come_all_at_once(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every problem is a line, in order of file and line, and the status is 2."""
    problems = [Problem(file="b.yaml", line=1, path="x", message="is bad"), Problem(file="a.yaml", message="is worse")]
    _raising(monkeypatch, ConfigurationError(problems))

    ran = run("plan", "--project", project, "-s", "one")

    assert (ran.code, ran.err) == (2, "a.yaml: is worse\nb.yaml:1 x: is bad\n")


def test_a_file_name_writes_nothing_but_its_name(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line breaks and control codes in the name of a file do not reach the terminal."""
    _raising(monkeypatch, ConfigurationError([Problem(file="a\nb\x1b[31m.yaml", line=1, message="is bad")]))

    assert run("plan", "--project", project, "-s", "one").err == "a\ufffdb\ufffd[31m.yaml:1: is bad\n"


@pytest.mark.parametrize("error", [HybridMLError("a\x1b[2J\nb\u202e"), ZeroDivisionError("a\x1b[2J\nb\u202e")])
def test_no_message_steers_the_terminal(
    error: Exception, run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of columns and words of libraries are anybody's; line breaks of messages stay."""
    _raising(monkeypatch, error)

    assert "a\ufffd[2J\nb\ufffd\n" in run("plan", "--project", project, "-s", "one").err


def test_a_known_failure_is_its_own_message(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `HybridMLError` is printed as it is."""
    _raising(monkeypatch, HybridMLError("The shelf is full. Buy another."))

    ran = run("plan", "--project", project, "-s", "one")

    assert (ran.code, ran.out, ran.err) == (1, "", "The shelf is full. Buy another.\n")


def test_an_unknown_failure_says_how_to_see_more(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect shows no traceback, unless `--debug` asks for it."""
    _raising(monkeypatch, ZeroDivisionError("by nothing"))

    quiet = run("plan", "--project", project, "-s", "one")
    loud = run("--debug", "plan", "--project", project, "-s", "one")

    assert quiet.code == loud.code == 1
    assert "ZeroDivisionError: by nothing" in quiet.err
    assert "Traceback" not in quiet.err
    assert "Traceback" in loud.err


def test_a_traceback_shows_no_secret(run: Run, project: Path) -> None:
    """What the program raised holds a secret of the configuration; neither the message nor `--debug` shows it."""
    program = "import pulumi\nraise ValueError(pulumi.Config('library').require('motto'))\n"
    (project / "__main__.py").write_text(program, encoding="utf-8")
    settings = "name: library\nruntime: python\nconfig: {motto: {secret: true, default: sesame-open}}\n"
    (project / "Pulumi.yaml").write_text(settings, encoding="utf-8")
    (project / "Pulumi.one.yaml").write_text("config: {}\n", encoding="utf-8")

    ran = run("--debug", "plan", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "ValueError" in ran.err
    assert "sesame" not in ran.err


def test_an_interrupt_is_not_a_traceback(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with status 130 and says how to go on."""
    _raising(monkeypatch, KeyboardInterrupt())

    ran = run("plan", "--project", project, "-s", "one")

    assert ran.code == 130
    assert ran.err.startswith("Interrupted.")


def test_a_reader_that_leaves_is_no_failure_to_talk_about(start: Run, project: Path) -> None:
    """`hybridml plan | head -0` prints nothing on stderr."""
    import subprocess

    from .conftest import COMMAND

    argv = f"{COMMAND} plan --all --format json --project {project} | true"
    done = subprocess.run(["bash", "-c", argv], capture_output=True, text=True, check=False)

    assert done.stderr == ""


def test_a_wrong_option_is_a_usage_error(run: Run) -> None:
    """An option that does not exist ends with status 2."""
    assert run("plan", "--colour").code == 2
