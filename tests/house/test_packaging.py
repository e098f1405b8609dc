"""What the package says about itself, and what the Makefile asks of a machine."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import hybridml
import pytest

from .documents import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_metadata_is_complete() -> None:
    """Name, one version, licence, Python and the extras that the documents name."""
    assert PROJECT["version"] == hybridml.__version__
    assert PROJECT["license"] == "Apache-2.0"
    assert (ROOT / PROJECT["readme"]).is_file()
    assert PROJECT["requires-python"] == ">=3.11"
    assert set(PROJECT["optional-dependencies"]) >= {"aws", "gcp", "kubernetes", "local"}


def test_the_changelog_has_this_version() -> None:
    """Users find what is in this version."""
    assert f"## {hybridml.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_folder_of_the_package_is_in_the_contributors_table() -> None:
    """A room has a row in the table that says which folder holds what."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [path.parent for path in (ROOT / "components" / "hybridml").glob("*/__init__.py")]

    assert [room.name for room in rooms if f"components/hybridml/{room.name}/" not in table] == []


def test_the_pulumi_folders_install_from_a_lock() -> None:
    """Project, plugin and policy pack have the file that Pulumi installs, and it names a hashed lock."""
    for folder, lock in {
        ".": "requirements-all.lock",
        "components": "requirements.lock",
        "policies": "requirements.lock",
    }.items():
        assert f"-r {lock}" in (ROOT / folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert (ROOT / folder / lock).is_file()


def test_an_old_python_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Where no Python is new enough, `make setup` says which one it needs and how to name one."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (tools / name).chmod(0o755)

    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    argv = [make, ".venv/.python"]
    done = subprocess.run(
        argv, cwd=tmp_path, env={"PATH": f"{tools}:/bin:/usr/bin"}, check=False, capture_output=True, text=True
    )

    assert done.returncode != 0
    assert "hybridml needs Python 3.11 or later" in done.stderr
    assert "make setup PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()
