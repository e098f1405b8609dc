"""The wheel is all that somebody else's project needs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from .documents import ROOT

PROGRAM = """
import pulumi
from hybridml import ModelEndpoint, ModelEndpointArgs

version = {{"artifact": {{"uri": "model"}}, "format": "mlflow"}}
spec = {{"apiVersion": "hybridml/v1", "owner": "team", "data_class": "public", "versions": {{"1": version}},
        "traffic": {{"champion": {{"version": "1"}}}}, "scaling": {{"min": 1, "max": 1}},
        "rollout": {{"strategy": "all-at-once"}},
        "access": {{"invokers": ["group:callers"]}}}}
endpoint = ModelEndpoint("wine", ModelEndpointArgs(spec=spec, target={{"kind": "local", "port": {port}}}))
pulumi.export("endpoints", {{"wine": endpoint.outputs}})
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel, and sees the dependencies of this one but not its hybridml."""
    home = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, capture_output=True)
    python = home / "bin" / "python"
    argv = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "UV_CACHE_DIR": str(home / "cache")})
    ours = next(home.glob("lib/python*/site-packages"))
    (ours / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (home / "bin" / "envoy").symlink_to(Path(sys.executable).with_name("envoy"))
    return python.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ten-line program, its project file and a trained model."""
    train = [sys.executable, str(ROOT / "examples" / "train.py"), "--project", str(tmp_path)]
    subprocess.run(train, check=True, capture_output=True)
    shutil.copytree(tmp_path / ".hybridml" / "models" / "wine" / "1", tmp_path / "model")
    shutil.rmtree(tmp_path / ".hybridml")
    (tmp_path / "Pulumi.yaml").write_text("name: scoring\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM.format(port=_free_port()), encoding="utf-8")
    return tmp_path


def test_the_wheel_carries_what_runs(wheel: Path) -> None:
    """Both packages, the marks that they are typed, the policy profiles, and both commands."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        commands = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()

    assert {"hybridml/py.typed", "hybridml/pulumi-plugin.json", "hybridml_policies/py.typed"} <= names
    assert [name for name in names if name.startswith("hybridml_policies/profiles/")]
    assert {f"hybridml/report/page/page.{kind}" for kind in ("css", "html.j2", "js")} <= names
    assert [name for name in names if name.startswith("hybridml/onboarding/templates/")]
    assert "hybridml = " in commands
    assert "pulumi-resource-hybridml = " in commands
    assert not [name for name in names if "test" in name or ".venv" in name or "__pycache__" in name]


def test_the_wheel_is_what_is_imported(installed: Path, tmp_path: Path) -> None:
    """The installed package is the wheel's, not the tree's."""
    argv = [str(installed / "python"), "-c", "import hybridml; print(hybridml.__file__)"]
    done = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True)

    assert done.stdout.startswith(str(installed.parent))


def test_the_installed_command_checks_a_program(installed: Path, tmp_path: Path) -> None:
    """`hybridml check` of the wheel works in a folder that holds a program and nothing else."""
    (tmp_path / "Pulumi.yaml").write_text("name: nothing\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.export('a', 1)\n", encoding="utf-8")

    assert _hybridml(installed, tmp_path, "check").startswith("dev: clean")


def test_the_installed_command_makes_a_project(installed: Path, tmp_path: Path) -> None:
    """`hybridml init` of the wheel makes one in an empty folder, and it is clean."""
    (tmp_path / "scoring").mkdir()

    assert _hybridml(installed, tmp_path / "scoring", "init").startswith("project scoring: wrote")
    assert _hybridml(installed, tmp_path / "scoring", "check", "--all").startswith("local: clean")


@pytest.mark.services
def test_ten_lines_serve_a_model_on_the_embedded_engine(installed: Path, folder: Path) -> None:
    """A program with `ModelEndpoint`, in a folder of its own, serves, answers and goes away."""
    _serves(installed, folder, [])


@pytest.mark.services
@pytest.mark.pulumi
def test_ten_lines_serve_a_model_on_the_real_engine(installed: Path, folder: Path) -> None:
    """The same program on Pulumi, which finds the plugin beside the program's Python."""
    _serves(installed, folder, ["--engine", "pulumi"])


def _serves(installed: Path, folder: Path, engine: list[str]) -> None:
    try:
        _hybridml(installed, folder, "up", "--yes", *engine)
        status = json.loads(_hybridml(installed, folder, "status", "--format", "json"))
        answer = _hybridml(installed, folder, "invoke", "wine", "--data", f"@{folder}/model/serving_input_example.json")
        assert status["healthy"] is True
        assert len(json.loads(answer)["predictions"]) >= 1
    finally:
        _hybridml(installed, folder, "destroy", "--yes", *engine)


def _hybridml(installed: Path, folder: Path, *argv: str) -> str:
    environment = {**os.environ, "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("VIRTUAL_ENV", None)
    command = [str(installed / "hybridml"), *argv]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
