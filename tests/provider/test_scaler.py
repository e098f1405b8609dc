"""The scaler: what it makes of the folders of replicas, beside others, without Envoy, and as a process."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hybridml.provider import processes, scaler
from hybridml.provider.scaler import ORDERS, Orders, Scaler, Version, counts
from hybridml.provider.scaling import STABLE_SECONDS, Bounds, Count, Policy, Schedule

from .conftest import Engine
from .supervised import answers, asked, instance, mentioning, started

NOON, NIGHT = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 22, tzinfo=UTC)
POLICY = Policy(bounds=Bounds(1, 4), requests_per_replica=10)
OFF_AT_NIGHT = Policy(
    bounds=Bounds(1, 4),
    requests_per_replica=10,
    schedules=(
        Schedule(cron="0 20 * * *", timezone="UTC", bounds=Bounds(0, 0)),
        Schedule(cron="0 7 * * *", timezone="UTC", bounds=Bounds(2, 4)),
    ),
)


class Load:
    """An Envoy that says what a test wants; None: it is not there."""

    def __init__(self) -> None:
        self.total: dict[str, Count] | None = {}

    def more(self, version: str, requests: int, refused: int = 0) -> None:
        assert self.total is not None
        before = self.total.get(version, Count(requests=0))
        self.total[version] = Count(requests=before.requests + requests, refused=before.refused + refused)

    def counts(self, _admin: Path, sets: Any) -> dict[str, Count]:
        if self.total is None:
            return {}
        return {each.name: self.total.get(each.name, Count(requests=0)) for each in sets}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    made = Load()
    monkeypatch.setattr(scaler, "counts", made.counts)
    return made


def replicas(run: Path, name: str, running: int, of: int = 4) -> tuple[str, ...]:
    """Folders as supervisors would have them, the first ones not paused."""
    for position in range(of):
        (run / f"{name}-{position}").mkdir(parents=True)
        processes.scale(run / f"{name}-{position}", paused=position >= running)
    return tuple(f"{name}-{position}" for position in range(of))


def scaling(run: Path, own: str = "scaler", policy: Policy = POLICY, **versions: tuple[str, ...]) -> Scaler:
    (run / own).mkdir(parents=True, exist_ok=True)
    named = {name: Version(clusters=(f"version-{name}",), instances=each) for name, each in versions.items()}
    orders = Orders(
        directory=str(run),
        admin=str(run / "admin.sock"),
        health="/ping",
        policy=policy,
        versions=named,
        rollout=str(run / "plan.json"),
    )
    return Scaler(Orders.from_json(orders.to_json()), run / own)


def awake(run: Path, name: str) -> list[int]:
    return [n for n in range(4) if (run / f"{name}-{n}").exists() and not processes.paused(run / f"{name}-{n}")]


def test_more_load_brings_replicas_at_once_and_less_takes_them_later(run: Path, load: Load) -> None:
    """The first replicas run, the last ones have their pause; each version by its own load."""
    made = scaling(run, a=replicas(run, "a", 1), b=replicas(run, "b", 1))
    seen = []
    for second in range(int(STABLE_SECONDS) + 20):
        load.more("a", 25 if second < 10 else 0)
        made.step(float(second), NOON)
        seen.append((awake(run, "a"), awake(run, "b")))

    assert seen[0] == ([0], [0])
    assert seen[2] == ([0, 1, 2], [0])
    assert seen[int(STABLE_SECONDS)] == ([0, 1, 2], [0])
    assert seen[-1] == ([0], [0])
    assert json.loads((run / "scaler" / "replicas.json").read_text()) == {"a": 1, "b": 1}


def test_schedules_move_the_bounds_at_once(run: Path, load: Load) -> None:
    """Off at night, whatever the load; two in the morning without any."""
    made = scaling(run, policy=OFF_AT_NIGHT, a=replicas(run, "a", 1))
    made.step(0.0, NOON)
    assert awake(run, "a") == [0, 1]
    load.more("a", 1000)
    made.step(1.0, NIGHT)
    assert awake(run, "a") == []
    made.step(2.0, NIGHT)
    made.step(3.0, datetime(2026, 7, 2, 7, tzinfo=UTC))
    assert awake(run, "a")[:2] == [0, 1]


def test_without_envoy_what_runs_stays(run: Path, load: Load) -> None:
    """Nobody is paused on a load that cannot be seen, and the quiet time begins anew; bounds hold all the same."""
    made = scaling(run, a=replicas(run, "a", 3))
    for second in range(100):
        load.total = None if second == 50 else {}
        made.step(float(second), NOON)
        assert awake(run, "a") == [0, 1, 2]
    made.step(50 + STABLE_SECONDS + 1, NOON)
    assert awake(run, "a") == [0]

    load.total = None
    scaling(run, "other", OFF_AT_NIGHT, b=replicas(run, "b", 3)).step(0.0, NIGHT)
    assert awake(run, "b") == []


def test_a_request_without_a_replica_brings_one(run: Path, load: Load) -> None:
    """With a minimum of nothing, the first request is refused and wakes one replica, not one per retry."""
    made = scaling(run, policy=Policy(bounds=Bounds(0, 4), requests_per_replica=10), a=replicas(run, "a", 0))
    made.step(0.0, NOON)
    made.step(1.0, NOON)
    assert awake(run, "a") == []

    load.more("a", 0, refused=40)
    made.step(2.0, NOON)
    assert awake(run, "a") == [0]


def test_a_scaler_that_is_started_again_goes_on(run: Path, load: Load) -> None:
    """What runs is on disk: nobody is paused or resumed by a restart."""
    first = scaling(run, a=replicas(run, "a", 1))
    load.more("a", 0)
    first.step(0.0, NOON)
    load.more("a", 30)
    first.step(1.0, NOON)
    assert awake(run, "a") == [0, 1, 2]

    del first
    again = scaling(run, a=tuple(f"a-{n}" for n in range(4)))
    again.step(2.0, NOON)
    assert awake(run, "a") == [0, 1, 2]


def test_two_scalers_never_steer_the_same_replicas(run: Path, load: Load) -> None:
    """During an update the new one takes what is new, and the rest once the old one is gone."""
    names = replicas(run, "a", 1)
    old = scaling(run, "old", a=names)
    load.more("a", 0)
    old.step(0.0, NOON)
    load.more("a", 30)
    old.step(1.0, NOON)

    new = scaling(run, "new", Policy(bounds=Bounds(1, 2), requests_per_replica=10), a=names, b=replicas(run, "b", 1))
    new.step(1.0, NOON)
    assert (awake(run, "a"), awake(run, "b")) == ([0, 1, 2], [0, 1])

    del old
    new.step(2.0, NOON)
    assert awake(run, "a") == [0, 1]


def test_new_replicas_begin_as_many_as_the_old_ones_are(run: Path, load: Load) -> None:
    """A version that takes over a load does not begin with the minimum, and has its window to prove it needs fewer."""
    old = scaling(run, "old", a=replicas(run, "a", 3))
    old.step(0.0, NOON)
    new = scaling(run, "new", b=replicas(run, "b", 1))

    new.step(0.0, NOON)
    assert awake(run, "b") == [0, 1, 2]
    new.step(STABLE_SECONDS - 1, NOON)
    assert awake(run, "b") == [0, 1, 2]
    new.step(STABLE_SECONDS + 1, NOON)
    assert awake(run, "b") == [0]


@pytest.mark.parametrize("text", ["", "[1]", "null", '{"a": "many"}', '{"a": null}', "\x00"])
def test_a_damaged_file_of_another_scaler_stops_nobody(run: Path, load: Load, text: str) -> None:
    """It would end this one at each start, and with it all scaling of the endpoint."""
    (run / "old").mkdir(parents=True)
    (run / "old" / "replicas.json").write_text(text)

    scaling(run, "new", b=replicas(run, "b", 1)).step(0.0, NOON)

    assert awake(run, "b") == [0]


def test_nobody_is_paused_for_lack_of_load_while_a_version_takes_over(run: Path, load: Load) -> None:
    """A step of a rollout finds as many replicas as the one before; the quiet time begins when it has ended."""
    made, plan = scaling(run, a=replicas(run, "a", 3)), run / "plan.json"
    plan.touch()
    for second in range(200):
        made.step(float(second), NOON)
        assert awake(run, "a") == [0, 1, 2]
    load.more("a", 200)
    made.step(200.0, NOON)
    assert awake(run, "a") == [0, 1, 2, 3]

    plan.unlink()
    went = next(second for second in range(200, 400) if made.step(float(second), NOON) or awake(run, "a") == [0])
    assert STABLE_SECONDS <= went - 200 <= STABLE_SECONDS + 10


def test_folders_that_are_gone_disturb_nobody(run: Path, load: Load) -> None:
    """Replicas that are being destroyed or replaced are left out."""
    made = scaling(run, a=replicas(run, "a", 2))
    made.step(0.0, NOON)
    for path in (run / "a-1", run / "a-3"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    load.more("a", 100)

    made.step(1.0, NOON)
    assert awake(run, "a") == [0, 2]


def test_an_absent_envoy_counts_nothing(tmp_path: Path) -> None:
    """No socket, no counts, no error."""
    assert counts(tmp_path / "admin.sock", []) == {}


def test_the_scaler_is_ready_once_its_replicas_are(engine: Engine, run: Path) -> None:
    """As a service: what it resumes answers when its creation returns; the end of the scaler changes nothing."""
    inputs = engine.check("HostService", asked(run, scaled=True, beginsPaused=True))
    folder = instance(run, started(engine, inputs))
    assert not answers(folder)
    orders = Orders(
        directory=str(run),
        admin=str(run / "admin.sock"),
        health="/ping",
        policy=POLICY,
        versions={"3": Version(clusters=("version-3",), instances=(folder.name,))},
    )
    argv = [sys.executable, "-m", "hybridml.provider.scaler", "{instance}"]
    service = {"argv": argv, "directory": str(run), "socket": True, "env": {ORDERS: orders.to_json()}}
    state = started(engine, engine.check("HostService", service, seed=b"scaler"))

    assert answers(folder)
    engine.delete("HostService", state)
    time.sleep(0.2)
    assert answers(folder)
    assert mentioning(str(state["instance"])) == []
