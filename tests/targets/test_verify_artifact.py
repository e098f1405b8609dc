"""The program that stands between an artifact and the server of a pod, run as it runs there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hybridml.spec.digest import digest
from hybridml.targets.kubernetes.artifacts import verifier_code
from hybridml.targets.kubernetes.pods import CODE

Verify = Callable[[Path, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "model.skops").write_bytes(b"\x00weights")
    return folder


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Lays the files out as the ConfigMap's volume does, and runs them without this package."""
    code = tmp_path / "code"
    for key, path in CODE.items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_text(verifier_code()[key])

    def run(uri: Path, sha256: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-S", str(code / "verify_artifact.py"), str(uri), sha256, str(tmp_path / "ml")]
        return subprocess.run(program, capture_output=True, text=True, check=False, cwd=tmp_path)

    return run


def test_verified_artifact_is_put_in_place(verify: Verify, artifact: Path, tmp_path: Path) -> None:
    """With the right digest the artifact lies where the server looks, byte for byte."""
    result = verify(artifact, digest(artifact))

    assert (result.returncode, result.stderr) == (0, "")
    assert digest(tmp_path / "ml" / "model") == digest(artifact)


def test_a_file_is_an_artifact_too(verify: Verify, artifact: Path, tmp_path: Path) -> None:
    """A single file is verified by its own digest."""
    weights = artifact / "data" / "model.skops"

    assert verify(weights, digest(weights)).returncode == 0
    assert (tmp_path / "ml" / "model").read_bytes() == b"\x00weights"


def test_another_artifact_is_refused(verify: Verify, artifact: Path, tmp_path: Path) -> None:
    """One changed byte, and nothing is left that a server could load."""
    wanted = digest(artifact)
    (artifact / "MLmodel").write_text("flavors: {evil: {}}\n")

    result = verify(artifact, wanted)

    assert result.returncode == 1
    assert f"expected {wanted}: refused" in result.stderr
    assert list((tmp_path / "ml").iterdir()) == []


def test_nothing_is_served_without_a_digest(verify: Verify, artifact: Path, tmp_path: Path) -> None:
    """An empty digest is no permission."""
    result = verify(artifact, "")

    assert result.returncode == 1
    assert "nothing is served unverified" in result.stderr
    assert not (tmp_path / "ml").exists()


def test_a_link_is_refused(verify: Verify, artifact: Path) -> None:
    """What a link leads to may change after the check, so it has no digest."""
    wanted = digest(artifact)
    (artifact / "link").symlink_to("/etc/hostname")

    assert "a link" in verify(artifact, wanted).stderr


def test_a_restarted_pod_checks_what_it_has(verify: Verify, artifact: Path, tmp_path: Path) -> None:
    """What is there is verified and kept; what was tampered with is fetched again."""
    wanted = digest(artifact)
    assert verify(artifact, wanted).returncode == 0
    (tmp_path / "ml" / "model" / "MLmodel").write_text("tampered")

    assert "verified" in verify(artifact, wanted).stdout
    assert "is there" in verify(artifact, wanted).stdout
    assert digest(tmp_path / "ml" / "model") == wanted
