"""What the tests of supervised services share: what they ask for, and how they look at what runs."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hybridml.provider.http_local import get
from hybridml.provider.supervisor import start_time

if TYPE_CHECKING:
    from .conftest import Engine

SERVICE = str(Path(__file__).parent / "service.py")


def eventually(holds: Callable[[], object], within: float = 15.0) -> None:
    """Wait until `holds` is true, or fail."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)


def running(pid: int) -> bool:
    return start_time(pid) != ""


def mentioning(text: str) -> list[int]:
    """Processes whose arguments or environment hold `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(run: Path, **more: Any) -> dict[str, Any]:
    return {
        "argv": [sys.executable, "-S", SERVICE, "{socket}"],
        "directory": str(run),
        "socket": True,
        "health": {"path": "/ping"},
        "startTimeout": "20s",
        "stopGrace": "2s",
        **more,
    }


def on_port(run: Path, port: int, **more: Any) -> dict[str, Any]:
    argv = [sys.executable, "-S", SERVICE, str(port)]
    return {**asked(run, **more), "argv": argv, "socket": False, "port": port}


def started(engine: Engine, inputs: dict[str, Any]) -> dict[str, Any]:
    return engine.create("HostService", inputs)[1]


def instance(run: Path, state: dict[str, Any]) -> Path:
    return run / str(state["instance"])


def refusal(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    return str(error.value.details())  # type: ignore[attr-defined] # gRPC's errors are calls too


def answers(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return get(folder / "socket", "/ping")[0] == 200
    return False
