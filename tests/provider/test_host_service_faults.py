"""`HostService` under faults: damaged files, floods, thieves, a full disk, two starts at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import grpc
import pytest
from hybridml.provider import processes
from hybridml.provider.supervisor import Task
from hybridml.provider.wire import Secret

from .conftest import Engine
from .supervised import answers, asked, eventually, instance, on_port, refusal, running, started

CRASH_AT_ONCE = [sys.executable, "-S", "-c", "raise SystemExit(7)"]


@pytest.mark.parametrize("damage", ["{}", "[]", "null", '{"phase": "running"}', '{"phase": 1, "supervisor": 2}', ""])
def test_a_damaged_status_file_is_no_status(engine: Engine, run: Path, damage: str) -> None:
    """A living service whose status file is damaged is seen as gone, and can still be stopped."""
    inputs = engine.check("HostService", asked(run, stopGrace="1s"))
    state = started(engine, inputs)
    folder = instance(run, state)
    (folder / "status.json").write_text(damage)

    read = engine.read("HostService", state, inputs)
    assert read is not None
    assert read[0]["pid"] == 0
    began = time.monotonic()
    engine.delete("HostService", state)
    assert time.monotonic() - began < 10
    assert not running(int(state["pid"]))
    assert not folder.exists()


def test_a_second_start_leaves_the_first_alone(engine: Engine, run: Path) -> None:
    """A supervisor that comes too late changes nothing that the first one wrote."""
    state = started(engine, engine.check("HostService", asked(run)))
    folder = instance(run, state)
    first = processes.alive(folder)

    late = processes.launch(folder, Task(argv=["sleep", "60"], cwd=str(run), env={}))

    assert late.wait(20) != 0
    assert processes.alive(folder) == first
    assert answers(folder)


def test_a_flood_of_output_does_not_delay_the_stop(engine: Engine, run: Path) -> None:
    """Eight writers that ignore SIGTERM fill the log without a pause, and are gone after the grace all the same."""
    flood = "trap '' TERM; for _ in 1 2 3 4 5 6 7 8; do yes flooding & done; exec yes flooding"
    asks = {"argv": ["sh", "-c", flood], "directory": str(run), "stopGrace": "1s", "logBytes": 100_000}
    state = started(engine, engine.check("HostService", asks))

    began = time.monotonic()
    engine.delete("HostService", state)

    assert time.monotonic() - began < 10
    assert not running(int(state["pid"]))


def test_a_thief_of_the_port_is_not_taken_for_the_service(
    engine: Engine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes the port between the look and the bind answers in vain: the service is not ready, and it is said."""
    monkeypatch.setattr(processes, "require_free_port", lambda port: None)
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        port = thief.getsockname()[1]
        inputs = engine.check("HostService", {**on_port(run, port, startTimeout="15s"), "health": None})
        with pytest.raises(grpc.RpcError) as error:
            engine.create("HostService", inputs)

    assert "never became ready" in refusal(error)
    assert "Address already in use" in refusal(error)
    assert list(run.iterdir()) == []


def test_old_crashes_are_not_held_against_a_running_service(engine: Engine, run: Path) -> None:
    """A service that crashed three times over its life and runs is adopted, as a repeated or changed run wants it."""
    inputs = engine.check("HostService", asked(run))
    state = started(engine, inputs)
    folder = instance(run, state)
    for crash in range(1, 4):
        found = processes.alive(folder)
        assert found is not None
        os.kill(found.child, signal.SIGKILL)
        eventually(lambda: restarts(folder) == crash)  # noqa: B023 - asked before the loop goes on

    assert engine.update("HostService", state, {**inputs, "startTimeout": "30s"})["pid"] == state["pid"]


def restarts(folder: Path) -> int:
    """How often the child that runs now was started again; -1 while none runs."""
    found = processes.alive(folder)
    return found.restarts if found and found.child else -1


def test_a_service_that_crashes_on_and_on_is_not_unchanged(engine: Engine, run: Path) -> None:
    """Between two starts a service is not there: the diff says so, and the update waits for it or says why not."""
    flag = run / "broken"
    script = f"test -e {flag} && exit 7; exec sleep 300"
    inputs = engine.check("HostService", {"argv": ["sh", "-c", script], "directory": str(run), "startTimeout": "20s"})
    state = started(engine, inputs)
    folder = instance(run, state)
    flag.touch()
    found = processes.alive(folder)
    assert found is not None
    os.kill(found.child, signal.SIGKILL)
    eventually(lambda: (now := processes.alive(folder)) and now.phase == "waiting" and now.restarts >= 2)

    assert list(engine.diff("HostService", state, inputs, inputs).diffs) == ["pid"]
    with pytest.raises(grpc.RpcError, match="ended with status 7"):
        engine.update("HostService", state, inputs)
    flag.unlink()
    assert engine.update("HostService", state, inputs)["pid"] == state["pid"]


def test_files_that_cannot_be_written_do_not_end_the_service(engine: Engine, run: Path) -> None:
    """Neither a log that cannot be rotated nor a status that cannot be written stops what serves, or its restart."""
    inputs = engine.check("HostService", asked(run, env={"CHATTY": "300"}, logBytes=10_000, logFiles=1))
    state = started(engine, inputs)
    folder = instance(run, state)
    found = processes.alive(folder)
    assert found is not None
    (folder / "status.json.part").mkdir()
    (folder / "log.1").unlink()
    (folder / "log.1").mkdir()
    os.kill(found.child, signal.SIGKILL)

    eventually(lambda: not running(found.child))
    eventually(lambda: answers(folder))
    assert running(found.pid)
    assert (folder / "log").stat().st_size <= 10_000


def test_a_clock_that_jumps_delays_nothing(engine: Engine, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness of a service without an address does not depend on the time of day."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    asks = {"argv": ["sleep", "300"], "directory": str(run), "startTimeout": "10s"}

    assert running(int(started(engine, engine.check("HostService", asks))["pid"]))


def test_text_that_no_process_can_be_given_is_refused(engine: Engine, run: Path) -> None:
    """A NUL in an argument or variable is named before anything starts."""
    bad = asked(run, argv=["sleep\0", "{socket}"], env={"A": "b\0"})

    assert engine.failures("HostService", bad) == {
        "argv[0]": "must not contain a NUL character",
        'env["A"]': "must not contain a NUL character",
    }


def test_a_folder_that_cannot_be_used_leaves_nothing(
    engine: Engine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the supervisor cannot even be started, its folder is gone again and the system's reason is the message."""

    def full(folder: Path, task: Task) -> None:
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(processes, "launch", full)
    with pytest.raises(grpc.RpcError, match="No space left on device"):
        engine.create("HostService", engine.check("HostService", asked(run)))
    assert list(run.iterdir()) == []


def test_an_endless_health_answer_is_cut(engine: Engine, run: Path) -> None:
    """A health answer is its status: a service that sends for ever is neither read for ever nor held in memory."""
    server = (
        "import socket,sys\ns=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
        "while True:\n c=s.accept()[0]; c.recv(999); c.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
        " try:\n  while True: c.sendall(b'x'*65536)\n except OSError: pass\n"
    )
    inputs = engine.check("HostService", asked(run, argv=[sys.executable, "-S", "-c", server, "{socket}"]))

    assert running(int(started(engine, inputs)["pid"]))


def test_no_part_of_a_secret_is_in_a_message(engine: Engine, run: Path) -> None:
    """A key of many lines, and a token longer than a line of the message, that the dying service prints: neither."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----"
    token = "t0ken" * 200
    script = 'echo "$KEY"; echo "header $TOKEN"; echo the real reason; exit 7'
    env = {"KEY": Secret(key), "TOKEN": Secret(token)}
    inputs = engine.check("HostService", {"argv": ["sh", "-c", script], "directory": str(run), "env": env})

    with pytest.raises(grpc.RpcError) as error:
        engine.create("HostService", inputs)

    assert "the real reason" in refusal(error)
    assert not any(part in refusal(error) for part in ("MIIE", "9w0B", "t0kent0ken"))
