"""A state or a journal that somebody edited, or that a disk damaged, is one clear error and no traceback."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine import state
from hybridml.engine.journal import Ledger
from hybridml.engine.state import ResourceState
from hybridml.engine.values import SECRET_SIGNATURE, SIGNATURE, Secret
from hybridml.errors import StateError

JUNK = [None, 5, True, "junk", [], {}, [1], {"a": 1}, ["x"], {SIGNATURE: SECRET_SIGNATURE, "plaintext": "no JSON"}]
Step = str | int


def resource(name: str, *needs: str) -> ResourceState:
    urn = "urn:pulumi:dev::demo::a:b:C::"
    return ResourceState(
        urn=f"{urn}{name}",
        type="a:b:C",
        custom=True,
        id=name,
        inputs={"secret": Secret("word"), "deep": [{"a": 1}]},
        dependencies=tuple(f"{urn}{need}" for need in needs),
        property_dependencies={"deep": tuple(f"{urn}{need}" for need in needs)},
        provider="urn:pulumi:dev::demo::pulumi:providers:a::default::some-id",
        timeouts={"create": 3.0},
    )


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a state whose run was killed: two resources, and one that began to be created."""
    folder = tmp_path_factory.mktemp("killed")
    ledger = Ledger(folder)
    for name, needs in (("one", ()), ("two", ("one",))):
        key = ledger.new_key()
        ledger.begin(key, "create", resource(name, *needs))
        ledger.end(key, resource(name, *needs))
    ledger.begin(ledger.new_key(), "create", resource("three"))
    ledger.close()
    ledger.begin(0, "update", resource("one"))
    ledger.end(0, resource("one"))
    ledger.begin(ledger.new_key(), "create", resource("four"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def places(document: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The paths of everything in a document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def damaged(document: Any, rnd: random.Random) -> Any:
    """The document with one value taken out or exchanged."""
    made = copy.deepcopy(document)
    *parents, last = rnd.choice(list(places(made)))
    holder = made
    for step in parents:
        holder = holder[step]
    if rnd.random() < 0.3:
        del holder[last]
    else:
        holder[last] = rnd.choice(JUNK)
    return made


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_damaged_is_read_or_refused(tmp_path: Path, killed: dict[str, bytes], seed: int) -> None:
    """One value of the state or of its journal is wrong: it is refused as damaged, or makes no difference."""
    rnd = random.Random(seed)
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        deployment = json.loads(killed["state.json"])
        lines = [json.loads(line) for line in killed["journal.jsonl"].splitlines()]
        if rnd.random() < 0.5:
            deployment = damaged(deployment, rnd)
            lines[0]["base"] = state.digest(state.serialise(deployment))
        else:
            lines = damaged(lines, rnd)
        (folder / "passphrase").write_bytes(killed["passphrase"])
        (folder / "state.json").write_bytes(state.serialise(deployment))
        (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        try:
            Ledger(folder).close()
        except StateError as error:
            assert "changed" in str(error)
