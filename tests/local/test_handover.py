"""What the embedded engine made of the whole local stack: no drift right after, and Pulumi takes it over unchanged."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hybridml.cli.own_types import own_types
from hybridml.cli.pulumi_engine import Private
from hybridml.engine.apply import refresh
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.engine.project import load_project
from local.served import STACK, Served, needs_the_local_extra

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
OURS = "hybridml:index:"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A copy of the project that the embedded engine has brought up; Pulumi would run in this environment too."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.of_this_environment(Path(folder).resolve())
        try:
            hybridml(copy, "up")
            yield copy
        finally:
            hybridml(copy, "destroy")


def hybridml(copy: Served, verb: str) -> None:
    """Run by the copy's own Python, whose path is in the command line of every process that is started."""
    code = "from hybridml.cli import main; main()"
    argv = [str(copy.root / ".venv" / "bin" / "python"), "-c", code, verb, "-s", STACK, "--yes"]
    done = subprocess.run(argv, cwd=copy.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def state(served: Served) -> dict[str, Any]:
    """What the embedded engine recorded."""
    return dict(json.loads((served.root / ".hybridml" / STACK / "state.json").read_text()))


@contextlib.contextmanager
def python_of(served: Served) -> Iterator[None]:
    """As the copy's own Python, which the program puts into command lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(served.root / ".venv" / "bin" / "python"))
        yield


def kinds(made: Plan) -> set[str]:
    return {resource.type for resource in made.resources if resource.type.startswith(OURS)}


def test_there_is_no_drift_right_after(served: Served) -> None:
    """Nor after another `up`."""
    found = refresh(load_project(served.root), STACK, record=False)

    assert [(drift.urn, drift.gone, list(map(str, drift.properties))) for drift in found.drift] == []
    hybridml(served, "up")
    assert refresh(load_project(served.root), STACK).changes["update"] == 0


def test_the_program_planned_against_its_own_state_changes_nothing(served: Served) -> None:
    """Every kind of resource that the stack has, property by property."""
    with python_of(served):
        made = plan(served.root, STACK, state=state(served), known_types=own_types())

    assert made.diff is not None
    told = {c.urn: [d.path for d in c.properties] + list(c.unclear) for c in made.diff.changes}
    assert {urn: paths for urn, paths in told.items() if paths} == {}
    assert made.diff.counts["same"] == len(made.resources)
    assert kinds(made) == {e["type"] for e in state(served)["deployment"]["resources"] if e["type"].startswith(OURS)}


@pytest.mark.pulumi
def test_the_imported_state_previews_unchanged_on_the_real_engine(served: Served) -> None:
    """Every resource that the embedded engine made is as it should be for Pulumi."""
    project = load_project(served.root)
    private = Private(root=served.root, project=project.name, stack=STACK, config_file=project.stack_file(STACK))
    private._prepare()

    pulumi(served, private, "stack", "import", "--file", str(served.root / ".hybridml" / STACK / "state.json"))
    configuration = str(private._configuration())
    preview = json.loads(pulumi(served, private, "preview", "--json", "--config-file", configuration))

    changed = [(s["op"], s["urn"], s.get("diffReasons")) for s in preview["steps"] if s["op"] not in ("same", "read")]
    assert changed == []
    assert preview["changeSummary"] == {"same": len(plan(served.root, STACK).resources) + 1}


def pulumi(served: Served, private: Private, *arguments: str) -> str:
    """What the command says."""
    argv = ["pulumi", *arguments, "--stack", STACK, "--cwd", str(served.root), "--non-interactive"]
    ended = subprocess.run(argv, env=private._environment(), capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
