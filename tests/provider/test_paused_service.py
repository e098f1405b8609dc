"""`HostService` that a scaler pauses: its process goes and comes, and everything else stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.supervisor import PAUSED, Task

from .conftest import Engine
from .supervised import SERVICE, answers, asked, eventually, instance, mentioning, running, started


def phase(folder: Path) -> str:
    found = processes.alive(folder)
    return found.phase if found else ""


def supervised(run: Path, **more: object) -> Path:
    """A service whose supervisor waits less than the usual before it stops its child."""
    folder = run / "replica"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-S", SERVICE, "replica/socket"]
    task = {"argv": argv, "cwd": str(run), "env": {}, "socket": str(folder / "socket"), "pause_delay": 0.3} | more
    processes.scale(folder, paused=False)
    processes.launch(folder, Task(**task))  # type: ignore[arg-type]
    eventually(lambda: answers(folder))
    return folder


def test_a_paused_service_has_no_process_and_comes_back_by_itself(run: Path) -> None:
    """Pausing stops the child and nothing else; resuming starts another one at once, and neither is a crash."""
    folder = supervised(run)
    before = processes.alive(folder)
    assert before is not None

    processes.pause(folder)
    eventually(lambda: phase(folder) == "pausing", within=0.3)
    assert answers(folder)
    eventually(lambda: phase(folder) == "paused")
    assert (running(before.child), answers(folder)) == (False, False)

    asked_at = time.monotonic()
    processes.resume(folder)
    eventually(lambda: phase(folder) == "running", within=1.0)
    eventually(lambda: answers(folder))
    after = processes.alive(folder)
    assert after is not None
    assert after.since - asked_at < 0.5
    assert (after.pid, after.restarts, after.child != before.child) == (before.pid, 0, True)


def test_a_pause_that_is_taken_back_in_time_stops_nothing(run: Path) -> None:
    """Within the delay the child serves on, and a pause that ends there has not happened."""
    folder = supervised(run, pause_delay=0.5)
    before = processes.alive(folder)
    processes.pause(folder)
    eventually(lambda: phase(folder) == "pausing", within=0.4)
    processes.resume(folder)

    eventually(lambda: phase(folder) == "running")
    time.sleep(0.6)
    after = processes.alive(folder)
    assert before is not None
    assert after is not None
    assert (after.phase, after.child, after.restarts) == ("running", before.child, 0)


def test_a_service_that_is_resumed_while_it_stops_starts_at_once(run: Path) -> None:
    """A child that takes its whole grace to leave is followed by the next one without a back-off."""
    folder = supervised(run, env={"STUBBORN": "1"}, grace=1.0, pause_delay=0.0, first_delay=30.0)
    processes.pause(folder)
    time.sleep(0.3)
    processes.resume(folder)

    eventually(lambda: (now := processes.alive(folder)) and now.phase == "running" and answers(folder), within=5.0)
    found = processes.alive(folder)
    assert found is not None
    assert found.restarts == 0


def test_a_crashing_service_can_be_paused(run: Path) -> None:
    """Whoever waits for its next start goes to rest as well, and starts afresh after it."""
    folder = supervised(run, first_delay=30.0)
    with contextlib.suppress(OSError):
        get(folder / "socket", "/die")
    eventually(lambda: phase(folder) == "waiting")

    processes.pause(folder)
    eventually(lambda: phase(folder) == "paused", within=1.0)
    processes.resume(folder)
    eventually(lambda: answers(folder))


def test_a_paused_service_is_stopped_like_any_other(run: Path) -> None:
    """Neither its supervisor nor its folder is left."""
    folder = supervised(run)
    processes.pause(folder)
    eventually(lambda: phase(folder) == "paused")

    processes.stop(folder, 1.0)
    assert not folder.exists()
    assert mentioning(str(folder)) == []


def test_a_service_that_begins_paused_is_not_waited_for(engine: Engine, run: Path) -> None:
    """Create returns without a process; read, diff and a second create find nothing wrong, also once it is resumed."""
    inputs = engine.check("HostService", asked(run, scaled=True, beginsPaused=True))
    state = started(engine, inputs)
    folder = instance(run, state)

    assert (phase(folder), answers(folder), running(int(state["pid"]))) == ("paused", False, True)
    assert engine.read("HostService", state, inputs) == (state, inputs)
    assert list(engine.diff("HostService", state, inputs, inputs).diffs) == []
    assert engine.create("HostService", inputs)[1] == state

    processes.resume(folder)
    eventually(lambda: answers(folder))
    assert engine.read("HostService", state, inputs) == (state, inputs)
    assert list(engine.diff("HostService", state, inputs, inputs).diffs) == []
    engine.delete("HostService", state)
    assert mentioning(str(folder)) == []


def test_a_dead_supervisor_finds_the_pause_where_its_scaler_left_it(engine: Engine, run: Path) -> None:
    """Drift is repaired in place, without waking who was paused and without pausing who was awake."""
    inputs = engine.check("HostService", asked(run, scaled=True, beginsPaused=True))
    state = started(engine, inputs)
    folder = instance(run, state)

    for awake in (False, True):
        if awake:
            processes.resume(folder)
            eventually(lambda: answers(folder))
        os.kill(int(state["pid"]), signal.SIGKILL)
        eventually(lambda: not processes.held(folder))
        assert list(engine.diff("HostService", state, inputs, inputs).diffs) == ["pid"]
        state = engine.update("HostService", state, inputs)
        assert (phase(folder), answers(folder)) == (("running", True) if awake else ("paused", False))


def test_a_service_that_is_no_longer_scaled_is_resumed(engine: Engine, run: Path) -> None:
    """Both wishes change in place: nothing restarts that runs, and what was paused is ready when the update ends."""
    before = engine.check("HostService", asked(run, scaled=True, beginsPaused=True))
    state = started(engine, before)
    ordinary = engine.check("HostService", asked(run), olds=before, seed=b"other")

    changes = engine.diff("HostService", state, before, ordinary)
    assert (sorted(changes.diffs), list(changes.replaces)) == (["beginsPaused", "scaled"], [])
    after = engine.update("HostService", state, ordinary)
    folder = instance(run, after)
    assert (answers(folder), after["pid"], (folder / PAUSED).exists()) == (True, state["pid"], False)


def test_a_scaler_that_still_lives_does_not_pause_an_ordinary_service(engine: Engine, run: Path) -> None:
    """The scaler of an endpoint that no longer scales goes last; what it wants meanwhile does not count."""
    before = engine.check("HostService", asked(run, scaled=True, beginsPaused=True))
    state = started(engine, before)
    folder, done = instance(run, state), threading.Event()

    def want() -> None:
        while not done.wait(0.001):
            processes.pause(folder)

    wanting = threading.Thread(target=want)
    wanting.start()
    try:
        engine.update("HostService", state, engine.check("HostService", asked(run), olds=before, seed=b"other"))
        assert (phase(folder), answers(folder), processes.paused(folder)) == ("running", True, False)
    finally:
        done.set()
        wanting.join()


def test_an_ordinary_service_that_is_paused_has_drifted(engine: Engine, run: Path) -> None:
    """A pause that nobody's scaler asked for is repaired by the next update."""
    inputs = engine.check("HostService", asked(run))
    state = started(engine, inputs)
    folder = instance(run, state)
    processes.pause(folder)
    assert not processes.paused(folder)
    (folder / PAUSED).touch()
    processes.nudge(folder)
    eventually(lambda: phase(folder) == "pausing")

    assert list(engine.diff("HostService", state, inputs, inputs).diffs) == ["pid"]
    engine.update("HostService", state, inputs)
    assert (phase(folder), answers(folder)) == ("running", True)


def test_only_a_scaled_service_begins_paused(engine: Engine, run: Path) -> None:
    """Nobody would ever resume another one."""
    assert engine.failures("HostService", asked(run, beginsPaused=True)) == {
        "beginsPaused": "needs `scaled`: nobody else would ever resume it"
    }


def test_a_supervisor_at_rest_does_nothing(run: Path) -> None:
    """A paused service uses no processor time at all: it is woken, it does not look."""
    folder = supervised(run)
    processes.pause(folder)
    eventually(lambda: phase(folder) == "paused")
    found = processes.alive(folder)
    assert found is not None

    def switches() -> list[str]:
        text = Path(f"/proc/{found.pid}/status").read_text()
        return [line for line in text.splitlines() if "ctxt_switches" in line]

    time.sleep(0.2)
    before = switches()
    time.sleep(1.0)
    assert switches() == before
    assert json.loads((folder / "status.json").read_text())["child"] is None
