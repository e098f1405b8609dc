"""`HostService`: real processes that are started, watched, restarted and stopped with everything below them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from pathlib import Path

import grpc
import pytest
from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.supervisor import Task
from hybridml.provider.wire import Secret

from .conftest import Engine
from .supervised import (
    SERVICE,
    answers,
    asked,
    eventually,
    free_port,
    instance,
    mentioning,
    on_port,
    refusal,
    running,
    started,
)


def test_a_service_is_ready_when_create_returns_and_gone_after_delete(engine: Engine, run: Path) -> None:
    """Create waits for the health answer on the socket; delete leaves neither process nor folder."""
    state = started(engine, engine.check("HostService", asked(run)))
    folder = instance(run, state)

    assert get(folder / "socket", "/ping") == (200, "ok")
    assert state["socketPath"] == f"{folder.name}/socket"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "log").stat().st_mode & 0o777 == 0o600
    assert mentioning(str(folder)) != []

    engine.delete("HostService", state)
    assert not folder.exists()
    assert not running(int(state["pid"]))
    assert mentioning(str(folder)) == []
    engine.delete("HostService", state)


def test_creating_twice_adopts_the_running_service(engine: Engine, run: Path) -> None:
    """A retry with the same inputs says the same, and the service is still the same process."""
    inputs = engine.check("HostService", asked(run))

    assert started(engine, inputs) == started(engine, inputs)
    assert len(list(run.iterdir())) == 1


def test_a_crash_is_followed_by_a_restart(engine: Engine, run: Path) -> None:
    """A child that ends is started again, and the status file says how it ended."""
    state = started(engine, engine.check("HostService", asked(run)))
    folder = instance(run, state)
    first = processes.alive(folder)
    with contextlib.suppress(OSError):
        get(folder / "socket", "/die")

    eventually(lambda: (now := processes.alive(folder)) and now.phase == "running" and now.restarts == 1)
    eventually(lambda: answers(folder))
    second = processes.alive(folder)
    assert first is not None
    assert second is not None
    assert (second.child != first.child, second.pid, second.last_exit) == (True, first.pid, "ended with status 3")


def test_a_service_that_never_becomes_healthy_is_stopped_and_says_why(engine: Engine, run: Path) -> None:
    """The message has the reason and the last log lines without the secret; nothing is left."""
    env = {"CRASHES": "1", "SAYS": Secret("hunter22")}
    inputs = engine.check("HostService", asked(run, env=env))

    with pytest.raises(grpc.RpcError) as error:
        engine.create("HostService", inputs)

    assert "never became ready: the process ended with status 7, 3 times" in refusal(error)
    assert "model.skops is not a model" in refusal(error)
    assert "starting with [secret]" in refusal(error)
    assert "hunter22" not in refusal(error)
    assert list(run.iterdir()) == []


def test_a_slow_service_is_given_up_after_its_time(engine: Engine, run: Path) -> None:
    """Readiness has a limit, and the limit is in the message."""
    inputs = engine.check("HostService", asked(run, env={"SLOW": "60"}, startTimeout="1s"))

    with pytest.raises(grpc.RpcError, match="it was not ready within 1s"):
        engine.create("HostService", inputs)
    assert list(run.iterdir()) == []


def test_a_program_that_does_not_exist_is_named(engine: Engine, run: Path) -> None:
    """A wrong argv ends soon, with the program's name and the system's reason."""
    inputs = engine.check("HostService", asked(run, argv=["/nowhere/server", "{socket}"]))

    with pytest.raises(grpc.RpcError, match="could not be started: No such file or directory"):
        engine.create("HostService", inputs)


def test_a_port_in_use_names_its_holder(engine: Engine, run: Path) -> None:
    """Before anything starts, the message says which process holds the port."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(grpc.RpcError) as error:
            engine.create("HostService", engine.check("HostService", on_port(run, port)))

    assert f"port {port} is in use by" in refusal(error)
    assert f"(pid {os.getpid()})" in refusal(error)
    assert not run.exists() or list(run.iterdir()) == []


def test_a_service_with_a_port_has_a_url(engine: Engine, run: Path) -> None:
    """The URL is an output, and it answers."""
    port = free_port()
    state = started(engine, engine.check("HostService", on_port(run, port)))

    assert state["url"] == f"http://127.0.0.1:{port}"
    assert get(port, "/") == (200, "ok")


def test_stopping_reaches_grandchildren_in_other_groups(engine: Engine, run: Path, tmp_path: Path) -> None:
    """A grandchild with a session of its own, and a child that ignores SIGTERM, are gone after delete."""
    told = tmp_path / "grandchild"
    env = {"GRANDCHILD": str(told), "STUBBORN": "1"}
    state = started(engine, engine.check("HostService", asked(run, env=env, stopGrace="1s")))
    grandchild = int(told.read_text())
    child = processes.alive(instance(run, state))
    assert running(grandchild)
    assert child is not None

    engine.delete("HostService", state)

    assert [running(pid) for pid in (grandchild, child.child, child.pid)] == [False, False, False]


@pytest.mark.parametrize("who", ["supervisor", "keeper"])
def test_no_child_outlives_its_supervision(engine: Engine, run: Path, tmp_path: Path, who: str) -> None:
    """SIGKILL to either supervising process takes child and grandchild with it, and a read notices."""
    told = tmp_path / "grandchild"
    inputs = engine.check("HostService", asked(run, env={"GRANDCHILD": str(told)}))
    state = started(engine, inputs)
    found = processes.alive(instance(run, state))
    assert found is not None
    keeper = int(Path(f"/proc/{found.pid}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(found.pid if who == "supervisor" else keeper, signal.SIGKILL)

    eventually(lambda: not any(map(running, (int(told.read_text()), found.child, found.pid, keeper))))
    eventually(lambda: not processes.held(instance(run, state)))
    read = engine.read("HostService", state, inputs)
    assert read is not None
    assert read[0]["pid"] == 0


def test_a_dead_service_is_an_update_that_starts_the_same_instance(engine: Engine, run: Path) -> None:
    """Unchanged inputs over a dead process are repaired in place."""
    inputs = engine.check("HostService", asked(run))
    state = started(engine, inputs)
    folder = instance(run, state)
    os.kill(int(state["pid"]), signal.SIGKILL)
    eventually(lambda: not processes.held(folder))

    changes = engine.diff("HostService", state, inputs, inputs)
    assert (list(changes.diffs), list(changes.replaces)) == (["pid"], [])
    after = engine.update("HostService", state, inputs)

    assert (after["instance"], after["pid"] != state["pid"]) == (state["instance"], True)
    assert answers(folder)
    assert engine.diff("HostService", after, inputs, inputs).changes == changes.DIFF_NONE


def test_a_foreign_process_under_the_recorded_number_is_not_touched(engine: Engine, run: Path) -> None:
    """A recycled process id is told apart by its start time: it is neither taken for the service nor stopped."""
    inputs = engine.check("HostService", asked(run))
    state = started(engine, inputs)
    folder = instance(run, state)
    os.kill(int(state["pid"]), signal.SIGKILL)
    eventually(lambda: not processes.held(folder))
    status = json.loads((folder / "status.json").read_text())
    status["supervisor"]["pid"] = os.getpid()
    (folder / "status.json").write_text(json.dumps(status))

    read = engine.read("HostService", {**state, "pid": os.getpid()}, inputs)
    assert read is not None
    assert read[0]["pid"] == 0
    engine.delete("HostService", {**state, "pid": os.getpid()})


def test_the_log_is_rotated_by_size(engine: Engine, run: Path) -> None:
    """3,000 lines of 100 bytes leave the log and two older ones, none above the limit."""
    inputs = engine.check("HostService", asked(run, env={"CHATTY": "3000"}, logBytes=50_000, logFiles=2))
    folder = instance(run, started(engine, inputs))

    logs = sorted(path.name for path in folder.glob("log*"))
    assert logs == ["log", "log.1", "log.2"]
    assert all(path.stat().st_size <= 50_000 for path in folder.glob("log*"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.glob("log*"))


def test_secrets_reach_the_service_and_nothing_else(engine: Engine, run: Path) -> None:
    """A secret variable arrives; no argument list, no file of the run and no plain output holds it."""
    env = {"SAYS": Secret("s3cr3t-value"), "PLAIN": "1"}
    inputs = engine.check("HostService", asked(run, argv=[sys.executable, "-S", SERVICE, "{socket}"], env=env))
    state = started(engine, inputs)
    folder = instance(run, state)

    assert get(folder / "socket", "/")[1] == "s3cr3t-value"
    assert state["env"] == {"SAYS": Secret("s3cr3t-value"), "PLAIN": "1"}
    assert mentioning("s3cr3t-value") == []
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "log"]
    assert not any(b"s3cr3t-value" in path.read_bytes() for path in files)
    assert [key for key, value in state.items() if isinstance(value, Secret)] == []


def test_the_environment_is_minimal(engine: Engine, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine's environment holds beyond PATH, HOME, language and time zone is not inherited."""
    monkeypatch.setenv("CLOUD_TOKEN", "from the engine")
    state = started(engine, engine.check("HostService", asked(run, env={"MINE": "1"})))
    found = processes.alive(instance(run, state))
    assert found is not None

    names = {entry.split(b"=")[0] for entry in Path(f"/proc/{found.child}/environ").read_bytes().split(b"\0") if entry}
    assert names - {b"LC_CTYPE"} <= {b"PATH", b"HOME", b"LANG", b"LC_ALL", b"TZ", b"TMPDIR", b"MINE"}
    assert b"MINE" in names


def test_what_runs_is_replaced_under_a_new_name(engine: Engine, run: Path) -> None:
    """Changed arguments give a new instance and a replacement: side by side on sockets, one after another on ports."""
    old = engine.check("HostService", asked(run))
    same = engine.check("HostService", asked(run), olds=old, seed=b"other")
    new = engine.check("HostService", asked(run, triggers={"model": "4"}), olds=old, seed=b"other")
    retried = engine.check("HostService", asked(run, triggers={"model": "4"}), olds=old, seed=b"other")
    state = started(engine, old)

    assert (same["instance"], new["instance"]) == (old["instance"], retried["instance"])
    assert new["instance"] != old["instance"]
    side_by_side = engine.diff("HostService", state, old, new)
    assert (sorted(side_by_side.replaces), side_by_side.deleteBeforeReplace) == (["instance", "triggers"], False)

    port = free_port()
    before = engine.check("HostService", on_port(run, port), seed=b"second")
    after = engine.check("HostService", on_port(run, port, env={"A": "1"}), olds=before, seed=b"other")
    assert engine.diff("HostService", started(engine, before), before, after).deleteBeforeReplace is True


def test_how_long_readiness_may_take_changes_in_place(engine: Engine, run: Path) -> None:
    """Nothing restarts when only the patience changes."""
    old = engine.check("HostService", asked(run))
    state = started(engine, old)
    new = engine.check("HostService", asked(run, startTimeout="30s"), olds=old, seed=b"other")

    changes = engine.diff("HostService", state, old, new)
    assert (list(changes.diffs), list(changes.replaces)) == (["startTimeout"], [])
    assert engine.update("HostService", state, new)["pid"] == state["pid"]


def test_a_preview_promises_no_name(engine: Engine, run: Path) -> None:
    """A preview says what is asked for, and leaves open what the run will choose."""
    from hybridml.provider.unknown import UNKNOWN

    _, state = engine.create("HostService", engine.check("HostService", asked(run)), preview=True)

    assert {key for key, value in state.items() if value is UNKNOWN} == {
        "instance",
        "socketPath",
        "log",
        "pid",
        "started",
    }
    assert not run.exists()


def test_contradictions_are_refused_all_at_once(engine: Engine, run: Path) -> None:
    """Two addresses, a missing socket, a name set by hand: each with its path."""
    bad = {**asked(run), "argv": [], "port": 70000, "instance": "mine", "env": {"A B": "x"}, "logBytes": 1}

    assert engine.failures("HostService", bad) == {
        "argv": "must be at least 1 entries, not 0",
        "port": "only one of `port` and `socket` can be given",
        "instance": "is set by the provider",
        'env["A B"]': "is not a name of an environment variable",
        "logBytes": "must be at least 1024, not 1",
    }


def test_a_deep_directory_does_not_outgrow_the_kernels_socket_names(engine: Engine, run: Path) -> None:
    """A working directory far beyond 107 bytes works, since the socket is named from there."""
    deep = run / ("d" * 60) / ("e" * 60)
    state = started(engine, engine.check("HostService", asked(deep)))

    assert len(str(deep / str(state["socketPath"]))) > 140
    assert get(deep / str(state["socketPath"]), "/ping")[0] == 200
    engine.delete("HostService", state)


def test_restarts_slow_down_and_start_afresh_after_a_stable_run(run: Path) -> None:
    """Each crash doubles the wait up to the longest one; a run that was stable sets it back."""
    crash = 'import os,time; n=len(open("runs").read()) if os.path.exists("runs") else 0; open("runs","a").write("x"); '
    script = crash + "print(time.time(), flush=True); time.sleep(0.6 if n == 4 else 0)"
    folder = run / "crashing"
    folder.mkdir(parents=True)
    task = Task(
        argv=[sys.executable, "-S", "-c", script],
        cwd=str(run),
        env={},
        grace=0.1,
        first_delay=0.3,
        longest_delay=1.5,
        stable_after=0.5,
    )
    processes.launch(folder, task)

    eventually(lambda: (folder / "log").exists() and len((folder / "log").read_text().splitlines()) >= 6)
    times = [float(line) for line in (folder / "log").read_text().splitlines()]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    least = [0.3, 0.6, 1.2, 1.5, 0.6 + 0.3]
    assert all(wait >= expected for wait, expected in zip(waits, least, strict=False)), waits
    assert waits[4] < 0.6 + 1.5, waits


def test_a_service_that_moves_to_another_port_serves_until_the_new_one_does(engine: Engine, run: Path) -> None:
    """Only who keeps the port has to stop first; on another port the two live side by side."""
    before = engine.check("HostService", on_port(run, free_port()))
    state = started(engine, before)
    moved = engine.check("HostService", on_port(run, free_port()), olds=before, seed=b"other")

    changes = engine.diff("HostService", state, before, moved)
    assert (changes.deleteBeforeReplace, "port" in changes.replaces) == (False, True)
    assert get(int(str(started(engine, moved)["port"]).removesuffix(".0")), "/")[0] == 200
    assert get(int(before["port"]), "/")[0] == 200


def test_a_task_that_runs_once_ends_with_its_first_success(run: Path) -> None:
    """A failure is followed by another start, status 0 by none: the supervision ends, no process is left."""
    script = 'import os,sys; again = os.path.exists("ran"); open("ran", "w").close(); sys.exit(0 if again else 3)'
    folder = run / "once"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-S", "-c", script]
    processes.launch(folder, Task(argv=argv, cwd=str(run), env={}, first_delay=0.1, once=True))

    eventually(lambda: (folder / "status.json").exists() and not processes.held(folder))
    ended = processes.status(folder)
    assert ended is not None
    assert (ended.phase, ended.restarts, ended.last_exit) == ("stopped", 1, "ended with status 0")
    assert mentioning(str(folder)) == []
    (run / "ran").unlink()
