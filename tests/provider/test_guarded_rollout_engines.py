"""An aborted rollout as both engines record it: the run fails, what serves is in the state, the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine import apply
from hybridml.engine.project import load_project
from hybridml.errors import HybridMLError
from hybridml.provider.sdk import GuardedRollout
from proxy.stage import Stage, envoy_binary

from .conftest import Engine
from .proxied import QUICK, OddServers, Proxied, load, variant
from .test_pulumi import PLUGIN_PYTHON, Project

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.skipif(not PLUGIN_PYTHON.exists(), reason="the plugin's own environment is not there: make setup"),
]

PROGRAM = """
import json
from pathlib import Path

import pulumi
from hybridml.provider.sdk import EnvoyProxyArgs, GuardedRollout, GuardedRolloutArgs, ServedVariantArgs

asked = json.loads((Path(pulumi.runtime.get_root_directory()) / "asked.json").read_text())
rollout = GuardedRollout(
    "rollout",
    GuardedRolloutArgs(
        folder=asked["folder"],
        endpoint=asked["endpoint"],
        variants={
            name: ServedVariantArgs(version=each["version"], revision=each["revision"], weight=int(each["weight"]))
            for name, each in asked["variants"].items()
        },
        policy=asked["policy"],
        envoy=EnvoyProxyArgs(**{key: asked["envoy"][key] for key in ("directory", "clusters", "routes", "admin")}),
    ),
)
pulumi.export("serving", rollout.serving)
"""


class Embedded:
    """Our own engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        plugin = {"name": "hybridml", "path": str(PLUGIN_PYTHON.parents[2])}
        project = {"name": "small", "runtime": "python", "plugins": {"providers": [plugin]}}
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))

    def up(self, *, fails: bool = False) -> str:
        """What the run says when it fails, or how many resources it changed."""
        try:
            result = apply.up(load_project(self.folder), "test")
        except HybridMLError as error:
            assert fails, error
            return str(error)
        assert not fails
        return json.dumps({name: count for name, count in result.changes.items() if count and name != "same"})

    def unchanged(self, said: str) -> bool:
        """Whether that run did nothing."""
        return said == "{}"

    def entry(self) -> dict[str, Any]:
        """The resource as the state records it."""
        state = json.loads((self.folder / ".hybridml/test/state.json").read_text())
        return rollout_of(state["deployment"]["resources"])


class Real:
    """Pulumi's own."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.folder = self.project.folder

    def up(self, *, fails: bool = False) -> str:
        """What the run says."""
        return self.project("up", "--yes", "--skip-preview", fails=fails)

    def unchanged(self, said: str) -> bool:
        """Whether that run did nothing."""
        return "2 unchanged" in said

    def entry(self) -> dict[str, Any]:
        """The resource as the state records it."""
        exported = json.loads(self.project("stack", "export"))
        return rollout_of(exported["deployment"]["resources"])


def rollout_of(resources: list[dict[str, Any]]) -> dict[str, Any]:
    (entry,) = (each for each in resources if each["type"] == GuardedRollout.token)
    return entry


@pytest.fixture
def proxied(engine: Engine, tmp_path: Path) -> Iterator[Proxied]:
    """Versions 3 and 4, the latter failing on some inputs, behind an Envoy that starts when it is configured."""
    envoy_binary()
    servers = OddServers(tmp_path, bad={"4"})
    stage = Stage(tmp_path, servers)
    stage.write_bootstrap("watched")
    for version in "34":
        servers.start(version)
    there = Proxied(engine, stage)
    yield there
    there.state = there.engine.create("GuardedRollout", there.asked({"champion": variant("3")}))[1]
    there.engine.delete("GuardedRollout", there.state)


@pytest.mark.parametrize("kind", [Embedded, pytest.param(Real, marks=pytest.mark.pulumi)])
def test_an_abort_is_recorded_and_the_next_run_goes_on(proxied: Proxied, tmp_path: Path, kind: type[Any]) -> None:
    """Created, aborted, gone back, unchanged, promoted: each time the state holds what serves."""
    stack = kind(tmp_path)
    (stack.folder / "__main__.py").write_text(PROGRAM)

    def ask(version: str) -> None:
        asked = proxied.asked({"champion": variant(version)}, QUICK)
        (stack.folder / "asked.json").write_text(json.dumps(asked))

    ask("3")
    stack.up()
    with proxied.stage.running(), load(proxied.stage):
        ask("4")
        said = stack.up(fails=True)
        aborted = stack.entry()
        ask("3")
        stack.up()
        back = stack.entry()
        again = stack.up()
        proxied.servers.bad.clear()
        proxied.servers.status["4"] = 200
        ask("4")
        stack.up()

    assert "was aborted at 20 %: step 1 of 2" in said
    assert "hybridml rollout status churn" in said
    assert aborted["outputs"]["verdict"] == "abort"
    assert json.loads(aborted["outputs"]["report"])["history"]
    assert aborted["outputs"]["serving"]["champion"]["version"] == "3"
    assert "aborted" in aborted["initErrors"][0]
    assert back["outputs"]["verdict"] == "at-once"
    assert not back.get("initErrors")
    assert stack.unchanged(again)
    assert stack.entry()["outputs"]["verdict"] == "promote"
    assert stack.entry()["outputs"]["serving"]["champion"]["version"] == "4"
