"""Every command of README and docs runs, in a copy of this repository, in the order in which a reader meets it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from .documents import ROOT, Block, blocks, documents, script

SERVING = ("README.md", "docs/tutorial.md", "docs/how-to/local.md")
"""Documents whose commands start the local stack; each begins with `make up` and ends with everything stopped."""
PORTS = (5000, 8080, 8081)
"""What the local stack listens on."""
TESTING = "make test"
"""The command of README that runs the tests; the one that CI runs, and so this very run."""
STAMPS = {".venv": (".python", ".build", ".installed", ".dev"), "components/.venv": (".python", ".installed")}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository as git sees it, with the environments of this one and a state folder of its own."""
    folder = tmp_path / "copy"
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for environment, stamps in STAMPS.items():
        _borrow(ROOT / environment, folder / environment, stamps)
    _commit(folder)
    return folder


def _borrow(environment: Path, folder: Path, stamps: tuple[str, ...]) -> None:
    """An environment whose parts are those of another, and which make finds up to date."""
    folder.mkdir(parents=True)
    for part in environment.iterdir() if environment.is_dir() else ():
        if part.name not in stamps:
            (folder / part.name).symlink_to(part)
    for stamp in stamps:
        (folder / stamp).touch()


def _commit(folder: Path) -> None:
    identity = ["-c", "user.name=reader", "-c", "user.email=reader@example.invalid"]
    for argv in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "As it is"]):
        subprocess.run(["git", *argv], cwd=folder, check=True, capture_output=True)


def _run(commands: str, folder: Path) -> None:
    """Runs the commands of a document in one shell. Its output is shown when one of them fails."""
    environment = {**os.environ, "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", commands], cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-6000:]}"


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """README, Makefile and CI agree on one command that runs the tests."""
    commands = [block.text.strip() for block in blocks(Path("README.md"), "sh")]

    assert TESTING in commands
    assert TESTING.replace("make", "make --no-print-directory") in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", [d for d in documents() if str(d) not in SERVING and blocks(d, "sh")], ids=str)
def test_commands_that_only_look(document: Path, copy: Path) -> None:
    """The commands of this document run on a fresh copy where nothing is deployed."""
    _run(script(document), copy)


@pytest.mark.services
@pytest.mark.timeout(900)
def test_commands_that_serve(copy: Path) -> None:
    """README, tutorial and how-to run one after the other, and leave no process, no port and no file.

    Files are looked for outside the environments and the state folder.
    """
    before = _files(copy)
    try:
        for document in SERVING:
            _run(script(Path(document)).replace(f"\n{TESTING}\n", "\n"), copy)
    finally:
        subprocess.run(["make", "down"], cwd=copy, check=False, capture_output=True)

    assert _files(copy) - before == set()
    assert _processes(copy) == []
    assert [port for port in PORTS if _answers(port)] == []


def _processes(folder: Path) -> list[str]:
    """Command lines of living processes that name the folder, or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            home = (process / "cwd").readlink()
        except OSError:
            continue
        if str(folder) in command or home.is_relative_to(folder):
            found.append(command)
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _files(folder: Path) -> set[str]:
    """Every file of the copy outside the environments, the state folder and git's own."""
    outside = (".git", ".hybridml", ".venv")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if not set(outside) & set(path.parts)}


@pytest.mark.parametrize(
    "block", [b for d in documents() for b in blocks(d, "yaml")], ids=lambda b: f"{b.document}:{b.line}"
)
def test_yaml_blocks_are_what_they_say(block: Block, tmp_path: Path) -> None:
    """A stack file loads with this repository's endpoints, part of an endpoint on top of one; a project is one."""
    from hybridml.engine.project import load_project
    from hybridml.spec import EndpointSpec, load

    content = YAML(typ="safe").load(block.text)
    if "config" in content:
        (tmp_path / "Pulumi.document.yaml").write_text(block.text, encoding="utf-8")
        assert load(ROOT / "infra" / "endpoints", tmp_path / "Pulumi.document.yaml").endpoints
    elif "runtime" in content and "name" in content:
        (tmp_path / "Pulumi.yaml").write_text(block.text, encoding="utf-8")
        (tmp_path / "__main__.py").touch()
        assert load_project(tmp_path).name == content["name"]
    elif "apiVersion" not in content:
        assert content.keys() <= EndpointSpec.model_fields.keys(), f"{block.document}:{block.line} is nothing known"
        entry = {**content, "placement": {"primary": "laptop"}}
        config = {"hybridml:environment": "local", "hybridml:profile": "local", "hybridml:endpoints": {"churn": entry}}
        config["hybridml:targets"] = {"laptop": {"kind": "local"}}
        YAML().dump({"config": config}, tmp_path / "Pulumi.document.yaml")
        assert load(ROOT / "infra" / "endpoints", tmp_path / "Pulumi.document.yaml").endpoints


@pytest.mark.parametrize(
    "block", [b for d in documents() for b in blocks(d, "python")], ids=lambda b: f"{b.document}:{b.line}"
)
def test_programs_plan(block: Block, tmp_path: Path) -> None:
    """A program in a document plans, with an endpoint file of this repository beside it."""
    from hybridml.engine import program

    shutil.copy(ROOT / "infra" / "endpoints" / "churn.yaml", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: document\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(block.text, encoding="utf-8")

    plan = program.plan(tmp_path, "dev")

    assert "hybridml:index:ModelEndpoint" in {resource.type for resource in plan.resources}
