"""The stack `local` itself, killed (SIGKILL) at ten seeded points of `up`, of an update and of `destroy`."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine.apply.sandbox import DRIVER
from local.served import STACK, Served, needs_the_local_extra, processes_of

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3000)]

LIMIT = 30
"""Seconds for a run without changes, on a machine that does other things as well."""
POINTS = {"up": 4, "update": 3, "destroy": 3}
"""How often each is killed, one run after the other, before it is left to end."""


@pytest.fixture
def served() -> Iterator[Served]:
    """A trained copy of the project, not yet up."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.copied(Path(folder).resolve())
        copy.train()
        yield copy
        copy.destroy()


def kill(served: Served, command: str, chance: random.Random, times: int) -> None:
    """Run `command` and kill it when it is about to write a seeded line of its journal, several runs in a row."""
    for line in (chance.randint(3, 14) for _ in range(times)):
        argv = [sys.executable, str(DRIVER), str(served.root), command, "before", str(line), STACK]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr


def resources(served: Served) -> list[dict[str, Any]]:
    deployment = json.loads((served.root / ".hybridml" / STACK / "state.json").read_text())["deployment"]
    assert deployment["pending_operations"] == []
    return list(deployment["resources"])


def instances(served: Served) -> Counter[str]:
    """The folder of each supervised service, once per process that watches over it (a supervisor and its keeper)."""
    commands = (command.split() for command in processes_of(served.root).values())
    watching = (words for words in commands if any(word.endswith("supervisor.py") for word in words))
    return Counter(Path(words[-1]).name for words in watching)


def settled(served: Served) -> None:
    """Every service of the state runs once, no other does, both endpoints answer, and a further run changes nothing."""
    services = [r["outputs"]["instance"] for r in resources(served) if r["type"] == "hybridml:index:HostService"]
    assert instances(served) == Counter(dict.fromkeys(services, 2))
    for endpoint in ("churn", "wine"):
        body = Path(served.outputs[endpoint]["example"]).read_text()
        answer = httpx.post(served.url(endpoint), content=body, headers=served.header(endpoint), trust_env=False)
        assert answer.status_code == 200
    began = time.monotonic()
    changes = served.up().changes
    assert time.monotonic() - began < LIMIT
    assert {change for change, count in changes.items() if count} == {"same"}


def test_killed_at_ten_points(served: Served) -> None:
    """Each time the next runs end where undisturbed ones would have."""
    chance = random.Random(7)

    kill(served, "up", chance, POINTS["up"])
    served.up()
    settled(served)

    def swap(endpoint: dict[str, Any]) -> None:
        endpoint["traffic"] = {"champion": {"version": "4", "weight": 100}}

    served.edit("infra/endpoints/churn.yaml", swap)
    kill(served, "up", chance, POINTS["update"])
    served.up()
    settled(served)

    kill(served, "destroy", chance, POINTS["destroy"])
    served.destroy()
    assert resources(served) == []
    assert processes_of(served.root) == {}
