"""The real stack, killed (SIGKILL) at seeded points of up, update and destroy: the next run makes it good."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from local.served import HOME, STACK, Served, needs_the_local_extra, processes_of

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(2400)]

SEED = 20_240_229
KILLER = HOME / "tests" / "engine" / "apply" / "killed.py"
BOTH = {"champion": {"version": "3", "weight": 90}, "challenger": {"version": "4", "weight": 10}}
ONE = {"champion": {"version": "4", "weight": 100}}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A trained copy of the project, not yet up."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.copied(Path(folder).resolve())
        copy.train()
        yield copy
        copy.destroy()


def killed(served: Served, command: str, line: int) -> bool:
    """Runs `command` and kills it when it has done what that line of its journal reports; False if it ended before."""
    argv = [sys.executable, str(KILLER), str(served.root), command, "before", str(line), STACK]
    path = os.pathsep.join([str(HOME / "components"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(argv, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True)
    assert done.returncode in {0, -9}, done.stderr[-2000:]
    return done.returncode == -9


def ask_for(served: Served, traffic: dict[str, Any]) -> None:
    """Writes the traffic of churn."""
    served.edit("infra/endpoints/churn.yaml", lambda endpoint: endpoint.update(traffic=traffic))


def settled(served: Served) -> dict[str, Any]:
    """What runs, what the state holds, what answers; without what differs from run to run."""
    state = json.loads((served.root / ".hybridml" / STACK / "state.json").read_text())["deployment"]
    programs = [command.split()[:4] for command in _programs(served)]
    return {
        "resources": sorted(resource["urn"] for resource in state["resources"]),
        "pending": state.get("pending_operations") or [],
        "programs": sorted(programs),
        "answers": {name: _answer(served, name) for name in sorted(served.outputs)},
    }


def test_killed_at_ten_points_the_next_run_makes_it_good(served: Served) -> None:
    """Four kills of `up`, four of an update, two of `destroy`: each time the state of an undisturbed run is reached."""
    choice = random.Random(SEED)
    ask_for(served, BOTH)
    served.up()
    both = settled(served)
    kills = 0
    for line in choice.sample(range(2, 34), 4):
        served.destroy()
        assert _programs(served) == []
        kills += killed(served, "up", line)
        served.up()
        assert settled(served) == both, f"up killed at line {line}"
    for line in choice.sample(range(2, 8), 4):
        ask_for(served, ONE)
        kills += killed(served, "up", line)
        ask_for(served, BOTH)
        served.up()
        assert settled(served) == both, f"update killed at line {line}"
    for line in choice.sample(range(2, 34), 2):
        kills += killed(served, "destroy", line)
        served.destroy()
        assert _programs(served) == []
        served.up()
        assert settled(served) == both, f"destroy killed at line {line}"

    assert kills == 10


def _programs(served: Served) -> list[str]:
    """Command lines of what works below the project, once the plugin of a killed run has noticed that it is alone."""
    deadline = time.monotonic() + 30
    while True:
        found = list(processes_of(served.root).values())
        if time.monotonic() > deadline or not any(f"{served.root}/components " in command for command in found):
            return found
        time.sleep(0.5)


def _answer(served: Served, name: str) -> Any:
    body = Path(served.outputs[name]["example"]).read_text()
    answer = httpx.post(served.url(name), content=body, headers=served.header(name), trust_env=False, timeout=60)
    return answer.status_code, answer.text
