"""Whatever a stack looks like, a refresh ends in what there is, and a targeted run leaves the rest as it was."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine import journal, secrets, state
from hybridml.engine.apply_events import Journalist, silent
from hybridml.engine.apply_gate import Gate
from hybridml.engine.apply_refresh import refresh_entries
from hybridml.engine.apply_steps import Steps
from hybridml.engine.apply_targets import EVERY, Selection, of_state, refuse_to_strand
from hybridml.engine.journal import Ledger
from hybridml.engine.plugin_client import Made, Provider, Verdict
from hybridml.engine.selection import Targets
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Secret
from hybridml.errors import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = "abcdef"
PREFIX = "urn:pulumi:s::p::t:t:T::"


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Keys of one round, in processes of the test as well, and no waiting for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "ITERATIONS", 1)
        patch.setenv("HYBRIDML_TEST_ROUNDS", "1")
        patch.setattr(journal.os, "fsync", lambda _: None)
        yield


class World:
    """What there is: the content of each resource that exists."""

    package = "t"

    def __init__(self) -> None:
        self.contents: dict[str, object] = {}

    def read(self, resource: ResourceState) -> Made:
        if resource.id not in self.contents:
            return Made(id="", outputs={})
        inputs = {"content": self.contents[resource.id]}
        return Made(id=resource.id, inputs=inputs, outputs={**inputs, "length": 1})

    def diff(self, old: ResourceState, new: Any, *, ignore: tuple[str, ...]) -> Verdict:
        return Verdict(changed=old.inputs != new, replaces=(), changes=(), delete_first=False)


def fill(ledger: Ledger, world: World, chance: random.Random) -> None:
    """A stack as an `up` leaves it."""
    made: list[str] = []
    for name in NAMES:
        needs = tuple(urn for urn in made if chance.random() < 0.4)
        parent = chance.choice(["", *needs])
        content = chance.random()
        inputs: dict[str, object] = {"content": Secret(content) if chance.random() < 0.3 else content}
        entry = ResourceState(
            urn=PREFIX + name,
            type="t:t:T",
            custom=True,
            id=name,
            inputs=inputs,
            outputs={**inputs, "length": 1},
            parent=parent,
            dependencies=needs,
            property_dependencies={"content": needs[:1]} if needs else {},
            deleted_with=chance.choice(["", *needs]),
            delete=chance.random() < 0.1,
        )
        ledger.put(ledger.new_key(), entry)
        world.contents[name] = content
        if not entry.delete:
            made.append(entry.urn)


def drift(world: World, chance: random.Random) -> None:
    for name in list(world.contents):
        if chance.random() < 0.3:
            del world.contents[name]
        elif chance.random() < 0.3:
            world.contents[name] = chance.random()


def refreshed(directory: Path, world: World, selection: Selection = EVERY, *, fold: bool = True) -> Ledger:
    """Refresh the stack in `directory`; unless `fold` says so its journal is left, as by a kill at its end."""
    ledger = Ledger(directory)
    served = cast(Provider, world)
    steps = Steps(ledger=ledger, journalist=Journalist(silent), provider_of=lambda _: served)
    refresh_entries(steps, selection, Gate(), record=True)
    if fold:
        ledger.close()
    return ledger


def comparable(ledger: Ledger) -> list[str]:
    """Everything that a stack holds but when it was written."""
    return sorted(
        repr((replace(e, modified=""), {k: v.value for k, v in e.inputs.items() if isinstance(v, Secret)}))
        for e in ledger.entries.values()
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_refresh_ends_in_what_there_is(seed: int) -> None:
    """Gone is what is gone, nothing names it, secrets stay secret, the second refresh changes nothing.

    Killed at any line of its journal, the next refresh ends in the same.
    """
    chance, world = random.Random(seed), World()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "stack"
        ledger = Ledger(directory)
        fill(ledger, world, chance)
        ledger.close()
        drift(world, chance)
        before, killed = Path(folder) / "before", Path(folder) / "killed"
        shutil.copytree(directory, before)
        secret = {e.id for e in ledger.entries.values() if isinstance(e.inputs["content"], Secret)}

        whole = refreshed(directory, world, fold=False)
        expected = comparable(whole)
        lines = _journal(directory).splitlines(keepends=True)

        found = {e.id: e for e in whole.entries.values()}
        urns = {e.urn for e in found.values()}
        assert {id_: state.values.reveal(e.inputs["content"]) for id_, e in found.items()} == world.contents
        assert all(e.refers_to <= urns for e in found.values())
        assert {id_ for id_, e in found.items() if isinstance(e.outputs["content"], Secret)} == secret & found.keys()
        for count in range(len(lines) + 1):
            shutil.rmtree(killed, ignore_errors=True)
            shutil.copytree(before, killed)
            (killed / journal.FILE).write_bytes(b"".join(lines[:count]))
            assert comparable(refreshed(killed, world)) == expected
        assert comparable(refreshed(directory, world)) == expected


def _journal(directory: Path) -> bytes:
    path = directory / journal.FILE
    return path.read_bytes() if path.exists() else b""


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), named=st.sets(st.sampled_from(NAMES), min_size=1), dependents=st.booleans())
def test_a_selection_of_a_state_strands_nothing(seed: int, named: set[str], dependents: bool) -> None:
    """With dependents it is closed under them and always accepted; without it is refused exactly when it is not."""
    chance, world = random.Random(seed), World()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        fill(ledger, world, chance)
        entries = list(ledger.entries.values())
        selection = of_state(ledger, Targets(patterns=tuple(named), dependents=dependents))

        stranded = [e for e in entries if not selection.covers(e.urn) and not e.delete and _needs(e, selection)]

        assert all(selection.covers(PREFIX + name) for name in named)
        assert not (dependents and stranded)
        try:
            refuse_to_strand(ledger, selection)
        except ConfigurationError:
            assert stranded
        else:
            assert not stranded


def _needs(entry: ResourceState, selection: Selection) -> bool:
    return any(selection.covers(urn) for urn in entry.needs)


def resources(chance: random.Random, version: str) -> dict[str, list[Any]]:
    """Files that depend on one another; which ones there are and what is in them differs from version to version."""
    found: dict[str, list[Any]] = {}
    for name in NAMES[:4]:
        if chance.random() < 0.75:
            needs = [other for other in found if chance.random() < 0.4]
            content = version if chance.random() < 0.6 else "constant"
            found[name] = asked("File", {"path": f"{name}.txt", "content": content}, depends_on=needs)
    return found


def targeted_then_whole(seed: int) -> None:
    """Apply one version, then some of the next one, then all of it."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox.make(Path(folder))
        sandbox.up(**resources(chance, "1"))
        wanted = resources(chance, "2")
        sandbox.ask(**wanted)
        before = {name: sandbox.resource(name) for name in sandbox.names()}
        files, named = sandbox.files(), chance.sample(NAMES[:4], chance.randint(1, 3))
        dependents = chance.random() < 0.3
        sandbox.forget_effects()
        try:
            sandbox.up_only(*named, dependents=dependents)
        except ConfigurationError:
            assert (sandbox.files(), sandbox.names(), sandbox.effects) == (files, set(before), [])
        touched = {line.split()[1] for line in sandbox.effects} | set(named)

        left = before.keys() - touched
        assert {name: sandbox.files()[f"{name}.txt"] for name in left} == {n: files[f"{n}.txt"] for n in left}
        assert dependents or {name: sandbox.resource(name) for name in left} == {name: before[name] for name in left}
        urns = {entry["urn"] for entry in sandbox.resources}
        assert all(set(entry.get("dependencies", ())) <= urns for entry in sandbox.resources)

        sandbox.up()
        assert sandbox.files() == {f"{name}.txt": given[1]["content"] for name, given in wanted.items()}
        assert sandbox.up().changes["same"] == len(wanted) + 1


@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_a_targeted_run_leaves_the_rest(seed: int) -> None:
    """It is refused before anything changes, or changes what it names only; the next whole run ends where it should."""
    targeted_then_whole(seed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_many_targeted_runs_leave_the_rest(seed: int) -> None:
    """As above, often."""
    targeted_then_whole(seed)
