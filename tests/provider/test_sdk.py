"""What a program's declarations look like on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from hybridml.provider.sdk import (
    DeployedModelArgs,
    HealthArgs,
    HostService,
    HostServiceArgs,
    VertexDeployment,
    VertexDeploymentArgs,
)

REGISTERED: dict[str, tuple[str, dict[str, Any]]] = {}


class Recorder(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        REGISTERED[args.name] = (args.typ, args.inputs)
        return f"{args.name}-id", {**args.inputs, "socketPath": "i/s", "pid": 3.0}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        return {}


@pytest.fixture(autouse=True)
def recorder() -> Iterator[None]:
    """Mocks on an event loop of their own: the SDK wants one, and an earlier test may have closed the thread's."""
    REGISTERED.clear()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(Recorder())
    yield
    asyncio.set_event_loop(None)
    loop.close()


def run(program: Any) -> Any:
    """What `program` resolves to, run as a Pulumi program."""
    seen: list[Any] = []
    pulumi.runtime.test(lambda: pulumi.Output.from_input(program()).apply(seen.append))()
    return seen[0]


def service() -> HostService:
    return HostService(
        "champion",
        HostServiceArgs(
            argv=["server", "{socket}"],
            directory="/run",
            env={"MODEL_URI": "models/3"},
            socket=True,
            health=HealthArgs(path="/ping"),
            start_timeout="3s",
        ),
    )


def test_arguments_are_camel_case_on_the_wire_and_map_keys_stay() -> None:
    """`start_timeout` becomes `startTimeout`, an environment variable keeps its name, absent ones are absent."""
    run(lambda: service().urn)

    assert REGISTERED["champion"] == (
        "hybridml:index:HostService",
        {
            "argv": ["server", "{socket}"],
            "directory": "/run",
            "env": {"MODEL_URI": "models/3"},
            "socket": True,
            "health": {"path": "/ping"},
            "startTimeout": "3s",
        },
    )


def test_outputs_have_their_python_names_and_types() -> None:
    """`socketPath` is read as `socket_path`, and a number declared as int is an int."""
    pid, socket = run(lambda: pulumi.Output.all((s := service()).pid, s.socket_path))

    assert (pid, type(pid), socket) == (3, int, "i/s")


def test_nested_arguments_are_camel_case_too() -> None:
    """The variants of a Vertex deployment carry `trafficPercent` and `machineType`."""
    variant = DeployedModelArgs(name="champion", model="m", traffic_percent=100, machine_type="n2-standard-2")
    args = VertexDeploymentArgs(project="p", location="l", endpoint="e", deployed_models=[variant])
    run(lambda: VertexDeployment("churn", args).urn)

    assert REGISTERED["churn"][1]["deployedModels"] == [
        {"name": "champion", "model": "m", "trafficPercent": 100, "machineType": "n2-standard-2"}
    ]
