"""`hybridml status`: services, health, addresses, versions."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from hybridml.engine.lock import process_start

from .conftest import Run
from .stage import deployed, service

OURS = {"pid": os.getpid(), "started": process_start(os.getpid()), "log": "/log"}


def test_a_stack_that_is_not_deployed_says_so(run: Run, project: Path) -> None:
    """The way to deploy it is named."""
    ran = run("status", "--project", project, "-s", "one")

    assert (ran.code, ran.out) == (1, "")
    assert "hybridml up -s one" in ran.err


def test_services_and_endpoints_are_shown(run: Run, project: Path) -> None:
    """A living service without a health question is healthy; the endpoint's address and versions are shown."""
    endpoint = {"target": "local", "url": "http://127.0.0.1:1/invocations", "versions": {"3": "/a", "4": "/b"}}
    deployed(project, {"endpoints": {"churn": endpoint}}, service("churn-3", **OURS))

    text = run("status", "--project", project, "-s", "one")
    document = json.loads(run("status", "--project", project, "-s", "one", "--format", "json").out)

    assert text.code == 0
    assert "http://127.0.0.1:1/invocations" in text.out
    assert document["healthy"] is True
    assert document["endpoints"]["churn"]["versions"] == {"3": "/a", "4": "/b"}
    assert document["services"] == [{"name": "churn-3", "health": "healthy", "pid": os.getpid(), "log": "/log"}]


def test_a_batch_shows_what_it_predicted(run: Run, project: Path) -> None:
    """An endpoint without an address shows its folder, and counts and end of its newest run."""
    said = {"rows": 3, "predicted": 2, "failed": 1, "finished": "2026-01-02T03:04:05+00:00"}
    folder = project / "results"
    deployed(project, {"endpoints": {"churn": {"target": "local", "output": str(folder), "versions": {"3": "/a"}}}})
    before = run("status", "--project", project, "-s", "one")
    folder.mkdir()
    (folder / "latest.json").write_text(json.dumps({**said, "parts": []}))

    text = run("status", "--project", project, "-s", "one")
    document = json.loads(run("status", "--project", project, "-s", "one", "--format", "json").out)

    assert "not yet" in before.out and (before.code, text.code) == (0, 0)
    assert str(folder) in text.out and "2026-01-02T03:04:05+00:00" in text.out and "None" not in text.out
    assert document["endpoints"]["churn"]["latest"] == said


def test_a_dead_service_is_seen(run: Run, project: Path) -> None:
    """A process that is gone, or whose number somebody else has, is dead, and the command exits 1."""
    recycled = {**OURS, "started": "another boot"}
    deployed(project, {}, service("a", pid=0, started="1", log=""), service("b", **recycled))

    ran = run("status", "--project", project, "-s", "one", "--format", "json")

    assert ran.code == 1
    assert [each["health"] for each in json.loads(ran.out)["services"]] == ["dead", "dead"]


def test_a_paused_service_is_well(run: Run, project: Path) -> None:
    """A replica that its scaler paused, or has just resumed, is no fault; one that crashes is."""
    scaled = {"scaled": True, "socketPath": "a/socket", "health": {"path": "/ping"}, "startTimeout": "60s"}

    def scaled_service(name: str, phase: str, since: float) -> dict[str, object]:
        (project / name).mkdir()
        said = {"phase": phase, "supervisor": {"pid": 1, "started": ""}, "child": None, "since": since}
        (project / name / "status.json").write_text(json.dumps({**said, "restarts": 0, "last_exit": ""}))
        return service(name, **OURS, **scaled, instance=name, directory=str(project))

    now = time.monotonic()
    paused, leaving = scaled_service("a", "paused", 0), scaled_service("b", "pausing", 0)
    deployed(project, {}, paused, leaving, scaled_service("c", "running", now))
    ran = run("status", "--project", project, "-s", "one", "--format", "json")
    assert ran.code == 0
    assert [each["health"] for each in json.loads(ran.out)["services"]] == ["paused", "paused", "starting"]

    deployed(project, {}, scaled_service("d", "waiting", now), scaled_service("e", "running", now - 61))
    ran = run("status", "--project", project, "-s", "one", "--format", "json")
    assert ran.code == 1
    assert [each["health"] for each in json.loads(ran.out)["services"]] == ["unhealthy", "unhealthy"]


def test_a_service_that_does_not_answer_is_unhealthy(run: Run, project: Path) -> None:
    """A living process whose health question fails is unhealthy."""
    silent = {**OURS, "url": "http://127.0.0.1:9", "health": {"path": "/ping"}, "directory": str(project)}
    deployed(project, {}, service("a", **silent))

    ran = run("status", "--project", project, "-s", "one")

    assert ran.code == 1
    assert "unhealthy" in ran.out
