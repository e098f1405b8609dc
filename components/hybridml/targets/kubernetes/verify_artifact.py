"""Fetches a model artifact and refuses to go on unless its digest is the one that was asked for.

Runs in the init container of a serving pod, as a file of its own: nothing of this package is in that image. The
digest is the one of `hybridml.spec.digest`; a test holds the two together.

Usage: verify_artifact.py URI SHA256 FOLDER
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

EXPECTED_ARGUMENTS = 4


def digest(artifact: Path) -> str:
    """SHA-256 of a file, or of the sorted list of a folder's files with theirs, as `sha256sum` prints it."""
    if artifact.is_file():
        return _of_file(artifact)
    files = sorted(each.relative_to(artifact).as_posix() for each in artifact.rglob("*") if each.is_file())
    listing = "".join(f"{_of_file(artifact / each)}  {each}\n" for each in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def main(argv: list[str]) -> int:
    """Fetch, verify, and leave the artifact in `FOLDER`; 0 only when the digest matches."""
    if len(argv) != EXPECTED_ARGUMENTS:
        return _fail("usage: verify_artifact.py URI SHA256 FOLDER")
    _, uri, expected, folder = argv
    if not expected:
        return _fail(f"{uri} has no digest: write `artifact.sha256`, nothing is served unverified")
    target = Path(folder)
    fetched = _fetch(uri, target)
    found = digest(fetched)
    if found != expected:
        shutil.rmtree(target, ignore_errors=True)
        return _fail(f"{uri} has digest {found}, expected {expected}: refused")
    sys.stdout.write(f"{uri} verified: {found}\n")
    return 0


def _fetch(uri: str, folder: Path) -> Path:
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - heavy, and not needed by the tests of `digest`

    folder.mkdir(parents=True, exist_ok=True)
    return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder)))


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
