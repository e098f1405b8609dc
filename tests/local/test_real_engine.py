"""The same local stack with Pulumi itself as the engine: it serves, is updated under load and goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.cli.own_types import own_types
from hybridml.engine import exported
from hybridml.engine.program import plan
from local.served import STACK, Served, callers, needs_the_local_extra, processes_of, rows, tally

pytestmark = [pytest.mark.services, pytest.mark.pulumi, pytest.mark.timeout(600)]


def hybridml(root: Path, *argv: str) -> str:
    """The command's standard output; its standard error is the message when it fails."""
    command = [str(Path(sys.executable).with_name("hybridml")), *argv, "-s", STACK, "--yes", "--engine", "pulumi"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A copy of the project that Pulumi has brought up; program and plugin run in this environment."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.of_this_environment(Path(folder).resolve())
        try:
            bring_up(copy)
            yield copy
        finally:
            hybridml(copy.root, "destroy")


def bring_up(copy: Served) -> None:
    """`hybridml up --engine pulumi`, and what it exports."""
    hybridml(copy.root, "up")
    recorded = json.loads(_stack_file(copy).read_text())
    (stack,) = (each for each in recorded["checkpoint"]["latest"]["resources"] if each["type"] == "pulumi:pulumi:Stack")
    copy.outputs = stack["outputs"]["endpoints"]


def _stack_file(copy: Served) -> Path:
    return copy.root / ".hybridml" / STACK / "pulumi" / ".pulumi" / "stacks" / "hybridml" / f"{STACK}.json"


def test_the_program_planned_against_what_pulumi_recorded_changes_nothing(served: Served) -> None:
    """Property by property; the passphrase of the stack's own folder opens what is secret."""
    recorded = exported.read(_stack_file(served))

    with pytest.MonkeyPatch.context() as patch:  # the program puts the path of its Python into command lines
        patch.setattr(sys, "executable", str(served.root / ".venv" / "bin" / "python"))
        made = plan(served.root, STACK, state=recorded, known_types=own_types())

    assert made.diff is not None
    told = {c.urn: [d.path for d in c.properties] + list(c.unclear) for c in made.diff.changes}
    assert {urn: paths for urn, paths in told.items() if paths} == {}
    assert made.diff.counts["same"] == len(made.resources)
    assert made.notes == ()


def test_answers_are_the_models_own(served: Served) -> None:
    """Wine answers what its model predicts."""
    from sklearn.datasets import load_wine

    data = load_wine(as_frame=True).data
    body = json.dumps({"dataframe_split": data.to_dict(orient="split")})

    answer = httpx.post(served.url("wine"), content=body, headers=served.header("wine"), trust_env=False)

    assert answer.json()["predictions"] == served.model("wine", "1").predict(data).tolist()


def test_an_update_under_load_loses_no_request(served: Served) -> None:
    """Version 4 takes over from 3 under 50 requests a second: every one is answered, and 3 is gone."""
    from sklearn.datasets import load_breast_cancer

    def promote(endpoint: dict[str, Any]) -> None:
        endpoint["traffic"] = {"champion": {"version": "4", "weight": 100}}

    bodies = rows(load_breast_cancer(as_frame=True).data)
    with callers(served.url("churn"), served.header("churn"), bodies) as answers:
        time.sleep(1)
        served.edit("infra/endpoints/churn.yaml", promote)
        bring_up(served)
        time.sleep(1)

    assert tally(answers) == {200: len(answers)}
    assert {version for _, version, _, _ in answers[-20:]} == {"4"}
    assert not [command for command in processes_of(served.root).values() if "churn-3-0" in command]
    assert [command for command in processes_of(served.root).values() if "churn-4-0" in command]
