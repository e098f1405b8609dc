"""The guard and whoever follows it when one of them ends at the wrong moment, without an Envoy."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import HybridMLError, ResourceError
from hybridml.provider import envoy_admin, rollout_folder
from hybridml.provider.envoy_files import Configuration, EnvoyFiles
from hybridml.provider.guard import Watch, guard
from hybridml.provider.resources import guarded_rollout
from hybridml.provider.resources.guarded_rollout import GuardedRollout
from hybridml.provider.rollout_folder import RolloutFolder, Undertaking
from hybridml.provider.shape import read
from hybridml.provider.supervisor import Task
from hybridml.proxy import ServedVariant, Traffic, marked, routes
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy

PLAN = RolloutPlan(
    strategy=Strategy.CANARY, steps=(50.0,), interval=0.1, bake=0, max_bake=0, min_requests=0, gates=Gates()
)


def configuration(version: str, *groups: str) -> Configuration:
    served = {"champion": ServedVariant(version=version, revision=version, weight=100)}
    (table,) = routes(Traffic(weights={version: 100}, groups=groups or ("a",)))
    return Configuration(clusters=[{"name": f"version-{version}"}], routes=[marked(table, served)])


@pytest.fixture
def doing(tmp_path: Path) -> Undertaking:
    """From version 3 to 4; Envoy's files hold the end of it."""
    versions = {v: {"champion": ServedVariant(version=v, revision=v, weight=100)} for v in "34"}
    files = EnvoyFiles(folder=tmp_path / "watched", admin=None, timeout=1)
    before, after = configuration("3"), configuration("4")
    files.move(after)
    return Undertaking(
        endpoint="churn", policy=PLAN, files=files, before=before, after=after, old=versions["3"], new=versions["4"]
    )


@pytest.fixture
def folder(tmp_path: Path) -> RolloutFolder:
    return RolloutFolder(tmp_path / "rollout")


@contextmanager
def hanging(path: Path) -> Iterator[None]:
    """An admin socket on which nobody answers, like that of an Envoy that is stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(8)
        yield


def asked(tmp_path: Path, version: str, *groups: str, admin: Path | None = None) -> Any:
    """Inputs that serve `version` to `groups`."""
    wanted = configuration(version, *groups)
    envoy = {
        "directory": str(tmp_path / "watched"),
        "clusters": json.dumps(wanted.clusters),
        "routes": json.dumps(wanted.routes),
        "admin": str(admin or tmp_path / "admin.sock"),
        "timeout": "1s",
    }
    inputs = {
        "folder": str(tmp_path / "rollout"),
        "endpoint": "churn",
        "variants": {"champion": {"version": version, "revision": version, "weight": 100}},
        "policy": json.dumps(PLAN.to_mapping()),
        "envoy": envoy,
    }
    return read(GuardedRollout.inputs, inputs, [])


def serving(doing: Undertaking) -> str:
    return doing.files.saved().version


def test_what_is_promoted_stays_although_the_guard_is_killed_at_the_very_end(
    folder: RolloutFolder, doing: Undertaking
) -> None:
    """Between outcome and plan removal: the guard that is started again moves nothing, nor does the next run."""
    for again in (lambda: guard(folder, Watch(folder)), lambda: guarded_rollout._settle(folder)):
        folder.begin(doing)
        folder.touch()
        plan = (folder.path / "plan.json").read_bytes()
        folder.finish(doing, {"verdict": "promote", "step": 0, "cause": "gates", "reason": "r", "history": []})
        (folder.path / "plan.json").write_bytes(plan)

        again()

        assert serving(doing) == doing.after.version
        assert folder.outcome()["verdict"] == "promote"  # type: ignore[index]
        assert not (folder.path / "plan.json").exists()


def test_a_guard_that_was_killed_earlier_takes_everything_back(folder: RolloutFolder, doing: Undertaking) -> None:
    """Without an outcome nothing is promoted, however far it had come."""
    folder.begin(doing)
    folder.touch()

    guard(folder, Watch(folder))

    assert serving(doing) == doing.before.version
    assert folder.outcome()["verdict"] == "abort"  # type: ignore[index]


def test_clusters_that_are_not_let_go_take_nothing_back(
    folder: RolloutFolder, doing: Undertaking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The traffic has moved; what is left over is told in the guard's log."""

    def refuse(*_: object) -> None:
        raise ResourceError("Envoy is busy")

    monkeypatch.setattr("hybridml.provider.envoy_rollout.EnvoyMover.finish", refuse)
    folder.begin(doing)
    folder.ask("promote")
    with folder.client():
        guard(folder, Watch(folder))

    assert folder.outcome()["verdict"] == "promote"  # type: ignore[index]
    assert "Envoy is busy" in capsys.readouterr().err


def test_a_guard_that_never_begins_is_given_up(
    tmp_path: Path, folder: RolloutFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that ends again and again before it touches anything: the update fails with its words, and nothing runs."""
    program = [sys.executable, "-S", "-c", "raise SystemExit('no such module')"]
    task = Task(argv=program, cwd="/", env={}, first_delay=0.05, once=True)
    monkeypatch.setattr(guarded_rollout, "_task", lambda _: task)
    resource = GuardedRollout()
    state = resource.create(asked(tmp_path, "3"))
    with hanging(tmp_path / "admin.sock"), pytest.raises(ResourceError, match="no such module"):
        resource.update(asked(tmp_path, "4"), state)

    assert not folder.guarded()
    assert not folder.planned()


def test_an_envoy_that_hangs_is_no_reason_to_do_without_a_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would give the new version everything as soon as it goes on, as would one that is just being restarted."""
    followed: list[Undertaking] = []
    outcome = {"verdict": "promote", "step": 0, "reason": "r"}
    monkeypatch.setattr(GuardedRollout, "_follow", lambda _, __, doing: followed.append(doing) or outcome)
    resource, socket_file = GuardedRollout(), tmp_path / "admin.sock"
    state = resource.create(asked(tmp_path, "3"))
    with hanging(socket_file):
        resource.update(asked(tmp_path, "4"), state)
    assert len(followed) == 1
    socket_file.unlink()
    back = threading.Timer(0.3, lambda: (listener.bind(str(socket_file)), listener.listen()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        back.start()
        resource.update(asked(tmp_path, "4"), state)
        back.join()
    assert len(followed) == 2

    monkeypatch.setattr(guarded_rollout, "_COMES_BACK_WITHIN", 0.2)
    assert resource.update(asked(tmp_path, "4"), state).verdict == "at-once"
    assert len(followed) == 2

    assert not envoy_admin.listens(socket_file)
    assert not envoy_admin.listens(tmp_path / "nowhere/admin.sock")
    assert not envoy_admin.listens(None)


def test_two_runs_at_once_are_one_too_many(
    tmp_path: Path, folder: RolloutFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one ends nobody's rollout; one whose plugin is just ending is waited for."""
    monkeypatch.setattr(rollout_folder, "_LOCKED_WITHIN", 0.2)
    monkeypatch.setattr(guarded_rollout, "_COMES_BACK_WITHIN", 0.0)
    resource = GuardedRollout()
    state = resource.create(asked(tmp_path, "3"))
    with folder.client():
        for verb in (lambda: resource.update(asked(tmp_path, "4"), state), lambda: resource.delete(state)):
            with pytest.raises(ResourceError, match="another run is in the middle of a rollout"):
                verb()
        assert resource.read(state) == state
        assert (folder.path / "client").exists()
    began = time.monotonic()
    resource.update(asked(tmp_path, "4"), state)
    assert time.monotonic() - began < 1


def test_nobody_who_was_shut_out_comes_back_with_an_abort(doing: Undertaking) -> None:
    """The way back has the version from before, and those callers alone whom both specifications let in."""
    before, after = configuration("3", "a", "b"), configuration("4", "b", "c")

    careful = guarded_rollout._careful(dataclasses.replace(doing, before=before, after=after))

    assert careful.before == configuration("3", "b")
    nobody = guarded_rollout._careful(dataclasses.replace(doing, before=before, after=configuration("4", "c")))
    (host,) = nobody.before.routes[0]["virtual_hosts"]
    (only,) = host["typed_per_filter_config"].values()
    assert only["rbac"] == {"rules": {"action": "ALLOW", "policies": {}}}


@pytest.mark.parametrize("damage", ["{", '{"endpoint": "churn"}', None])
def test_a_damaged_plan_is_named(folder: RolloutFolder, doing: Undertaking, damage: str | None) -> None:
    """What is no plan is one message with its file: a number where variants belong, half of it, no JSON."""
    folder.begin(doing)
    plan = folder.path / "plan.json"
    plan.write_text(damage or json.dumps({**doing.to_mapping(), "old": 3}))

    with pytest.raises(HybridMLError, match=r"plan\.json .*remove it"):
        folder.undertaking()


def test_what_is_gone_is_deleted_without_a_trace(tmp_path: Path) -> None:
    """A second delete, or one after somebody removed the folders by hand, makes none of them again."""
    resource = GuardedRollout()
    state = resource.create(asked(tmp_path, "3"))

    for _ in range(2):
        resource.delete(state)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["{", "[]", '{"resources": 3}', '{"resources": ["x"]}', '{"resources": [{"a": 1}]}'])
def test_damaged_files_serve_nothing_and_are_written_anew(tmp_path: Path, damage: str) -> None:
    """Whatever somebody wrote into the files that Envoy watches: drift, and the next update mends it."""
    resource = GuardedRollout()
    state = resource.create(asked(tmp_path, "3"))
    for name in ("clusters.json", "routes.json"):
        (tmp_path / "watched" / name).write_text(damage)

    found = resource.read(state)

    assert found is not None
    assert found.serving == {}
    assert resource.drift(state) == {"serving", "version"}
    assert resource.update(asked(tmp_path, "3"), found) == state
