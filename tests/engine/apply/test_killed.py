"""A run that is killed (SIGKILL) at any step of its journal is made good by the next one: no duplicate, no orphan."""

from __future__ import annotations

from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked

pytestmark = pytest.mark.timeout(900)
HOW = ("before", "after")
VOLATILE = {"created", "modified", "id", "provider", "pid"}


def stack(sandbox: Sandbox, version: str) -> dict[str, list[Any]]:
    """Two chains. Another version replaces the server new one first, the file old one first, and updates the rest."""
    return {
        "server": asked("Process", {"tag": sandbox.tag("server"), "version": version}),
        "route": asked("File", {"path": "route.txt", "content": {"ref": ["server", "where"]}}),
        "moved": asked("File", {"path": f"moved-{version}.txt", "content": {"secret": f"secret {version}"}}),
        "automatic": asked("File", {"content": "named by the plugin"}),
        **({} if version == "2" else {"retired": asked("Process", {"tag": sandbox.tag("retired"), "version": "1"})}),
    }


def settled(sandbox: Sandbox) -> dict[str, Any]:
    """Everything there is, inside the state and outside, without what differs from run to run."""
    resources = [_stable(resource) for resource in sandbox.resources]
    return {
        "files": sorted(sandbox.files().values()),
        "processes": sorted(sandbox.processes().values()),
        "resources": sorted(resources, key=lambda resource: str(resource["urn"])),
        "pending": sandbox.state["deployment"]["pending_operations"],
        "journal": (sandbox.directory / "journal.jsonl").exists(),
        "plugins": sandbox.plugins(),
    }


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        if "ciphertext" in value:
            return "sealed"
        automatic = str(value.get("path", "")).startswith("automatic-")
        return {k: _stable(v) for k, v in value.items() if k not in VOLATILE and not (automatic and k == "path")}
    return [_stable(item) for item in value] if isinstance(value, list) else value


def kill_everywhere(sandbox: Sandbox, command: str, how: str, *, prepare: Any, finish: Any, expected: Any) -> int:
    """Kill `command` at each line of its journal in turn; each time `finish` must end in `expected`."""
    for line in range(1, 100):
        prepare()
        if not sandbox.killed(command, how, line):
            return line - 1
        finish()
        assert settled(sandbox) == expected, f"killed {how} line {line}"
        if how == "folded":
            return line
    raise AssertionError("the run never ended")


@pytest.mark.parametrize("how", HOW)
def test_killed_up(sandbox: Sandbox, how: str) -> None:
    """`up` of a new stack."""
    sandbox.up(**stack(sandbox, "1"))
    expected = settled(sandbox)

    kills = kill_everywhere(sandbox, "up", how, prepare=sandbox.destroy, finish=sandbox.up, expected=expected)

    assert kills == {"before": 14, "after": 5}[how]


@pytest.mark.parametrize("how", HOW)
def test_killed_update_with_replacements(sandbox: Sandbox, how: str) -> None:
    """`up` that replaces one resource new one first, another old one first, updates one and deletes one."""
    sandbox.up(**stack(sandbox, "2"))
    expected = settled(sandbox)

    def prepare() -> None:
        sandbox.up(**stack(sandbox, "1"))
        sandbox.ask(**stack(sandbox, "2"))

    kills = kill_everywhere(sandbox, "up", how, prepare=prepare, finish=sandbox.up, expected=expected)

    assert kills == {"before": 14, "after": 6}[how]


@pytest.mark.parametrize("how", HOW)
def test_killed_destroy(sandbox: Sandbox, how: str) -> None:
    """`destroy`."""
    sandbox.up(**stack(sandbox, "1"))
    sandbox.destroy()
    expected = settled(sandbox)

    kills = kill_everywhere(sandbox, "destroy", how, prepare=sandbox.up, finish=sandbox.destroy, expected=expected)

    assert kills == {"before": 14, "after": 5}[how]


@pytest.mark.parametrize("line", [1, 2, 7, 14])
def test_a_line_cut_short_never_counted(sandbox: Sandbox, line: int) -> None:
    """Killed in the middle of writing a line, the journal is read up to the line before."""
    sandbox.up(**stack(sandbox, "1"))
    expected = settled(sandbox)
    sandbox.destroy()
    assert sandbox.killed("up", "torn", line)

    sandbox.up()

    assert settled(sandbox) == expected


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_killed_while_the_journal_is_folded(sandbox: Sandbox, command: str) -> None:
    """The new deployment file is there and the journal still is: nothing is applied twice."""
    sandbox.up(**stack(sandbox, "1"))
    finish = {"up": sandbox.up, "destroy": sandbox.destroy}[command]
    prepare = {"up": sandbox.destroy, "destroy": sandbox.up}[command]
    prepare()
    finish()
    expected = settled(sandbox)

    kill_everywhere(sandbox, command, "folded", prepare=prepare, finish=finish, expected=expected)


@pytest.mark.parametrize("how", HOW)
def test_killed_up_then_destroy(sandbox: Sandbox, how: str) -> None:
    """What a killed `up` had begun, `destroy` takes away too."""
    sandbox.up(**stack(sandbox, "1"))
    sandbox.destroy()
    expected = settled(sandbox)

    kills = kill_everywhere(sandbox, "up", how, prepare=lambda: None, finish=sandbox.destroy, expected=expected)

    assert kills == {"before": 14, "after": 5}[how]


def test_a_step_done_again_is_told(sandbox: Sandbox) -> None:
    """The next run says which step it takes up."""
    sandbox.ask(only=asked("Process", {"tag": sandbox.tag("only"), "version": "1"}))
    assert sandbox.killed("up", "after", 1)

    sandbox.up()

    urn = "urn:pulumi:dev::demo::fixture:index:Process::only"
    assert sandbox.notes[-1] == f"A run was ended while it did create {urn}: doing it again"
    assert sandbox.notes[0].startswith("The stack was held by `up` of ")
    assert len(sandbox.processes()) == 1


def test_an_automatic_name_survives_a_kill(sandbox: Sandbox) -> None:
    """The file that the killed run was about to report is the one the next run keeps."""
    sandbox.ask(named=asked("File", {"content": "x"}))
    assert sandbox.killed("up", "before", 6)
    (name,) = sandbox.files()

    sandbox.up()

    assert list(sandbox.files()) == [name]
