"""The plugin under Pulumi's own engine: create, no change, update in place, replace, refresh, destroy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.resources import RESOURCES
from hybridml.provider.schema import schema_json

ROOT = Path(__file__).parents[2]
SERVICE = str(Path(__file__).parent / "service.py")
PLUGIN_PYTHON = ROOT / "components" / ".venv" / "bin" / "python"

pytestmark = [
    pytest.mark.pulumi,
    pytest.mark.services,
    pytest.mark.skipif(not PLUGIN_PYTHON.exists(), reason="the plugin's own environment is not there: make setup"),
]

PROGRAM = """
import sys
import pulumi
from hybridml.provider.sdk import *

config = pulumi.Config()
folder = config.require("folder")
file = HostFile("file", HostFileArgs(path=f"{folder}/{config.get('name') or 'a'}.txt", content=config.require("text")))
service = HostService(
    "service",
    HostServiceArgs(
        argv=[sys.executable, "-S", config.require("service"), "{socket}"],
        directory=f"{folder}/run",
        env={"SAYS": config.require_secret("says")},
        socket=True,
        health=HealthArgs(path="/ping"),
        start_timeout=config.get("patience"),
        triggers={"file": file.sha256},
    ),
)
pulumi.export("path", file.path)
pulumi.export("instance", service.instance)
pulumi.export("pid", service.pid)
pulumi.export("env", service.env)
"""


class Project:
    """A small Pulumi project in a folder of its own, with a backend in that folder."""

    def __init__(self, folder: Path, *, named: bool = True) -> None:
        self.folder, self.data = folder / "project", folder / "data"
        self.folder.mkdir()
        self.data.mkdir()
        virtualenv = Path(sys.executable).parents[1]
        project: dict[str, Any] = {
            "name": "small",
            "runtime": {"name": "python", "options": {"virtualenv": str(virtualenv)}},
        }
        if named:
            project["plugins"] = {"providers": [{"name": "hybridml", "path": str(ROOT / "components")}]}
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))
        (self.folder / "__main__.py").write_text(PROGRAM)
        (folder / "state").mkdir()
        self.env = {
            "PATH": os.environ["PATH"] if named else f"{virtualenv}/bin:{os.environ['PATH']}",
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self("stack", "init", "test")
        self.set(folder=str(self.data), service=SERVICE, text="one")
        self("config", "set", "--secret", "says", "s3cr3t-value")

    def __call__(self, *argv: str, fails: bool = False) -> str:
        done = subprocess.run(
            ["pulumi", *argv, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def set(self, **values: str) -> None:
        for key, value in values.items():
            self("config", "set", key, value)

    def up(self, *options: str) -> dict[str, Any]:
        self("up", "--yes", "--skip-preview", *options)
        return self.outputs()

    def outputs(self) -> dict[str, Any]:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def says(self, instance: str) -> str:
        return get(self.data / "run" / instance / "socket", "/")[1]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    run = made.data / "run"
    for instance in run.iterdir() if run.exists() else ():
        processes.stop(instance, 1.0)


def test_the_life_of_a_stack(project: Project) -> None:
    """Preview, create, no change, update in place, replacement, refresh of a dead process, destroy."""
    preview = project("preview")
    assert "hybridml:index:HostService" in preview
    assert list(project.data.iterdir()) == []

    first = project.up()
    assert (project.data / "a.txt").read_text() == "one"
    assert project.says(first["instance"]) == "s3cr3t-value"
    project("up", "--yes", "--skip-preview", "--expect-no-changes")
    project("preview", "--expect-no-changes")

    project.set(patience="90s")
    second = project.up()
    assert (second["instance"], second["pid"]) == (first["instance"], first["pid"])

    project.set(text="two")
    third = project.up()
    assert (project.data / "a.txt").read_text() == "two"
    assert third["instance"] != first["instance"]
    assert [path.name for path in (project.data / "run").iterdir()] == [third["instance"]]

    project.set(name="b")
    project.up()
    assert sorted(path.name for path in project.data.iterdir()) == ["b.txt", "run"]

    os.kill(project.outputs()["pid"], 9)
    project.up("--refresh")
    assert project.says(project.outputs()["instance"]) == "s3cr3t-value"

    project("destroy", "--yes", "--skip-preview")
    assert list((project.data / "run").iterdir()) == []
    assert not (project.data / "b.txt").exists()


def test_secrets_are_encrypted_in_the_state_and_hidden_on_the_screen(project: Project, tmp_path: Path) -> None:
    """A secret variable is in no file of the backend and in nothing that is printed."""
    said = project("up", "--yes", "--skip-preview") + project("stack", "output")

    assert "s3cr3t-value" not in said
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s3cr3t-value" in path.read_bytes() for path in kept)
    project("destroy", "--yes", "--skip-preview")


def test_a_refused_input_is_shown_with_its_property(project: Project) -> None:
    """The engine shows the reason beside the property, and nothing is made."""
    project.set(patience="soon")
    said = project("up", "--yes", "--skip-preview", fails=True)

    assert "startTimeout" in said
    assert "must be a whole number with a unit: 250ms, 10s, 2m, 1h, not 'soon'" in said
    assert "hybridml/provider/adapter.py" not in said
    assert not (project.data / "run").exists()


def test_pulumi_reads_the_schema(project: Project) -> None:
    """Pulumi's own parser accepts the package's schema."""
    done = subprocess.run(
        ["pulumi", "package", "get-schema", str(ROOT / "components")],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    resources = json.loads(done.stdout)["resources"]
    assert resources.keys() == json.loads(schema_json(RESOURCES))["resources"].keys()


def test_a_project_that_names_no_plugin_finds_it_on_the_path(tmp_path: Path) -> None:
    """Elsewhere than in this repository, the console script of the installed package is enough."""
    project = Project(tmp_path, named=False)

    assert "hybridml:index:HostFile" in project("preview")
