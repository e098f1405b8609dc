"""Versions of real models roll out through `up`, under load: bad ones are taken back, good ones take over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.errors import ResourceError
from hybridml.provider.rollout_folder import RolloutFolder
from local import versions
from local.served import STACK, Served, callers, needs_the_local_extra, tally

pytestmark = [pytest.mark.services, pytest.mark.timeout(2400)]

EACH_SECOND = 60
SHARE = versions.POLICY["steps"][0] / 100  # type: ignore[index]
BAKE, INTERVAL = 6, 1
WITHOUT_SLACK = 64
"""Requests that callers have under way at once, at most."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A copy of the project that serves version 1 of one model of ours."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.copied(Path(folder).resolve(), versions.POLICY)
        versions.make(copy)
        try:
            copy.up()
            yield copy
        finally:
            copy.destroy()


def rollouts(served: Served) -> RolloutFolder:
    return RolloutFolder(Path(served.outputs["churn"]["rollout"]))


def serving(served: Served) -> str:
    """The version that the state and the alias of the registry agree on."""
    state = json.loads((served.root / ".hybridml" / STACK / "state.json").read_text())["deployment"]
    (entry,) = (each for each in state["resources"] if each["type"] == "hybridml:index:GuardedRollout")
    version = str(entry["outputs"]["serving"]["champion"]["version"])
    asked = f"{served.outputs['churn']['registry']}/api/2.0/mlflow/registered-models/alias?name=churn&alias=champion"
    tags = httpx.get(asked, trust_env=False, timeout=60).json()["model_version"]["tags"]
    assert {tag["key"]: tag["value"] for tag in tags}["hybridml.version"] == version
    return version


def refused(served: Served, version: str, gate: str) -> None:
    """Version `version` is asked for and taken back by `gate`; then the one before is asked for again, in peace."""
    before = serving(served)
    with callers(served.url("churn"), served.header("churn"), versions.BODIES, each_second=EACH_SECOND) as answers:
        time.sleep(1)
        versions.champion(served, version)
        with pytest.raises(ResourceError, match=f"aborted at 25 %: step 1 of 2: .*{gate}"):
            served.up()
        after = len(answers)
        assert serving(served) == before
        time.sleep(1)
        versions.champion(served, before)
        served.up()
        time.sleep(1)

    counted = tally(answers)
    assert set(counted) <= {200, 500}
    assert counted[500] <= SHARE * EACH_SECOND * BAKE
    assert tally(answers[after + WITHOUT_SLACK :]).keys() == {200}
    assert {version for _, version, _, _ in answers[after + WITHOUT_SLACK :]} == {before}
    assert serving(served) == before


def taken(served: Served) -> None:
    """The other good version takes over, and no request fails."""
    following = {"1": "2", "2": "1"}[serving(served)]
    with callers(served.url("churn"), served.header("churn"), versions.BODIES, each_second=EACH_SECOND) as answers:
        time.sleep(1)
        versions.champion(served, following)
        served.up()
        after = len(answers)
        time.sleep(1)

    assert tally(answers) == {200: len(answers)}
    assert {version for _, version, _, _ in answers[after + WITHOUT_SLACK :]} <= {following}
    assert answers[-1][1] == following
    assert serving(served) == following
    assert rollouts(served).outcome()["verdict"] == "promote"  # type: ignore[index]


@pytest.mark.promise("rollout.strategy=canary", "rollout.abort_on", target="local", by="traffic")
def test_a_version_that_raises_is_taken_back_and_a_good_one_takes_over(served: Served) -> None:
    """The gate on failures ends the first; the second gets everything without one failed request."""
    refused(served, "raising", "error_rate|champion_failures")
    taken(served)


def test_a_second_up_changes_nothing(served: Served) -> None:
    """What was promoted is what is asked for."""
    assert not {name: count for name, count in served.up().changes.items() if count and name != "same"}


def test_a_version_ten_times_slower_is_taken_back(served: Served) -> None:
    """The comparison with the champion ends it; no request fails."""
    refused(served, "slow", "champion_p")


@pytest.mark.slow
def test_ten_of_each_and_no_wrong_verdict(served: Served) -> None:
    """Ten versions that raise, ten that are slow, ten that are good: each gets the verdict that it deserves."""
    for _ in range(10):
        refused(served, "raising", "error_rate|champion_failures")
        refused(served, "slow", "champion_p")
        taken(served)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_when_the_client_ends_in_mid_bake_the_old_version_serves(served: Served, number: signal.Signals) -> None:
    """Within one bake and one look the old version has everything, and nobody did a thing."""
    before, folder = serving(served), rollouts(served)
    (folder.path / "progress.json").unlink(missing_ok=True)
    with callers(served.url("churn"), served.header("churn"), versions.BODIES, each_second=EACH_SECOND) as answers:
        versions.champion(served, "raising")
        client = _up(served)
        _until(lambda: folder.progress() is not None and folder.undertaking() is not None)
        os.kill(client.pid, number)
        ended = time.monotonic()
        _until(lambda: folder.outcome() is not None)
        restored = time.monotonic() - ended
        client.wait()
        after = len(answers)
        time.sleep(2)

    assert restored <= BAKE + INTERVAL
    assert folder.outcome()["cause"] in {"orphaned", "person", "gates"}  # type: ignore[index]
    assert {(status, version) for status, version, _, _ in answers[after + WITHOUT_SLACK :]} == {(200, before)}
    _until(lambda: not folder.guarded())
    versions.champion(served, before)
    served.up()
    assert serving(served) == before


def _up(served: Served) -> subprocess.Popen[bytes]:
    command = str(Path(sys.executable).with_name("hybridml"))
    argv = [command, "up", "-s", STACK, "--yes", "--project", str(served.root)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _until(holds: Any, within: float = 120.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.05)
