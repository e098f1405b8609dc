"""An endpoint of this machine that scales: real model servers, real load, updates in the middle of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.tokens import mint
from local.served import callers, needs_the_local_extra, processes_of, tally
from local.small import Small, save_model
from local.test_scaling import eventually

pytestmark = [pytest.mark.services, pytest.mark.slow]

SCALING = {"min": 1, "max": 3, "requests_per_replica": 10}
CANARY = {"strategy": "canary", "steps": [50], "interval": "2s", "bake": "6s", "max_bake": "60s", "min_requests": 20}
REQUEST = json.dumps({"dataframe_records": [{"x": 2.0}]})


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    needs_the_local_extra()
    for version, factor in (("1", 2.0), ("2", 3.0)):
        save_model(tmp_path / "models" / version, factor)
    versions = {version: {"artifact": {"uri": f"models/{version}"}} for version in ("1", "2")}
    made = Small(tmp_path, {"versions": versions, "scaling": SCALING})
    try:
        yield made
    finally:
        made.destroy()
    assert processes_of(tmp_path) == {}


def running(small: Small, version: str) -> int:
    """Replicas of a version that have a process."""
    folders = (small.state_folder / "run" / small.name).glob(f"{small.name}-{version}-*")
    found = [processes.alive(folder) for folder in folders]
    return sum(each is not None and each.phase == "running" for each in found)


def serving(small: Small) -> int:
    """Replicas of the champion's cluster that Envoy sends requests to."""
    stats = get(Path(small.outputs["admin"]), "/stats?filter=^cluster.version-.*.membership_healthy$")[1]
    return sum(int(line.rpartition(" ")[2]) for line in stats.splitlines())


def header(small: Small) -> dict[str, str]:
    """What authenticates a caller."""
    key = Path(small.outputs["authentication"]["key"])
    token = mint(key, issuer="hybridml", audience=small.name, subject="t", groups=["scoring-clients"], lifetime=900)
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def test_a_scaled_endpoint_under_load(small: Small) -> None:
    """Load brings replicas; a second run finds nothing to do; a new version begins with as many; nothing is lost."""
    small.up()
    assert running(small, "1") == 1
    with callers(small.outputs["url"], header(small), [REQUEST], each_second=25) as answers:
        began = eventually(lambda: running(small, "1") == 3, within=60)
        served = began + eventually(lambda: serving(small) == 3, within=60)
        time.sleep(10)
        again = small.up()
        assert {change for change, count in again.changes.items() if count} == {"same"}, again.changes
        small.spec["traffic"] = {"champion": {"version": "2"}}
        small.spec["rollout"] = CANARY
        small.up()
        assert running(small, "2") == 3
        time.sleep(5)
    assert tally(answers).keys() == {200}, tally(answers)
    assert {version for _, version, *_ in answers} == {"1", "2"}
    assert running(small, "1") == 0
    calm = eventually(lambda: running(small, "2") == 1, within=120)
    assert small.ask(2.0)[0] == 200
    print(f"began {began:.1f} s, served {served:.1f} s, in after {calm:.1f} s, {tally(answers)}")  # noqa: T201


def test_schedules_decide_what_runs(small: Small) -> None:
    """A schedule that has begun holds at once, whatever `min` started; without it, what it paused is ordinary again."""
    always_off = {"cron": "* * * * *", "min": 0, "max": 0}
    small.spec["scaling"] = {"min": 1, "schedules": [always_off]}
    small.up()
    eventually(lambda: running(small, "1") == 0, within=60)
    eventually(lambda: small.ask(2.0)[0] == 503)

    small.spec["scaling"] = {"min": 1}
    small.up()
    assert (running(small, "1"), small.ask(2.0)) == (1, (200, 4.0))
