"""`hybridml rollout`: what is shown of a rollout, and how it is steered through its folder."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hybridml.cli.following import following
from hybridml.engine.apply_events import Event, Note, Waiting
from hybridml.provider.envoy_files import Configuration, EnvoyFiles
from hybridml.provider.rollout_folder import RolloutFolder, Undertaking
from hybridml.provider.supervisor import lock_request
from hybridml.proxy import ServedVariant
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy

from .conftest import Run
from .stage import deployed

GATE = {
    "gate": "error_rate",
    "variant": "champion",
    "verdict": "hold",
    "observed": 0.02,
    "limit": 0.05,
    "low": 0.001,
    "high": 0.123456,
    "requests": 100,
    "reason": "2 of 100 requests failed",
}
LOOK = {
    "title": "champion 3 → 4",
    "step": 0,
    "steps": 2,
    "percent": 5.0,
    "elapsed": 12.3,
    "judgement": {"verdict": "hold", "gates": [GATE], "reason": "no gate is broken"},
    "note": "no gate is broken; it lasts 600 s",
}
ENDED = {"verdict": "abort", "step": 0, "cause": "gates", "reason": "9 of 30 requests failed", "history": [LOOK]}
PLAN = RolloutPlan(
    strategy=Strategy.CANARY, steps=(5.0, 50.0), interval=1, bake=600, max_bake=900, min_requests=1, gates=Gates()
)


def undertaking() -> Undertaking:
    nothing = Configuration(clusters=[], routes=[])
    served = {v: {"champion": ServedVariant(version=v, revision=f"{v}-a", weight=100)} for v in "34"}
    files = EnvoyFiles(folder=Path("/nowhere"), admin=None, timeout=1)
    return Undertaking(
        endpoint="churn", policy=PLAN, files=files, before=nothing, after=nothing, old=served["3"], new=served["4"]
    )


@pytest.fixture
def folder(project: Path) -> RolloutFolder:
    """The rollouts of `churn`, of which there were none; `wine` is elsewhere."""
    path = project / "rollout"
    endpoints = {"churn": {"target": "local", "rollout": str(path)}, "wine": {"target": "aws"}}
    deployed(project, {"endpoints": endpoints})
    return RolloutFolder(path)


@contextmanager
def guarded(folder: RolloutFolder) -> Iterator[None]:
    """A guard that lives, as far as anybody can see."""
    folder.guard.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.guard / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock_request(fcntl.F_WRLCK))
    try:
        yield
    finally:
        os.close(descriptor)


def answering(folder: RolloutFolder, outcome: dict[str, Any]) -> threading.Thread:
    """A guard that ends the rollout with `outcome` as soon as it is asked for anything."""

    def answer() -> None:
        while folder.asked() is None:
            time.sleep(0.02)
        folder.finish(undertaking(), outcome)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_an_endpoint_that_is_not_there_is_named(run: Run, project: Path, folder: RolloutFolder) -> None:
    """The endpoints of the stack are listed."""
    ran = run("rollout", "status", "chrun", "--project", project, "-s", "one")

    assert (ran.code, ran.out) == (1, "")
    assert "no endpoint 'chrun'; it has churn, wine" in ran.err


def test_an_endpoint_elsewhere_has_no_guard_of_ours(run: Run, project: Path, folder: RolloutFolder) -> None:
    """The target is named, and who can be asked instead."""
    ran = run("rollout", "abort", "wine", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "wine is on target aws" in ran.err


def test_nothing_was_rolled_out_yet(run: Run, project: Path, folder: RolloutFolder) -> None:
    """That is no failure of `status`; steering has nothing to steer."""
    shown = run("rollout", "status", "churn", "--project", project, "-s", "one")
    steered = run("rollout", "promote", "churn", "--project", project, "-s", "one")

    assert (shown.code, shown.out) == (0, "churn: no version has been rolled out under guard yet\n")
    assert (steered.code, steered.err) == (1, "No rollout of churn is under way.\n")


def test_a_rollout_under_way_shows_step_share_and_each_gate(run: Run, project: Path, folder: RolloutFolder) -> None:
    """Text for people, the same numbers as JSON for programs."""
    folder.begin(undertaking())
    folder.report(LOOK)
    with guarded(folder):
        text = run("rollout", "status", "churn", "--project", project, "-s", "one").out
        said = json.loads(run("rollout", "status", "churn", "--project", project, "-s", "one", "--format", "json").out)

    assert text.splitlines()[0] == "churn: champion 3 → 4, step 1 of 2, 5 %, 12 s: no gate is broken; it lasts 600 s"
    assert " ".join(text.splitlines()[-1].split()) == "error_rate champion hold 0.02 0.001 to 0.1235 0.05 100"
    assert (said["version"], said["state"], said["outcome"]) == (1, "running", None)
    assert said["look"]["judgement"]["gates"] == [GATE]


def test_a_rollout_that_nobody_watches_is_no_rollout_that_never_was(
    run: Run, project: Path, folder: RolloutFolder
) -> None:
    """The machine went down in the middle: status says so, and steering names what helps."""
    folder.begin(undertaking())
    folder.report(LOOK)

    shown = run("rollout", "status", "churn", "--project", project, "-s", "one").out
    said = json.loads(run("rollout", "status", "churn", "--project", project, "-s", "one", "--format", "json").out)
    steered = run("rollout", "promote", "churn", "--project", project, "-s", "one")

    assert shown.startswith("churn: a rollout was interrupted, and nobody watches it; `hybridml up` puts back")
    assert said["state"] == "interrupted"
    assert steered.code == 1
    assert "`hybridml up` puts back what served before" in steered.err
    assert not (folder.path / "command.json").exists()
    with folder.client():
        begun = run("rollout", "status", "churn", "--project", project, "-s", "one").out
    assert begun.startswith("churn: champion 3 → 4, step 1 of 2")


def test_a_folder_that_cannot_be_written_is_named(
    run: Run, project: Path, folder: RolloutFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may read and not write gets one message, not a defect."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder.begin(undertaking())
    monkeypatch.setattr("hybridml.provider.rollout_folder.place", refuse)
    with guarded(folder):
        ran = run("rollout", "abort", "churn", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "cannot be written (Permission denied)" in ran.err


def test_the_last_rollout_stays_to_be_read(run: Run, project: Path, folder: RolloutFolder) -> None:
    """Its verdict and reason, and in the JSON who decided; steering names it."""
    folder.begin(undertaking())
    folder.report(LOOK)
    folder.finish(undertaking(), ENDED)

    text = run("rollout", "status", "churn", "--project", project, "-s", "one").out
    said = json.loads(run("rollout", "status", "churn", "--project", project, "-s", "one", "--format", "json").out)
    steered = run("rollout", "abort", "churn", "--project", project, "-s", "one").err

    assert text.startswith("churn: champion 3 → 4, abort, ")
    assert "9 of 30 requests failed." in text
    assert (said["state"], said["outcome"]["cause"]) == ("ended", "gates")
    assert "The last one: champion 3 → 4, abort" in steered
    assert len((folder.path / "history.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(("command", "done"), [("promote", "promoted"), ("abort", "aborted")])
def test_a_command_is_acknowledged(run: Run, project: Path, folder: RolloutFolder, command: str, done: str) -> None:
    """It ends when the guard has done what was asked."""
    folder.begin(undertaking())
    with guarded(folder):
        guard = answering(folder, {**ENDED, "verdict": command, "cause": "person"})
        ran = run("rollout", command, "churn", "--project", project, "-s", "one")
        guard.join()

    assert (ran.code, ran.out) == (0, f"{done}: churn, champion 3 → 4\n")


def test_a_command_that_comes_too_late_is_no_success(run: Run, project: Path, folder: RolloutFolder) -> None:
    """The gates were faster: the message says how it ended."""
    folder.begin(undertaking())
    with guarded(folder):
        guard = answering(folder, ENDED)
        ran = run("rollout", "promote", "churn", "--project", project, "-s", "one")
        guard.join()

    assert ran.code == 1
    assert "ended otherwise before that: champion 3 → 4, abort" in ran.err


def test_a_damaged_folder_is_named(run: Run, project: Path, folder: RolloutFolder) -> None:
    """A file that cannot be read is one message, not a traceback."""
    folder.begin(undertaking())
    for damage, said in (("{", "progress.json cannot be read"), ('{"step": "x"}', "remove progress.json")):
        (folder.path / "progress.json").write_text(damage)
        with guarded(folder):
            ran = run("rollout", "status", "churn", "--project", project, "-s", "one")

        assert ran.code == 1
        assert said in ran.err


def test_whoever_waits_for_a_rollout_is_told_how_it_stands(tmp_path: Path) -> None:
    """Each new look is told once, while the rollout is waited for; other waits say nothing of it."""
    folder = RolloutFolder(tmp_path / "run" / "churn" / "rollout")
    folder.begin(undertaking())
    told: list[Event] = []
    listen = following(told.append, tmp_path)
    rollout = Waiting(steps=(("urn:pulumi:one::it::hybridml:index:GuardedRollout::churn", "update", 5.0),))
    other = Waiting(steps=(("urn:pulumi:one::it::hybridml:index:HostService::churn", "create", 5.0),))

    listen(rollout)
    folder.report(LOOK)
    for event in (other, rollout, rollout):
        listen(event)
    for damage in ("{", '{"step": "x"}'):
        (folder.path / "progress.json").write_text(damage)
        listen(rollout)

    said = "churn: champion 3 → 4, step 1 of 2, 5 %, 12 s: no gate is broken; it lasts 600 s"
    assert [event.text for event in told if isinstance(event, Note)] == [said]
    assert [event for event in told if isinstance(event, Waiting)] == [rollout, other, *[rollout] * 4]
