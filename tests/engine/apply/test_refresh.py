"""`refresh` reads what there is, shows what is not as recorded, property by property, and records it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine.apply_events import Drifted
from hybridml.engine.drift import Difference, Drift
from hybridml.engine.lock import StackLock
from hybridml.errors import LockedError, ResourceError

pytestmark = pytest.mark.usefixtures("quick_keys")
URN = "urn:pulumi:dev::demo::fixture:index:"


def stack(sandbox: Sandbox) -> dict[str, list[Any]]:
    """A file, a process, and a file that names it."""
    return {
        "note": asked("File", {"path": "note.txt", "content": "one"}),
        "server": asked("Process", {"tag": sandbox.tag("server"), "version": "1"}),
        "route": asked("File", {"path": "route.txt", "content": {"ref": ["server", "where"]}}),
    }


def kill(sandbox: Sandbox) -> None:
    for pid in sandbox.processes():
        os.kill(pid, 9)


def test_nothing_drifted(sandbox: Sandbox) -> None:
    """Right after an `up` there is no drift, and the state stays as it is."""
    sandbox.up(**stack(sandbox))
    before, effects = sandbox.state, sandbox.effects

    found = sandbox.refresh()

    assert (found.drift, found.changes["same"]) == ((), 3)
    assert (sandbox.state, sandbox.effects) == (before, effects)


def test_what_changed_is_told_and_recorded(sandbox: Sandbox) -> None:
    """Each property with its old and its new value; the next `refresh` finds nothing, the next `up` puts it right."""
    sandbox.up(**stack(sandbox))
    (sandbox.root / "note.txt").write_text("by hand")

    found = sandbox.refresh()

    changed = (
        Difference(path="content", before="one", after="by hand"),
        Difference(path="size", before=3, after=7),
    )
    assert found.drift == (Drift(urn=f"{URN}File::note", properties=changed, correction="update"),)
    assert [event.drift for event in sandbox.events if isinstance(event, Drifted)] == list(found.drift)
    assert found.changes == {"create": 0, "update": 1, "replace": 0, "delete": 0, "same": 2}
    assert sandbox.resource("note")["inputs"]["content"] == "by hand"
    assert sandbox.refresh().drift == ()
    assert sandbox.up().changes["update"] == 1
    assert sandbox.files()["note.txt"] == "one"


def test_what_is_gone_is_dropped_with_every_reference_to_it(sandbox: Sandbox) -> None:
    """What depends on it stays and names it no more, so that Pulumi can still read the state; `up` makes it anew."""
    sandbox.up(**stack(sandbox))
    kill(sandbox)

    found = sandbox.refresh()

    assert found.drift == (Drift(urn=f"{URN}Process::server", gone=True),)
    assert found.changes["delete"] == 1
    assert sandbox.names() == {"note", "route"}
    assert "server" not in json.dumps([sandbox.resource("route").get(key) for key in ("dependencies", "parent")])
    assert "propertyDependencies" not in sandbox.resource("route")
    assert sandbox.up().changes == {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 3}
    assert sandbox.resource("route")["dependencies"] == [f"{URN}Process::server"]


def test_children_of_what_is_gone_belong_to_its_parent(sandbox: Sandbox) -> None:
    """As in Pulumi, so that no parent is missing."""
    resources = {
        "group": asked("Component"),
        "holder": asked("File", {"path": "holder.txt"}, parent="group"),
        "held": asked("File", {"path": "held.txt"}, parent="holder", deleted_with="holder"),
    }
    sandbox.up(**resources)
    (sandbox.root / "holder.txt").unlink()

    sandbox.refresh()

    held = sandbox.resource("held")
    assert (held["parent"], held.get("deletedWith")) == (sandbox.resource("group")["urn"], None)


def test_without_recording_nothing_changes(sandbox: Sandbox) -> None:
    """Drift is told, with what would be recorded; the state's bytes stay."""
    sandbox.up(**stack(sandbox))
    before = (sandbox.directory / "state.json").read_bytes()
    (sandbox.root / "note.txt").write_text("by hand")
    (sandbox.root / "route.txt").unlink()

    found = sandbox.refresh(record=False)

    assert [drift.urn for drift in found.drift] == [f"{URN}File::note", f"{URN}File::route"]
    assert {r["urn"].rpartition("::")[2] for r in found.found["deployment"]["resources"]} >= {"note", "server"}
    assert f"{URN}File::route" not in {r["urn"] for r in found.found["deployment"]["resources"]}
    assert (sandbox.directory / "state.json").read_bytes() == before


def test_secrets_stay_secret_in_drift_and_state(sandbox: Sandbox) -> None:
    """A changed secret is told as such and never shown; it stays encrypted."""
    sandbox.up(note=asked("File", {"path": "note.txt", "content": {"secret": "sesame-old"}}))
    (sandbox.root / "note.txt").write_text("sesame-new")

    found = sandbox.refresh()

    (drift,) = found.drift
    assert [str(each) for each in drift.properties] == ["content: [secret] changed"]
    assert "sesame" not in json.dumps([drift.to_json(), found.found]) + repr(drift) + json.dumps(sandbox.state)


def test_neither_program_nor_configuration_is_needed(sandbox: Sandbox) -> None:
    """A broken program can be refreshed, as it can be destroyed."""
    sandbox.up(**stack(sandbox))
    (sandbox.root / "__main__.py").write_text("no program\n")

    assert sandbox.refresh().changes["same"] == 3


def test_what_cannot_be_read_is_named_and_the_rest_recorded(sandbox: Sandbox) -> None:
    """Every failure in one error."""
    sandbox.up(**stack(sandbox), ill=asked("Fault", {}))
    (sandbox.root / "note.txt").write_text("by hand")
    _poison(sandbox, "ill", {"fail": "read"})

    with pytest.raises(ResourceError, match="Fault::ill: Read failed: cannot read with this"):
        sandbox.refresh()

    assert sandbox.resource("note")["inputs"]["content"] == "by hand"


def test_what_does_not_work_is_recorded_as_such(sandbox: Sandbox) -> None:
    """The provider's reasons become part of the state, and the next `up` tries again."""
    sandbox.up(ill=asked("Fault", {}))
    _poison(sandbox, "ill", {"half": "read"})

    sandbox.refresh()

    assert sandbox.resource("ill")["initErrors"] == ["never healthy"]


def test_a_second_signal_waits_for_no_answer(sandbox: Sandbox) -> None:
    """A provider that never answers keeps nobody: the first signal lets it, the second ends it, nothing is recorded."""
    sandbox.up(**stack(sandbox), ill=asked("Fault", {}))
    (sandbox.root / "note.txt").write_text("by hand")
    _poison(sandbox, "ill", {"slow": 600})
    quick = "from hybridml.engine import secrets; secrets.ITERATIONS = 1; from hybridml.cli.app import app; app()"
    argv = [sys.executable, "-c", quick, "refresh", "--yes"]
    running = subprocess.Popen(argv, cwd=sandbox.root, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        _until(running.stderr, "waiting for ill")
        running.send_signal(signal.SIGINT)
        _until(running.stderr, "once more ends it at once")
        running.send_signal(signal.SIGINT)
        code = running.wait(30)
    finally:
        running.kill()
        running.wait()
        running.stderr.close()

    assert code == 130
    assert sandbox.resource("note")["inputs"]["content"] == "one"


def _until(lines: Iterable[str], said: str) -> None:
    assert any(said in line for line in lines), said


def test_another_id_is_drift(sandbox: Sandbox) -> None:
    """What a provider finds under another id is told and recorded."""
    sandbox.up(note=asked("File", {"path": "note.txt", "content": "one"}))
    _poison(sandbox, "note", {"path": "note.txt", "content": "one", "renamed": "moved"})

    found = sandbox.refresh()

    assert Difference(path="id", before="note.txt", after="moved") in found.drift[0].properties
    assert sandbox.resource("note")["id"] == "moved"


def _poison(sandbox: Sandbox, name: str, inputs: dict[str, Any]) -> None:
    """Let a resource of the state ask for a fault."""
    state = sandbox.state
    for resource in state["deployment"]["resources"]:
        if resource["urn"].endswith(f"::{name}"):
            resource["inputs"] = inputs
    (sandbox.directory / "state.json").write_text(json.dumps(state))


def test_only_what_is_named_is_read(sandbox: Sandbox) -> None:
    """By name, and with what depends on it."""
    sandbox.up(**stack(sandbox))
    kill(sandbox)
    (sandbox.root / "note.txt").write_text("by hand")
    (sandbox.root / "route.txt").write_text("by hand")

    assert [drift.urn for drift in sandbox.refresh("note").drift] == [f"{URN}File::note"]
    found = sandbox.refresh("server", dependents=True)

    assert [drift.urn for drift in found.drift] == [f"{URN}File::route", f"{URN}Process::server"]


def test_what_a_killed_run_left_pending_is_left_to_up(sandbox: Sandbox) -> None:
    """Its entry is not read, which is told, and the operation stays pending."""
    sandbox.up(note=asked("File", {"path": "note.txt", "content": "one"}))
    sandbox.ask(note=asked("File", {"path": "note.txt", "content": "two"}))
    assert sandbox.killed("up", "after", 1)

    sandbox.refresh()

    urn = f"{URN}File::note"
    assert sandbox.notes[-1] == f"{urn} is not read: `up` first ends the update that a killed run began"
    assert [each["type"] for each in sandbox.state["deployment"]["pending_operations"]] == ["updating"]
    sandbox.up()
    assert sandbox.files() == {"note.txt": "two"}


def test_up_lists_drift(sandbox: Sandbox) -> None:
    """An `up` that finds something changed or gone says which property, old and new, and puts it right."""
    sandbox.up(**stack(sandbox))
    kill(sandbox)
    (sandbox.root / "note.txt").write_text("by hand")

    done = sandbox.up()

    assert [(drift.urn, drift.gone) for drift in done.drift] == [
        (f"{URN}File::note", False),
        (f"{URN}Process::server", True),
    ]
    assert done.drift[0].properties[0] == Difference(path="content", before="one", after="by hand")
    assert sandbox.up().drift == ()


def test_up_can_refresh_first(sandbox: Sandbox) -> None:
    """What is gone and no longer asked for is not deleted a second time."""
    sandbox.up(**stack(sandbox))
    (sandbox.root / "route.txt").unlink()
    kill(sandbox)
    sandbox.ask(note=asked("File", {"path": "note.txt", "content": "one"}))
    sandbox.forget_effects()

    done = sandbox.up_only(refreshing=True)

    assert sandbox.effects == []
    assert [drift.gone for drift in done.drift] == [True, True]
    assert sandbox.names() == {"note"}


@pytest.mark.parametrize(
    ("options", "effects"),
    [
        ({"ignore_changes": ["content"]}, []),
        ({"replace_on_changes": ["content"]}, ["delete note", "create note"]),
        ({"replace_on_changes": ["content"], "delete_before_replace": False}, ["create note", "delete note"]),
        ({"aliases": [{"name": "earlier"}]}, ["update note"]),
    ],
)
def test_options_after_a_refresh(sandbox: Sandbox, options: dict[str, Any], effects: list[str]) -> None:
    """They judge what was found as they judge what was recorded."""
    name = "earlier" if "aliases" in options else "note"
    sandbox.up(**{name: asked("File", {"path": "note.txt", "content": "one"})})
    (sandbox.root / "note.txt").write_text("by hand")
    sandbox.refresh()
    sandbox.forget_effects()

    sandbox.up(note=asked("File", {"path": "note.txt", "content": "one"}, **options))

    assert sandbox.effects == effects


def test_one_run_at_a_time(sandbox: Sandbox) -> None:
    """`refresh` takes the lock, and says who holds it."""
    sandbox.up(**stack(sandbox))

    with StackLock(sandbox.directory, "up"), pytest.raises(LockedError, match="held by `up`"):
        sandbox.refresh()
