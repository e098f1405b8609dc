"""`GuardedRollout` on a real Envoy under load: bad versions are taken back, good ones take over."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hybridml.engine.plugin_client import _half_made
from hybridml.engine.wire import read_struct
from hybridml.provider import processes
from hybridml.provider.rollout_folder import RolloutFolder
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy
from proxy.stage import GROUP, Stage, envoy_binary

from .conftest import Engine
from .proxied import QUICK, OddServers, Proxied, failed, load, variant, versions
from .supervised import eventually, refusal

pytestmark = pytest.mark.services

ROLLING = str(Path(__file__).parent / "rolling.py")
ONE = {"champion": variant("3")}
NEXT = {"champion": variant("4")}
STEADY = dataclasses.replace(QUICK, bake=60.0, max_bake=120.0)
"""A canary that would last for minutes."""


@pytest.fixture
def proxied(engine: Engine, tmp_path: Path) -> Iterator[Proxied]:
    """Versions 3 to 6 behind an Envoy that serves 3; the rollout and its guard are gone at the end."""
    envoy_binary()
    servers = OddServers(tmp_path)
    stage = Stage(tmp_path, servers)
    stage.write_bootstrap("watched")
    servers.delay.update(dict.fromkeys("3456", 0.003))
    for version in "3456":
        servers.start(version)
    there = Proxied(engine, stage)
    there.create(ONE)
    with stage.running():
        yield there
        engine.delete("GuardedRollout", there.state)
        assert not there.folder.exists()


def aborted(proxied: Proxied, wanted: dict[str, Any], plan: RolloutPlan = QUICK) -> tuple[str, dict[str, Any]]:
    """The message of an update that fails, and the state that it leaves; the next calls start from there."""
    with pytest.raises(grpc.RpcError) as error:
        proxied.update(wanted, plan)
    half = _half_made(error.value)
    assert half is not None, refusal(error)
    proxied.state = dict(read_struct(half.properties))
    assert refusal(error) == half.reasons[0]
    return refusal(error), proxied.state


def in_background(work: Callable[[], object]) -> threading.Thread:
    """`work`, under way; what it raises is its own affair."""

    def run() -> None:
        try:
            work()
        except grpc.RpcError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_good_version_takes_over_and_nobody_notices(proxied: Proxied) -> None:
    """Step by step to everything; no request fails; a second run changes nothing; verdict and numbers are recorded."""
    with load(proxied.stage) as answers:
        time.sleep(0.3)
        state = proxied.update(NEXT)
        time.sleep(0.3)

    assert failed(answers) == []
    assert versions(answers[-20:]) == {"4": 20}
    assert (state["verdict"], state["serving"]) == ("promote", NEXT)
    report = json.loads(state["report"])
    assert {look["percent"] for look in report["history"]} == {20.0, 50.0}
    assert proxied.weights() == {"version-4-00000000": 100}
    inputs = proxied.asked(NEXT)
    assert proxied.engine.diff("GuardedRollout", state, inputs, inputs).changes == 1
    assert "version-3-" not in (proxied.stage.directory / "watched/clusters.json").read_text()


def test_a_version_that_fails_on_some_inputs_is_taken_back(proxied: Proxied) -> None:
    """The gate breaks in the first step; as many requests fail as the canary got; then none; the message says why."""
    proxied.servers.bad.add("4")
    with load(proxied.stage) as answers:
        message, state = aborted(proxied, NEXT)
        after = len(answers)
        time.sleep(0.5)

    assert "churn (champion 3 → 4) was aborted at 20 %: step 1 of 2: error_rate" in message
    assert (state["verdict"], state["serving"]) == ("abort", ONE)
    assert failed(answers[after + 8 :]) == []
    assert 0 < len(failed(answers)) <= versions(answers)["4"] <= 150 * QUICK.max_bake * 0.25
    assert versions(answers[after + 8 :]).keys() == {"3"}


def test_a_version_ten_times_slower_is_taken_back(proxied: Proxied) -> None:
    """No request fails, yet the comparison with the champion ends it."""
    proxied.servers.delay["4"] = 0.03
    with load(proxied.stage) as answers:
        message, state = aborted(proxied, NEXT)

    assert failed(answers) == []
    assert "champion_p" in message
    assert state["serving"] == ONE


def test_after_an_abort_the_next_run_tries_again_and_the_old_version_goes_back_quietly(proxied: Proxied) -> None:
    """What serves decides, not what was asked for: the same inputs are a change, the old ones move nothing."""
    proxied.servers.bad.add("4")
    with load(proxied.stage):
        _, state = aborted(proxied, NEXT)
        inputs = proxied.asked(NEXT)
        again = proxied.engine.diff("GuardedRollout", state, inputs, inputs)
        back = proxied.update(ONE)
        proxied.servers.bad.clear()
        proxied.servers.status["4"] = 200
        retried = proxied.update(NEXT)

    assert (again.changes, set(again.diffs)) == (2, {"serving", "version"})
    assert (back["verdict"], back["serving"]) == ("at-once", ONE)
    assert (retried["verdict"], retried["serving"]) == ("promote", NEXT)


def test_weights_and_routes_move_at_once(proxied: Proxied) -> None:
    """The same revisions with other weights need no guard, whatever the policy says."""
    both = {"champion": variant("3", 90), "challenger": variant("4", 10)}
    proxied.update(both, dataclasses.replace(QUICK, strategy=Strategy.ALL_AT_ONCE, steps=()))
    began = time.monotonic()
    state = proxied.update({"champion": variant("3", 60), "challenger": variant("4", 40)})

    assert time.monotonic() - began < 1.5
    assert state["verdict"] == "at-once"
    assert proxied.weights() == {"version-3-00000000": 60, "version-4-00000000": 40}
    assert not (proxied.folder / "guard").exists()


def test_two_variants_change_side_by_side(proxied: Proxied) -> None:
    """Champion and challenger each move within their own weight, and the parts always sum to the whole."""
    both = {"champion": variant("3", 80), "challenger": variant("4", 20)}
    proxied.update(both, dataclasses.replace(QUICK, strategy=Strategy.ALL_AT_ONCE, steps=()))
    wanted = {"champion": variant("5", 80), "challenger": variant("6", 20)}
    seen: list[dict[str, int]] = []
    with load(proxied.stage, each_second=250) as answers:
        running = in_background(lambda: proxied.update(wanted, dataclasses.replace(QUICK, max_bake=20.0)))
        while running.is_alive():
            seen.append(proxied.weights())
            time.sleep(0.1)

    assert failed(answers) == []
    assert {"version-3-00000000": 640_000, "version-5-00000000": 160_000} in [
        {name: units for name, units in each.items() if name[8] in "35"} for each in seen
    ]
    assert {sum(each.values()) for each in seen} == {100, 1_000_000}
    assert RolloutFolder(proxied.folder).outcome()["reason"] == "every step is passed"  # type: ignore[index]
    assert proxied.weights() == {"version-5-00000000": 80, "version-6-00000000": 20}


def test_without_requests_nothing_is_promoted(proxied: Proxied) -> None:
    """Too few requests say nothing: the step holds, and at its longest end it is given up; pings are no requests."""
    plan = dataclasses.replace(QUICK, bake=0.6, max_bake=1.5)
    header = proxied.stage.signer.header()
    done = threading.Event()

    def ping() -> None:
        with proxied.stage.running_client() as client:
            while not done.wait(0.01):
                client.get("/ping", headers=header)
                client.post("/invocations", headers={**header, "x-version": "4"}, content="{}")

    pinging = threading.Thread(target=ping)
    pinging.start()
    message, state = aborted(proxied, NEXT, plan)
    done.set()
    pinging.join()

    assert state["serving"] == ONE
    assert json.loads(state["report"])["history"][-1]["elapsed"] >= 1.5
    assert "champion answered 0 of the 20 requests it takes" in message


@pytest.mark.parametrize("command", ["promote", "abort"])
def test_a_person_decides(proxied: Proxied, command: Any) -> None:
    """What is asked through the folder ends the rollout, one way or the other."""
    folder = RolloutFolder(proxied.folder)
    with load(proxied.stage):
        threading.Timer(1.0, folder.ask, [command]).start()
        if command == "promote":
            assert proxied.update(NEXT, STEADY)["serving"] == NEXT
        else:
            assert "by a person" in aborted(proxied, NEXT, STEADY)[0]
    assert folder.outcome()["cause"] == "person"  # type: ignore[index]


def test_an_abort_lets_nobody_in_again(proxied: Proxied) -> None:
    """A group that the same change shuts out stays out; one that both let in is answered as before."""
    kept, shut_out = (proxied.stage.signer.header(groups=[group]) for group in ("others", GROUP))
    proxied.groups = (GROUP, "others")
    proxied.update(ONE)
    proxied.groups = ("others",)
    folder = RolloutFolder(proxied.folder)
    threading.Thread(target=lambda: eventually(folder.progress) or folder.ask("abort")).start()
    with proxied.stage.running_client() as client:
        before = client.post("/invocations", headers=shut_out, content="{}").status_code
        aborted(proxied, NEXT, STEADY)
        after = [client.post("/invocations", headers=who, content="{}") for who in (shut_out, kept)]

    assert before == 200
    assert [answer.status_code for answer in after] == [403, 200]
    assert after[1].headers["x-hybridml-version"] == "3"


@pytest.mark.parametrize("who", ["guard", "supervisor"])
def test_a_guard_that_is_killed_restores(proxied: Proxied, who: str) -> None:
    """The guard is started again and takes everything back; without its supervisor, whoever follows it does."""
    folder = RolloutFolder(proxied.folder)
    with load(proxied.stage):
        running = in_background(lambda: proxied.update(NEXT, STEADY))
        eventually(folder.progress)
        assert "version-4-00000000" in proxied.weights()
        found = processes.alive(folder.guard)
        assert found is not None
        os.kill(found.child if who == "guard" else found.pid, signal.SIGKILL)
        running.join(30)

    assert not running.is_alive()
    assert proxied.weights() == {"version-3-00000000": 100}
    assert folder.undertaking() is None
    assert not folder.guarded()


def test_when_the_client_is_killed_the_guard_restores(proxied: Proxied) -> None:
    """SIGKILL of whoever began the rollout: the split is back within a bake and a look, and the guard is gone."""
    folder = RolloutFolder(proxied.folder)
    asked = {"inputs": proxied.asked(NEXT, STEADY), "state": proxied.state}
    (proxied.stage.directory / "asked.json").write_text(json.dumps(asked))
    client = subprocess.Popen([sys.executable, ROLLING, str(proxied.stage.directory / "asked.json")])
    with load(proxied.stage) as answers:
        eventually(folder.progress, within=60)
        assert "version-4-00000000" in proxied.weights()
        client.kill()
        client.wait()
        eventually(folder.outcome, within=STEADY.bake + STEADY.interval)
        after = len(answers)
        eventually(lambda: not folder.guarded())

    assert folder.outcome()["cause"] == "orphaned"  # type: ignore[index]
    assert proxied.weights() == {"version-3-00000000": 100}
    assert versions(answers[after + 8 :]).keys() <= {"3"}
    assert failed(answers) == []


def test_blue_green_keeps_a_way_back(proxied: Proxied) -> None:
    """Everything at once, under the absolute gates: a bad version goes back, a good one stays."""
    gates = Gates(error_rate=0.05)
    plan = dataclasses.replace(QUICK, strategy=Strategy.BLUE_GREEN, steps=(100.0,), gates=gates)
    proxied.servers.bad.add("4")
    with load(proxied.stage) as answers:
        message, state = aborted(proxied, NEXT, plan)
        good = proxied.update({"champion": variant("5")}, plan)

    assert "aborted at 100 %" in message
    assert state["serving"] == ONE
    assert (good["verdict"], good["serving"]) == ("promote", {"champion": variant("5")})
    assert versions(answers).keys() == {"3", "4", "5"}


def test_what_a_killed_run_left_in_mid_bake_is_taken_back_first(proxied: Proxied) -> None:
    """A folder with a plan and no guard (the machine went down): the next update restores, and begins anew."""
    folder = RolloutFolder(proxied.folder)
    running = in_background(lambda: proxied.update(NEXT, STEADY))
    eventually(folder.progress)
    kept = {path.name: path.read_bytes() for path in proxied.folder.iterdir() if path.is_file()}
    divided = (proxied.stage.directory / "watched/routes.json").read_bytes()
    folder.ask("abort")
    running.join(30)
    for name, data in kept.items():
        (proxied.folder / name).write_bytes(data)
    (proxied.folder / "outcome.json").unlink()
    (proxied.stage.directory / "watched/routes.json").write_bytes(divided)

    with load(proxied.stage):
        state = proxied.update(NEXT)

    assert (state["verdict"], state["serving"]) == ("promote", NEXT)


def test_an_update_that_is_repeated_finds_its_work_done(proxied: Proxied) -> None:
    """When the engine was killed after the promotion, the same update again says the same verdict and moves nothing."""
    before = proxied.state
    with load(proxied.stage):
        done = proxied.update(NEXT)
    proxied.state = before
    began = time.monotonic()

    assert proxied.update(NEXT) == done
    assert time.monotonic() - began < 1.0


def test_a_cancelled_run_restores_at_once(proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C of `up` asks the guard to take everything back, and the update fails with what serves."""
    from hybridml.provider.resources.guarded_rollout import GuardedRollout
    from hybridml.provider.shape import read

    cancelled = threading.Event()
    resource = GuardedRollout(cancelled)
    inputs = read(GuardedRollout.inputs, proxied.asked(NEXT, STEADY), [])
    state = read(GuardedRollout.state, proxied.state, [])
    with load(proxied.stage):
        threading.Timer(1.0, cancelled.set).start()
        began = time.monotonic()
        with pytest.raises(Exception, match="aborted"):
            resource.update(inputs, state)

    assert time.monotonic() - began < 5
    assert proxied.weights() == {"version-3-00000000": 100}


def test_what_envoy_refuses_is_taken_back(proxied: Proxied) -> None:
    """Envoy's own reason is in the message, and the files are as before, byte for byte."""
    watched = proxied.stage.directory / "watched"
    before = {path.name: path.read_text() for path in watched.iterdir()}
    asked = proxied.asked(NEXT)
    clusters = json.loads(asked["envoy"]["clusters"])
    clusters[0]["connect_timeout"] = "-1s"
    asked["envoy"]["clusters"] = json.dumps(clusters)

    with pytest.raises(grpc.RpcError) as error:
        proxied.engine.update("GuardedRollout", proxied.state, asked)

    assert "Envoy refused" in refusal(error)
    assert {path.name: path.read_text() for path in watched.iterdir()} == before


@pytest.mark.parametrize(
    "policy",
    ['{"strategy": "sometimes"}', "[" * 99_999, "[]", "{", "null"],
    ids=["unknown", "deep", "list", "half", "null"],
)
def test_a_policy_that_is_none_is_refused(engine: Engine, tmp_path: Path, policy: str) -> None:
    """Policy, weights, clusters and routes are checked before anything is written, each with its path."""
    asked = Proxied(engine, Stage(tmp_path, OddServers(tmp_path))).asked(ONE)
    bad = {
        **asked,
        "policy": policy,
        "variants": {"champion": variant("3", 101)},
        "envoy": {**asked["envoy"], "clusters": "{}", "routes": "[]"},
    }

    assert list(engine.failures("GuardedRollout", bad)) == [
        "envoy.clusters",
        "envoy.routes",
        "variants.champion.weight",
        "policy",
    ]
