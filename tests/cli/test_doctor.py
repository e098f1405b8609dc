"""`hybridml doctor`: what it sees, and the fix for it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from hybridml.cli import checks
from hybridml.cli.checks import Result

from .conftest import Run

KUBECONFIG = "contexts:\n- name: prod-dc1\n  context: {cluster: a, user: b}\n"


def test_a_healthy_machine_exits_zero(run: Run, project: Path) -> None:
    """Python, disk and the plugin's environment are looked at without a stack."""
    ran = run("doctor", "--project", project, "--format", "json")
    report = json.loads(ran.out)

    assert ran.code == 0
    assert report["healthy"] is True
    assert [check["name"] for check in report["checks"]] == ["python", "disk", "plugin environment", "pulumi"]


def test_a_stack_adds_lock_state_and_configuration(run: Run, project: Path) -> None:
    """With a stack, its lock, its state and its configuration are looked at too."""
    report = json.loads(run("doctor", "--project", project, "-s", "one", "--format", "json").out)

    assert [check["name"] for check in report["checks"]][3:] == ["lock", "state", "configuration", "pulumi"]


def test_a_state_that_cannot_be_read_is_a_problem(run: Run, project: Path) -> None:
    """A state cut short makes the command exit 1 and is named with its file."""
    folder = project / ".hybridml" / "one"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"version": 3, "deploy', encoding="utf-8")

    ran = run("doctor", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "PROBLEM  state" in ran.out
    assert str(folder / "state.json") in ran.out


def test_a_lock_held_by_a_live_run_is_a_problem(run: Run, project: Path) -> None:
    """Who holds the lock is said, and looking does not take it."""
    from hybridml.engine.lock import StackLock

    with StackLock(project / ".hybridml" / "one", "up"):
        ran = run("doctor", "--project", project, "-s", "one")

    assert ran.code == 1
    assert f"process {os.getpid()}" in ran.out


def test_a_port_of_somebody_else_is_a_problem() -> None:
    """A port in use is named with the way to find its holder; once it is free, so it is said."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = checks.of_port(port, "churn", ours=False)
        ours = checks.of_port(port, "churn", ours=True)
    free = checks.of_port(port, "churn", ours=False)

    assert (taken.result, ours.result, free.result) == (Result.PROBLEM, Result.OK, Result.OK)
    assert f"sport = :{port}" in taken.fix


def test_a_deployed_port_that_nobody_answers_is_a_problem() -> None:
    """What is deployed should listen."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

    assert checks.of_port(port, "churn", ours=True).result is Result.PROBLEM


@pytest.mark.parametrize(
    ("look", "variable"), [(checks.of_aws, "AWS_PROFILE"), (checks.of_gcp, "GOOGLE_APPLICATION_CREDENTIALS")]
)
def test_credentials_are_looked_for_and_not_read(
    look: object, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials there is a fix; with a variable that names some there is none, and its value is not shown."""
    monkeypatch.setenv("HOME", str(tmp_path))

    without = look("there", {})  # type: ignore[operator]
    with_some = look("there", {variable: "s3cret"})  # type: ignore[operator]

    assert (without.result, with_some.result) == (Result.PROBLEM, Result.OK)
    assert without.fix
    assert "s3cret" not in with_some.seen


def test_a_kubernetes_context_is_looked_up(tmp_path: Path) -> None:
    """The context must be in a kubeconfig; one that is broken has none."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(KUBECONFIG, encoding="utf-8")
    bad.write_text("contexts: [", encoding="utf-8")

    assert checks.of_kubernetes("dc", "prod-dc1", {"KUBECONFIG": f"{bad}:{good}"}).result is Result.OK
    assert checks.of_kubernetes("dc", "prod-dc2", {"KUBECONFIG": f"{bad}:{good}"}).result is Result.PROBLEM
    assert checks.of_kubernetes("dc", "prod-dc1", {"KUBECONFIG": str(tmp_path / "none")}).result is Result.PROBLEM


def test_pulumi_is_a_problem_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of this machine does without the `pulumi` command."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    assert checks.of_pulumi(needed=False).result is Result.WARNING
    assert checks.of_pulumi(needed=True).result is Result.PROBLEM
    assert "https://www.pulumi.com/docs/install/" in checks.of_pulumi(needed=True).fix
