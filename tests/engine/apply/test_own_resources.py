"""The project's own files and supervised processes, applied by the embedded engine and killed on the way."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from engine.apply.sandbox import COMPONENTS, Sandbox, commands
from hybridml.engine.values import reveal

PROGRAM = """
import json
import sys
from pathlib import Path

import pulumi
from hybridml.provider.sdk import HostFile, HostFileArgs, HostService, HostServiceArgs

ROOT = Path(__file__).parent
asked = json.loads((ROOT / "asked.json").read_text())
settings = HostFile("settings", HostFileArgs(path=str(ROOT / "settings.txt"), content=asked["settings"]))
services = [
    HostService(
        name,
        HostServiceArgs(
            argv=[sys.executable, "-c", "import time; time.sleep(600)", f"{ROOT}-{name}-{version}"],
            directory=str(ROOT / "run"),
            triggers={"settings": settings.sha256},
        ),
    )
    for name, version in asked["services"].items()
]
route = HostFile(
    "route",
    HostFileArgs(
        path=str(ROOT / "route.txt"),
        content=pulumi.Output.all(*[service.instance for service in services]).apply("+".join),
    ),
)
pulumi.export("instances", [service.instance for service in services])
"""
FIRST = {"settings": "one", "services": {"left": "1", "right": "1"}}
SECOND = {"settings": "two", "services": {"left": "2", "middle": "1"}}


class Host:
    """A sandbox whose program asks for own resources."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        plugins = {"providers": [{"name": "hybridml", "path": str(COMPONENTS)}]}
        project = {"name": "demo", "runtime": "python", "plugins": plugins}
        (sandbox.root / "Pulumi.yaml").write_text(json.dumps(project))
        (sandbox.root / "__main__.py").write_text(PROGRAM)
        (sandbox.root / "run").mkdir()

    def ask(self, wanted: object) -> None:
        (self.sandbox.root / "asked.json").write_text(json.dumps(wanted))

    def up(self, wanted: object | None = None) -> list[str]:
        """Apply, and the instances that the stack exports."""
        if wanted is not None:
            self.ask(wanted)
        return list(reveal(self.sandbox.up().outputs["instances"]))

    def services(self) -> list[str]:
        """Name and version of each running service, once per process."""
        pattern = re.compile(rf"{re.escape(str(self.sandbox.root))}-(\w+-\w+)$")
        found = (pattern.match(argv[3]) for argv in commands().values() if len(argv) > 3 and argv[1] == "-c")
        return sorted(match[1] for match in found if match)

    def settled(self, instances: list[str]) -> None:
        """Nothing pending, one folder per instance, the route tells where they are, a further run changes nothing."""
        assert self.sandbox.state["deployment"]["pending_operations"] == []
        assert sorted(path.name for path in (self.sandbox.root / "run").iterdir()) == sorted(instances)
        assert self.sandbox.files().get("route.txt") == ("+".join(instances) if instances else None)
        assert self.sandbox.plugins() == []


@pytest.fixture
def host(sandbox: Sandbox) -> Iterator[Host]:
    """An empty stack; every service is stopped afterwards."""
    made = Host(sandbox)
    yield made
    sandbox.destroy()
    assert made.services() == []


def test_services_are_started_replaced_and_stopped(host: Host) -> None:
    """New instances run before old ones stop; what is not asked for any more is gone; again changes nothing."""
    first = host.up(FIRST)
    assert host.services() == ["left-1", "right-1"]
    host.settled(first)

    second = host.up(SECOND)
    assert host.services() == ["left-2", "middle-1"]
    host.settled(second)
    assert not set(first) & set(second)

    assert host.up() == second
    assert {change: count for change, count in host.sandbox.up().changes.items() if count} == {"same": 5}


def test_a_service_that_died_is_started_again(host: Host) -> None:
    """Its whole process group is gone, as after a reboot; the instance stays the same."""
    instances = host.up(FIRST)
    for pid, argv in commands().items():
        if any(str(host.sandbox.root / "run") in word for word in argv) or f"{host.sandbox.root}-left-1" in argv:
            os.kill(pid, signal.SIGKILL)

    assert host.up() == instances
    assert host.services() == ["left-1", "right-1"]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", ["up", "update", "destroy"])
def test_killed_at_seeded_points(host: Host, scenario: str, seed: int) -> None:
    """The next run ends in the state of an undisturbed one: no service twice, none left over."""
    prepare: dict[str, Callable[[], object]] = {
        "up": lambda: None,
        "update": lambda: host.up(FIRST),
        "destroy": lambda: host.up(SECOND),
    }
    for line in random.Random(seed).sample(range(4, 13), 2):
        prepare[scenario]()
        host.ask(SECOND)
        assert host.sandbox.killed("destroy" if scenario == "destroy" else "up", "before", line)

        if scenario == "destroy":
            host.sandbox.destroy()
            assert (host.services(), host.sandbox.resources) == ([], [])
            host.settled([])
        else:
            host.settled(host.up())
            assert host.services() == ["left-2", "middle-1"]
            host.sandbox.destroy()
