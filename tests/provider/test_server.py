"""The plugin as a process: it starts fast, listens on loopback, ends with its engine, and survives being killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.processes import status

from .conftest import Engine

ROOT = Path(__file__).parents[2]
PLUGIN = [sys.executable, str(ROOT / "components")]
SERVICE = str(Path(__file__).parent / "service.py")


@contextlib.contextmanager
def plugin() -> Iterator[tuple[subprocess.Popen[str], Engine]]:
    process = subprocess.Popen([*PLUGIN, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        client = Engine(f"127.0.0.1:{int(process.stdout.readline())}")
        yield process, client
        client.close()
    finally:
        process.kill()
        process.wait()


def slow_service(run: Path) -> dict[str, Any]:
    return {
        "argv": [sys.executable, "-S", SERVICE, "{socket}"],
        "directory": str(run),
        "env": {"SLOW": "1.5"},
        "socket": True,
        "health": {"path": "/ping"},
        "startTimeout": "30s",
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    for instance in (tmp_path / "run").iterdir():
        processes.stop(instance, 0.5)


def test_it_prints_its_port_within_a_second() -> None:
    """From start to the printed port, in processor time, so that a busy machine changes nothing."""
    before = os.times()
    with plugin() as (process, _):
        used = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    assert sum(map(int, used)) / os.sysconf("SC_CLK_TCK") < 1.0
    assert os.times().elapsed - before.elapsed < 20.0


def test_it_listens_on_loopback_only() -> None:
    """Every socket that the process listens on is bound to 127.0.0.1."""
    with plugin() as (process, _):
        ours = {str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir() if fd.is_symlink()}
        lines = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
        listening = [fields[1] for fields in lines if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours]
    assert listening
    assert all(address.partition(":")[0].endswith("0100007F") for address in listening)


def test_it_ends_when_told_to() -> None:
    """SIGTERM ends it at once, without a traceback."""
    with plugin() as (process, _):
        process.terminate()
        assert process.wait(10) == 0


def test_it_ends_with_the_process_that_started_it() -> None:
    """An engine that is killed leaves no plugin behind."""
    script = f"import subprocess,sys; p=subprocess.Popen({PLUGIN!r}+['x']); print(p.pid,flush=True); p.wait()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.stdout.readline().strip().isdigit()
    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "the plugin outlived its engine"
        time.sleep(0.1)
    parent.stdout.close()


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 1.0])
def test_a_plugin_killed_while_it_creates_leaves_one_service_after_the_retry(run: Path, delay: float) -> None:
    """Create again with the same checked inputs: the service that was starting is adopted, or started once."""
    with plugin() as (process, engine):
        inputs = engine.check("HostService", slow_service(run))
        folder = run / str(inputs["instance"])
        pending = engine.stub.Create.future(creation(engine, inputs))
        while delay and status(folder) is None:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        with pytest.raises(grpc.RpcError):
            pending.result()

    with plugin() as (_, engine):
        _, state = engine.create("HostService", inputs)

    assert get(folder / "socket", "/ping")[0] == 200
    assert [path.name for path in run.iterdir()] == [state["instance"]]
    servers = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and str(state["socketPath"]).encode() in read(entry / "cmdline")
        and lives_in(entry, run)
    ]
    assert len(servers) == 1


def lives_in(process: Path, folder: Path) -> bool:
    """Whether the process of that `/proc` entry works in `folder`; others run the same tests beside this one."""
    try:
        return (process / "cwd").readlink() == folder.resolve()
    except OSError:
        return False


def creation(engine: Engine, inputs: dict[str, Any]) -> Any:
    from hybridml.provider.wire import encode
    from pulumi.runtime.proto import provider_pb2

    return provider_pb2.CreateRequest(urn=engine.urn("HostService"), properties=encode(inputs))


def read(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def test_a_cancelled_run_stops_waiting(run: Path) -> None:
    """Cancel ends a create that waits for readiness, and the half-started service is gone."""
    from google.protobuf import empty_pb2

    with plugin() as (_, engine):
        inputs = engine.check("HostService", {**slow_service(run), "env": {"SLOW": "60"}})
        pending = engine.stub.Create.future(creation(engine, inputs))
        while status(run / str(inputs["instance"])) is None:
            time.sleep(0.01)
        engine.stub.Cancel(empty_pb2.Empty())
        with pytest.raises(grpc.RpcError, match="the run was cancelled"):
            pending.result()
    assert list(run.iterdir()) == []
