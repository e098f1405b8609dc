"""`--json`: the events of a run, in the shape of Pulumi's, whatever becomes of the run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from hybridml.cli import stream

from .conftest import Run

PLANTED = "pl4nted-s3cret-in-a-note"
PROGRAM = """
import pulumi
from hybridml.provider.sdk import HostFile, HostFileArgs, HostService, HostServiceArgs

config = pulumi.Config()


class Pair(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("notes:index:Pair", name)
        opts = pulumi.ResourceOptions(parent=self)
        text = config.get_secret("text") or "hello"
        self.note = HostFile(name, HostFileArgs(path=config.require("path"), content=text), opts)
        self.register_outputs({"sha256": self.note.sha256})


pair = Pair("note")
if config.get_bool("slow"):
    HostService("slow", HostServiceArgs(argv=["/bin/sleep", "600"], directory=config.require("run"), socket=True))
pulumi.export("sha256", pair.note.sha256)
pulumi.export("motto", pulumi.Output.secret("%s"))
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A project that writes one file, and can wait for a service that never answers."""
    (tmp_path / "Pulumi.yaml").write_text("name: notes\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM % PLANTED, encoding="utf-8")
    _configure(tmp_path)
    return tmp_path


def _configure(folder: Path, **more: str) -> None:
    lines = [f"  notes:path: {folder / 'out' / 'note.txt'}", f"  notes:run: {folder / 'run'}"]
    lines += [f"  notes:{key}: {value}" for key, value in more.items()]
    (folder / "Pulumi.one.yaml").write_text("config:\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _events(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert [event["sequence"] for event in found] == list(range(len(found)))
    assert all(event["timestamp"] > 1_700_000_000 and len(event) == 3 for event in found)
    assert [list(each)[2] for each in found if "diagnosticEvent" not in each][-2:] == ["summaryEvent", "cancelEvent"]
    assert found[-1]["cancelEvent"] == {}
    return found


def _steps(events: list[dict[str, Any]], kind: str) -> list[tuple[str, str]]:
    return [
        (each[kind]["metadata"]["op"], each[kind]["metadata"]["urn"].rpartition("::")[2])
        for each in events
        if kind in each
    ]


def test_a_run_is_told_event_by_event(start: Run, notes: Path) -> None:
    """Prelude, what is begun, what became of it with its outputs, and a summary; no secret, nothing else on stdout."""
    first, again = (_events(start("up", "--yes", "--json", cwd=notes).out) for _ in range(2))
    gone = _events(start("destroy", "--yes", "--json", cwd=notes).out)

    assert first[0]["preludeEvent"]["config"]["notes:path"].endswith("note.txt")
    assert _steps(first, "resourcePreEvent") == [("create", "notes-one"), ("create", "note"), ("create", "note")]
    assert sorted(_steps(first, "resOutputsEvent")) == [("create", "note"), ("create", "note"), ("create", "notes-one")]
    assert first[-2]["summaryEvent"] == {
        "maybeCorrupt": False,
        "durationSeconds": first[-2]["summaryEvent"]["durationSeconds"],
        "resourceChanges": {"create": 3},
        "PolicyPacks": {},
        "isPreview": False,
        "result": "succeeded",
    }
    assert PLANTED not in json.dumps([first, again, gone])
    stack = [each["resOutputsEvent"]["metadata"] for each in first if "resOutputsEvent" in each][-1]
    assert (stack["type"], stack["new"]["outputs"]["motto"]) == ("pulumi:pulumi:Stack", "[secret]")
    assert again[-2]["summaryEvent"]["resourceChanges"] == {"same": 3}
    assert ("delete", "note") in _steps(gone, "resOutputsEvent")
    assert gone[-2]["summaryEvent"]["resourceChanges"] == {"delete": 3}


def test_an_update_says_which_properties_differ(start: Run, notes: Path) -> None:
    """The step carries old and new, and the paths that differ; so does what a refresh finds."""
    start("up", "--yes", cwd=notes)
    (notes / "out" / "note.txt").write_text("scribbled", encoding="utf-8")
    found = _events(start("refresh", "--yes", "--json", cwd=notes).out)
    mended = _events(start("up", "--yes", "--json", cwd=notes).out)
    start("destroy", "--yes", cwd=notes)

    read = next(each["resOutputsEvent"]["metadata"] for each in found if "resOutputsEvent" in each)
    assert (read["op"], bool(read["detailedDiff"])) == ("refresh", True)
    update = next(e["resourcePreEvent"]["metadata"] for e in mended if _of(e, "resourcePreEvent", "update"))
    assert update["old"]["id"]
    assert update["type"] == "hybridml:index:HostFile"
    assert mended[-2]["summaryEvent"]["resourceChanges"] == {"same": 2, "update": 1}


def _of(event: dict[str, Any], kind: str, operation: str) -> bool:
    return kind in event and event[kind]["metadata"]["op"] == operation


def test_a_run_that_fails_ends_its_events(start: Run, notes: Path) -> None:
    """The step that failed, why, and a summary that says so; a run that never began as well."""
    (notes / "out").write_text("in the way", encoding="utf-8")
    failed = start("up", "--yes", "--json", cwd=notes)
    nobody = start("up", "--yes", "--json", "-s", "other", cwd=notes)

    events = _events(failed.out)
    assert failed.code == 1
    assert _steps(events, "resOpFailedEvent") == [("create", "note")]
    errors = [each["diagnosticEvent"] for each in events if each.get("diagnosticEvent", {}).get("severity") == "error"]
    assert errors[0]["urn"].endswith("::note")
    assert events[-2]["summaryEvent"]["result"] == "failed"
    assert nobody.code == 2
    assert _events(nobody.out)[-2]["summaryEvent"]["result"] == "failed"


def test_a_run_that_is_interrupted_ends_its_events(notes: Path) -> None:
    """SIGINT while a service is waited for: the last events say that the run was interrupted."""
    _configure(notes, slow="true")
    argv = [str(Path(sys.executable).with_name("hybridml")), "up", "--yes", "--json"]
    running = subprocess.Popen(argv, cwd=notes, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout is not None
    lines = []
    try:
        for line in running.stdout:
            lines.append(line)
            if "resourcePreEvent" in line and "::slow" in line:
                break
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        lines += running.stdout.readlines()
    finally:
        running.kill()
        code = running.wait()
        subprocess.run([argv[0], "destroy", "--yes"], cwd=notes, check=False, capture_output=True)

    assert _events("".join(lines))[-2]["summaryEvent"]["result"] == "interrupted"
    assert code == 130


def test_a_reader_that_goes_away_stops_no_run(notes: Path) -> None:
    """`hybridml up --json | head -1` deploys all the same."""
    argv = [str(Path(sys.executable).with_name("hybridml")), "up", "--yes", "--json"]
    running = subprocess.Popen(argv, cwd=notes, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    code = running.wait(60)

    assert code == 0
    assert (notes / "out" / "note.txt").read_text(encoding="utf-8") == "hello"
    subprocess.run([argv[0], "destroy", "--yes"], cwd=notes, check=True, capture_output=True)


def test_events_that_nobody_can_write_are_said(notes: Path) -> None:
    """On a full disk the run goes on and fails at its end; on a closed stdout it does not begin."""
    command = f"{Path(sys.executable).with_name('hybridml')} up --yes --json"
    full, closed = (
        subprocess.run(["bash", "-c", f"{command} {to}"], cwd=notes, capture_output=True, text=True, check=False)
        for to in (">/dev/full", ">&-")
    )

    assert (full.returncode, closed.returncode) == (1, 1)
    assert full.stderr.endswith("The events cannot be written to stdout: No space left on device\n")
    assert closed.stderr == "The events cannot be written to stdout: it is closed; nothing was begun\n"
    assert (notes / "out" / "note.txt").read_text(encoding="utf-8") == "hello"


def test_a_question_that_nobody_wants_to_answer_ends_its_events(capfd: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C where the run asks whether to go on interrupts it."""
    with pytest.raises(typer.Abort), stream.opened(True):
        raise typer.Abort

    assert _events(capfd.readouterr().out)[-2]["summaryEvent"]["result"] == "interrupted"


def test_two_results_are_refused(start: Run, notes: Path) -> None:
    """`--json` and `--format json` contradict each other."""
    ran = start("up", "--yes", "--json", "--format", "json", cwd=notes)

    assert ran.code == 2
    assert "contradict" in ran.err


@pytest.mark.pulumi
def test_pulumi_passes_its_own_events(start: Run, notes: Path) -> None:
    """With Pulumi as engine stdout has the events that Pulumi logs, and nothing else, also when it fails.

    What its language host says while it is ended comes after the summary then.
    """
    made = start("up", "--yes", "--json", "--engine", "pulumi", cwd=notes)
    gone = start("destroy", "--yes", "--json", "--engine", "pulumi", cwd=notes)
    shutil.rmtree(notes / "out", ignore_errors=True)
    (notes / "out").write_text("in the way", encoding="utf-8")
    failed = start("up", "--yes", "--json", "--engine", "pulumi", cwd=notes)

    assert (made.code, gone.code) == (0, 0), made.err + gone.err
    assert _events(made.out)[-2]["summaryEvent"]["result"] == "succeeded"
    assert PLANTED not in made.out
    assert ("delete", "note") in _steps(_events(gone.out), "resOutputsEvent")
    assert failed.code != 0
    assert [each["summaryEvent"]["result"] for each in _events(failed.out) if "summaryEvent" in each] == ["failed"]
