"""The deployment file and its journal: written at once, read with care, never overwritten when in doubt."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine import state
from hybridml.engine.journal import Ledger, in_order
from hybridml.engine.state import Pending, ResourceState, State
from hybridml.engine.values import UNKNOWN, Secret
from hybridml.errors import StateError

FULL = ResourceState(
    urn="urn:pulumi:dev::demo::a:b:C::full",
    type="a:b:C",
    custom=True,
    id="the-id",
    inputs={"plain": 1, "secret": Secret({"deep": ["word"]}), "none": None},
    outputs={"list": [Secret("word"), 2.5], "unknown": UNKNOWN},
    parent="urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev",
    dependencies=("urn:pulumi:dev::demo::a:b:C::other",),
    property_dependencies={"plain": ("urn:pulumi:dev::demo::a:b:C::other",)},
    provider="urn:pulumi:dev::demo::pulumi:providers:a::default::some-id",
    protect=True,
    retain_on_delete=True,
    external=True,
    delete=True,
    deleted_with="urn:pulumi:dev::demo::a:b:C::other",
    init_errors=("never healthy",),
    additional_secret_outputs=("list",),
    timeouts={"create": 90.0},
    created="2026-01-01T00:00:00Z",
    modified="2026-01-02T00:00:00Z",
)


def resource(name: str, *needs: str, **other: Any) -> ResourceState:
    dependencies = tuple(f"urn:pulumi:dev::demo::a:b:C::{need}" for need in needs)
    urn = f"urn:pulumi:dev::demo::a:b:C::{name}"
    return ResourceState(urn=urn, type="a:b:C", custom=True, id=name, dependencies=dependencies, **other)


def begun(directory: Path) -> Ledger:
    """A ledger with one entry, folded into its file."""
    ledger = Ledger(directory)
    ledger.put(ledger.new_key(), resource("one"))
    ledger.close()
    return Ledger(directory)


def test_every_field_survives_the_file(tmp_path: Path) -> None:
    """What is written is read back the same, and no secret is in the text."""
    ledger = Ledger(tmp_path)
    document = state.encode(State(resources=(FULL,)), ledger.crypter)

    assert "word" not in json.dumps(document)
    assert state.decode(document, ledger.crypter, tmp_path) == State(resources=(FULL,))


def test_the_file_is_a_deployment_of_version_3(tmp_path: Path) -> None:
    """With the fields that Pulumi reads, by its names."""
    ledger = Ledger(tmp_path)
    pending = Pending(operation="create", resource=resource("two"))
    document = state.encode(State(resources=(resource("one"),), pending=(pending,)), ledger.crypter)

    assert document["version"] == 3
    assert document["deployment"]["secrets_providers"] == {
        "type": "passphrase",
        "state": {"salt": ledger.crypter.salt},
    }
    assert document["deployment"]["resources"] == [
        {"urn": "urn:pulumi:dev::demo::a:b:C::one", "type": "a:b:C", "custom": True, "id": "one"}
    ]
    assert document["deployment"]["pending_operations"] == [
        {
            "resource": {"urn": "urn:pulumi:dev::demo::a:b:C::two", "type": "a:b:C", "custom": True, "id": "two"},
            "type": "creating",
        }
    ]


def test_the_file_before_the_last_change_is_kept(tmp_path: Path) -> None:
    """Both for their owner alone; nothing else is left."""
    ledger = begun(tmp_path)
    before = (tmp_path / "state.json").read_bytes()
    ledger.put(ledger.new_key(), resource("two"))
    ledger.close()

    assert (tmp_path / "state.json.bak").read_bytes() == before
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert names == {"state.json": 0o600, "state.json.bak": 0o600, "passphrase": 0o600}


def test_nothing_is_written_when_nothing_happens(tmp_path: Path) -> None:
    """No journal, no new file."""
    begun(tmp_path).close()
    before = (tmp_path / "state.json").stat().st_mtime_ns

    ledger = Ledger(tmp_path)
    ledger.put(0, ledger.entries[0])
    ledger.close()

    assert (tmp_path / "state.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "it is cut short, or no JSON"),
        (lambda text: "", "it is cut short, or no JSON"),
        (lambda text: "junk", "it is cut short, or no JSON"),
        (lambda text: "[]", "it is no Pulumi deployment of version 3"),
        (lambda text: '{"version": 2, "deployment": {}}', "it is no Pulumi deployment of version 3"),
        (lambda text: text.replace('"version": 3', '"version": 4'), "is a deployment of version 4"),
        (lambda text: text.replace('"custom"', '"custum"'), "a resource in it lacks 'custom'"),
        (lambda text: text.replace('"passphrase"', '"cloud"'), "its secrets are not kept by a passphrase"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: Callable[[str], str], message: str) -> None:
    """It says what is wrong and what to do, and nothing is overwritten."""
    ledger = begun(tmp_path)
    ledger.put(ledger.new_key(), resource("two"))
    ledger.close()
    path = tmp_path / "state.json"
    path.write_text(damage(path.read_text()))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(StateError) as caught:
        Ledger(tmp_path)

    assert message in str(caught.value)
    assert str(caught.value).endswith("nothing was changed.")
    assert ("state.json.bak" in str(caught.value)) == ("version 4" not in message)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_lost_passphrase_is_told(tmp_path: Path) -> None:
    """Another passphrase than the state's is refused by name of the file."""
    begun(tmp_path)
    (tmp_path / "passphrase").write_text("another\n")

    with pytest.raises(StateError) as caught:
        Ledger(tmp_path)

    assert str(caught.value) == (
        f"The passphrase in {tmp_path / 'passphrase'} is wrong for this stack's secrets. "
        "Put back the one they were encrypted with; nothing was changed."
    )


def test_a_journal_of_another_file_is_not_applied(tmp_path: Path) -> None:
    """When the deployment file was exchanged under an unfinished journal, nothing is guessed."""
    ledger = begun(tmp_path)
    ledger.put(ledger.new_key(), resource("two"))
    path = tmp_path / "state.json"
    path.write_text(path.read_text() + "\n")

    with pytest.raises(StateError, match=r"continues another state\.json than the one beside it"):
        Ledger(tmp_path)


def test_a_damaged_journal_is_one_clear_error(tmp_path: Path) -> None:
    """A bad line that is not the last one was not cut short by a kill."""
    ledger = begun(tmp_path)
    ledger.put(ledger.new_key(), resource("two"))
    path = tmp_path / "journal.jsonl"
    path.write_text(path.read_text().replace('"put"', "'put'"))

    with pytest.raises(StateError, match="is damaged"):
        Ledger(tmp_path)


def test_what_began_and_has_no_end_is_pending(tmp_path: Path) -> None:
    """With its checked inputs, for the next run, and after that run died too."""
    ledger = begun(tmp_path)
    two = resource("two", inputs={"word": Secret("x")})
    ledger.begin(ledger.new_key(), "create", two)

    for _ in range(2):
        again = Ledger(tmp_path)
        assert list(again.pending.values()) == [Pending(operation="create", resource=two)]
        assert [entry.id for entry in again.entries.values()] == ["one"]


def test_a_new_entry_of_a_urn_sends_the_old_one_to_be_deleted(tmp_path: Path) -> None:
    """In one line of the journal, so that no kill can come between."""
    ledger = begun(tmp_path)
    new = replace(resource("one"), id="new")
    key = ledger.new_key()
    ledger.begin(key, "create", new)
    ledger.end(key, new)

    entries = Ledger(tmp_path).entries
    assert [(entry.id, entry.delete) for entry in entries.values()] == [("new", False), ("one", True)]


def test_entries_are_written_in_the_order_in_which_they_need_each_other() -> None:
    """However they came to be; to be deleted comes last."""
    entries = {
        0: resource("last", "middle"),
        1: resource("middle", "first"),
        2: replace(resource("first"), delete=True, id="old"),
        3: resource("first"),
        4: resource("alone"),
    }

    assert [(e.id, e.delete) for e in in_order(entries)] == [
        ("first", False),
        ("middle", False),
        ("last", False),
        ("alone", False),
        ("old", True),
    ]


def test_whether_there_is_a_state(sandbox: Sandbox) -> None:
    """An empty stack has none, nor has a destroyed one; an unfinished run counts."""
    assert not state.exists(sandbox.directory)
    sandbox.up(one=asked("Fault"))
    assert state.exists(sandbox.directory)
    sandbox.destroy()
    assert not state.exists(sandbox.directory)
    assert sandbox.killed("up", "after", 1)
    assert state.exists(sandbox.directory)


def test_a_damaged_state_stops_up_and_destroy(sandbox: Sandbox) -> None:
    """What serves goes on serving."""
    sandbox.up(server=asked("Process", {"tag": sandbox.tag("server"), "version": "1"}))
    (sandbox.directory / "state.json").write_text("{")

    with pytest.raises(StateError):
        sandbox.up()
    with pytest.raises(StateError):
        sandbox.destroy()

    assert len(sandbox.processes()) == 1
