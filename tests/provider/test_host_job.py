"""A program that runs to its end, seen through the plugin: when it runs, how it fails, what it leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hybridml.errors import ResourceError
from hybridml.provider import processes
from hybridml.provider.resources import host_job
from hybridml.provider.resources.host_job import HostJob, HostJobInputs
from hybridml.provider.wire import Secret

from .conftest import Engine
from .supervised import eventually, mentioning, refusal, running


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-S", "-c", code, *arguments]


def asked(run: Path, code: str, **more: Any) -> dict[str, Any]:
    return {"argv": python(code), "directory": str(run), "timeout": "20s", "stopGrace": "1s", **more}


def done(engine: Engine, inputs: dict[str, Any]) -> dict[str, Any]:
    return engine.create("HostJob", engine.check("HostJob", inputs))[1]


COUNTING = "import os; open('runs', 'a').write('x'); print('counted')"


def runs(run: Path) -> int:
    return len((run / "runs").read_text()) if (run / "runs").exists() else 0


@pytest.fixture
def job() -> Iterator[HostJob]:
    """The resource itself, where a test cancels its run."""
    yield HostJob(threading.Event())


def inputs(run: Path, code: str, **more: Any) -> HostJobInputs:
    given: dict[str, Any] = {"timeout": "20s", "stop_grace": "1s", "instance": "it-0", **more}
    return HostJobInputs(argv=tuple(python(code)), directory=str(run), **given)


def test_a_program_runs_to_its_end_and_says_so(engine: Engine, run: Path) -> None:
    """Status, log and time of the end are outputs, and nothing of the program is left."""
    run.mkdir()

    state = done(engine, asked(run, COUNTING))

    assert state["exitStatus"] == 0
    assert Path(state["log"]).read_text() == "counted\n"
    assert state["finished"].endswith("+00:00")
    assert runs(run) == 1


def test_a_failure_shows_the_last_lines_and_keeps_the_log(engine: Engine, run: Path) -> None:
    """The run fails with status and last words of the program; the log stays where the message says."""
    run.mkdir()
    with pytest.raises(grpc.RpcError) as failed:
        done(engine, asked(run, "print('first', flush=True); raise SystemExit('the reason')"))

    said = refusal(failed)
    assert "ended with status 1" in said and "the reason" in said
    assert "Traceback" not in said
    assert Path(said.rpartition("Its log: ")[2]).read_text() == "first\nthe reason\n"


def test_a_program_that_is_missing_is_named(engine: Engine, run: Path) -> None:
    """A program that cannot be started fails the run with its name."""
    run.mkdir()
    with pytest.raises(grpc.RpcError) as failed:
        done(engine, {**asked(run, ""), "argv": ["/nowhere/program"]})

    assert "/nowhere/program: No such file or directory" in refusal(failed)


def test_an_output_that_was_not_written_fails_the_run(engine: Engine, run: Path) -> None:
    """A program that ends well has to have written what it was asked to."""
    run.mkdir()
    with pytest.raises(grpc.RpcError) as failed:
        done(engine, asked(run, COUNTING, outputs=[str(run / "answer")]))

    assert f"did not write {run}/answer" in refusal(failed)


def test_a_run_that_takes_too_long_is_ended(engine: Engine, run: Path) -> None:
    """Beyond its timeout the program is stopped with everything below it, and the last words are shown."""
    run.mkdir()
    code = "import subprocess, time; print('begun', flush=True); subprocess.Popen(['sleep', '60']); time.sleep(60)"
    with pytest.raises(grpc.RpcError) as failed:
        done(engine, asked(run, code, timeout="1s"))

    assert "did not end within 1s" in refusal(failed) and "begun" in refusal(failed)
    assert mentioning(str(run)) == []


def test_it_runs_again_when_an_input_changes_and_not_for_a_limit(engine: Engine, run: Path) -> None:
    """Another trigger is another run; another timeout is not."""
    run.mkdir()
    first = engine.check("HostJob", asked(run, COUNTING))
    state = engine.create("HostJob", first)[1]

    patient = engine.check("HostJob", asked(run, COUNTING, timeout="30s"), olds=first)
    state = engine.update("HostJob", state, patient)
    assert (runs(run), state["timeout"], state["instance"]) == (1, "30s", first["instance"])

    changed = engine.check("HostJob", asked(run, COUNTING, timeout="30s", triggers={"data": "2"}), olds=patient)
    assert list(engine.diff("HostJob", state, patient, changed).diffs) == ["triggers"]
    engine.update("HostJob", state, changed)
    assert runs(run) == 2


def test_it_runs_again_when_what_it_wrote_is_gone(engine: Engine, run: Path) -> None:
    """A missing output is drift; the repair is another run."""
    run.mkdir()
    given = engine.check("HostJob", asked(run, COUNTING, outputs=[str(run / "runs")]))
    state = engine.create("HostJob", given)[1]
    assert list(engine.diff("HostJob", state, given, given).diffs) == []

    (run / "runs").unlink()

    assert list(engine.diff("HostJob", state, given, given).diffs) == ["finished"]
    observed = engine.read("HostJob", state, given)
    assert observed is not None and observed[0]["finished"] == ""
    assert engine.update("HostJob", observed[0], given)["finished"]
    assert runs(run) == 1


def test_a_secret_is_in_no_state_message_argument_or_file(engine: Engine, run: Path) -> None:
    """A secret variable reaches the program and nothing else; a message that would show it does not."""
    run.mkdir()
    code = "import os; print('saw', os.environ['TOKEN']); raise SystemExit(3)"
    given = asked(run, code, env={"TOKEN": Secret("hunter2-word")})
    with pytest.raises(grpc.RpcError) as failed:
        engine.create("HostJob", engine.check("HostJob", given))

    assert "status 3" in refusal(failed) and "saw [secret]" in refusal(failed)
    assert "hunter2-word" not in refusal(failed)
    kept = [path for path in run.rglob("*") if path.is_file() and path.name != "log"]
    assert not [path for path in kept if "hunter2-word" in path.read_text()]


def test_a_secret_stays_one_in_the_state(engine: Engine, run: Path) -> None:
    """The environment comes back as a secret, while log and status stay readable."""
    run.mkdir()
    given = asked(run, "pass", env={"TOKEN": Secret("hunter2-word")})
    state = engine.create("HostJob", engine.check("HostJob", given))[1]

    assert isinstance(state["env"], Secret) or isinstance(state["env"]["TOKEN"], Secret)
    assert state["exitStatus"] == 0 and isinstance(state["log"], str)


def test_a_cancelled_run_takes_the_whole_group_along(job: HostJob, run: Path) -> None:
    """When the engine cancels, the program and what it started end before the verb does."""
    run.mkdir()
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); open('begun', 'w'); time.sleep(60)"
    failed: list[Exception] = []

    def create() -> None:
        try:
            job.create(inputs(run, code))
        except ResourceError as error:
            failed.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    eventually((run / "begun").exists)
    job.cancelled.set()
    thread.join(15)

    assert "stopped, since the run was cancelled" in str(failed[0])
    assert mentioning(str(run)) == []


def test_a_job_does_not_outlive_a_provider_that_was_killed(run: Path) -> None:
    """SIGKILL of the provider ends the program too; a repeated create runs it from the beginning."""
    run.mkdir()
    code = (
        "import os, sys, threading\n"
        "from hybridml.provider.resources.host_job import HostJob, HostJobInputs\n"
        "argv = (sys.executable, '-S', '-c', 'import time; open(\"begun\", \"w\"); time.sleep(60)')\n"
        "HostJob().create(HostJobInputs(argv=argv, directory=sys.argv[1], stop_grace='1s', instance='it-0'))\n"
    )
    import subprocess

    provider = subprocess.Popen([sys.executable, "-c", code, str(run)])
    eventually((run / "begun").exists)
    before = processes.status(run / "it-0")
    provider.send_signal(signal.SIGKILL)
    provider.wait()

    assert before is not None
    eventually(lambda: not processes.held(run / "it-0"))
    assert not running(before.child) and mentioning(str(run)) == []
    state = HostJob().create(inputs(run, COUNTING))
    assert (state.exit_status, runs(run)) == (0, 1)


def test_a_job_that_is_killed_from_outside_fails(job: HostJob, run: Path) -> None:
    """The kernel's or somebody's SIGKILL is the end of the run, and says so."""
    run.mkdir()
    with pytest.raises(ResourceError, match="was killed by SIGKILL"):
        job.create(inputs(run, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))


def test_a_program_that_was_killed_is_not_started_again(job: HostJob, run: Path) -> None:
    """Not even when whoever waits is slow to see it: a program may be dear, or half done."""
    run.mkdir()
    with pytest.raises(ResourceError, match="was killed from outside"):
        job.create(inputs(run, f"{COUNTING}; import os, signal; os.kill(os.getppid(), signal.SIGKILL)"))

    assert runs(run) == 1
    assert host_job._KILLED_IS_SEEN_WITHIN > 100 * host_job._POLL


def test_a_job_whose_folder_is_gone_leaves_no_process(job: HostJob, run: Path) -> None:
    """Nobody could find its supervisor any more, so that one ends by itself."""
    run.mkdir()
    with pytest.raises(ResourceError):
        job.create(inputs(run, "import shutil; shutil.rmtree('it-0')", timeout="1s"))

    eventually(lambda: mentioning(str(run)) == [])


def test_two_runs_do_not_run_the_same_job_at_once(job: HostJob, run: Path) -> None:
    """A second run that meets the first one's job is refused by name, and the first goes on."""
    run.mkdir()
    first = threading.Thread(target=lambda: job.create(inputs(run, "open('begun', 'w'); import time; time.sleep(2)")))
    first.start()
    eventually((run / "begun").exists)
    began = time.monotonic()
    with pytest.raises(ResourceError, match="another run waits"):
        HostJob().create(inputs(run, COUNTING))
    first.join(15)

    assert time.monotonic() - began < 10
    assert runs(run) == 0


def test_deleting_removes_the_log_and_keeps_what_was_written(engine: Engine, run: Path) -> None:
    """The job's folder goes; files that the program made belong to who asked for them."""
    run.mkdir()
    state = done(engine, asked(run, COUNTING))

    engine.delete("HostJob", state)
    engine.delete("HostJob", state)

    assert [path.name for path in run.iterdir()] == ["runs"]


def test_the_environment_is_the_one_asked_for(engine: Engine, run: Path) -> None:
    """Nothing of the provider's environment but where programs are, language, time zone and home is passed on."""
    run.mkdir()
    os.environ["ONLY_OF_THE_PROVIDER"] = "1"
    try:
        code = "import json, os; json.dump(sorted(os.environ), open('seen', 'w'))"
        done(engine, asked(run, code, env={"ASKED": "yes"}))
    finally:
        del os.environ["ONLY_OF_THE_PROVIDER"]

    seen = set(json.loads((run / "seen").read_text()))
    assert "ASKED" in seen and "ONLY_OF_THE_PROVIDER" not in seen


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"argv": []}, "argv"),
        ({"directory": "relative"}, "directory"),
        ({"timeout": "soon"}, "timeout"),
        ({"env": {"1ST": "x"}}, 'env["1ST"]'),
        ({"instance": "mine"}, "instance"),
    ],
)
def test_wrong_inputs_are_named(engine: Engine, run: Path, wrong: dict[str, Any], path: str) -> None:
    """Each wrong input is one failure at its path."""
    assert list(engine.failures("HostJob", {**asked(run, ""), **wrong})) == [path]
