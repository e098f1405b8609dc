"""Whatever happens to a stack, what the next run reads is what the last one knew."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hybridml.engine import secrets
from hybridml.engine.journal import Ledger, in_order
from hybridml.engine.state import ResourceState, State
from hybridml.engine.values import Secret
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = "abcde"


@pytest.fixture(autouse=True, scope="module")
def quick_keys() -> Iterator[None]:
    """Keys of one round: what is proven here does not depend on how hard they are to guess."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "ITERATIONS", 1)
        yield


def resource(name: str, chance: random.Random) -> ResourceState:
    needs = tuple(f"urn:pulumi:s::p::t::{other}" for other in NAMES if other < name and chance.random() < 0.5)
    urn = f"urn:pulumi:s::p::t::{name}"
    inputs = {"word": Secret(chance.random()), "plain": chance.random()}
    return ResourceState(urn=urn, type="t", custom=True, id=str(chance.random()), inputs=inputs, dependencies=needs)


def step(ledger: Ledger, chance: random.Random) -> None:
    """One thing that a run may do."""
    name = chance.choice(NAMES)
    found = ledger.find([f"urn:pulumi:s::p::t::{name}"])
    pending = list(ledger.pending)
    if pending and chance.random() < 0.5:
        key = chance.choice(pending)
        begun = ledger.pending[key]
        if chance.random() < 0.3:
            ledger.fail(key)
        else:
            ledger.end(key, None if begun.operation == "delete" else begun.resource)
    elif found is None or chance.random() < 0.3:
        if not any(p.operation == "create" and p.resource.urn.endswith(f"::{name}") for p in ledger.pending.values()):
            ledger.begin(ledger.new_key(), "create", resource(name, chance))
    elif found[0] not in pending:
        key, known = found
        {
            0: lambda: ledger.begin(key, "update", replace(known, inputs={"plain": chance.random()})),
            1: lambda: ledger.begin(key, "delete", known),
            2: lambda: ledger.put(key, replace(known, outputs={"seen": chance.random()})),
            3: lambda: ledger.drop(key),
        }[chance.randrange(4)]()


def comparable(state: State) -> tuple[object, object]:
    """Everything in a state, in an order that does not depend on keys."""
    pending = [(p.operation, p.resource) for p in state.pending]
    return sorted(state.resources, key=repr), sorted(pending, key=repr)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 40), orderly=st.booleans())
def test_the_next_run_knows_what_the_last_one_did(seed: int, length: int, orderly: bool) -> None:
    """After an orderly end and after none, as often as it is read; and every entry comes after what it needs."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        for _ in range(length):
            step(ledger, chance)
        known = comparable(ledger.state)
        if orderly:
            ledger.close()

        for _ in range(2):
            again = Ledger(Path(folder))
            assert comparable(again.state) == known
            assert not (Path(folder) / "journal.jsonl").exists()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_entry_comes_after_what_it_needs(seed: int) -> None:
    """However they came to be."""
    chance = random.Random(seed)
    entries = dict(enumerate(resource(name, chance) for name in chance.sample(NAMES, len(NAMES))))

    written: set[str] = set()
    for entry in in_order(entries):
        assert {need for need in entry.needs if need[-1] in NAMES} <= written
        written.add(entry.urn)
    assert len(written) == len(NAMES)
