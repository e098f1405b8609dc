"""Fetches a model artifact and refuses to go on unless its digest is the one that was asked for.

Runs in the init container of a serving pod, beside copies of the two modules that it imports and nothing else of this
package. Standard library only, but for what lies neither on a volume nor in a store that a mounted Secret opens: that
is `mlflow`'s to fetch, with the client that the image brings.

Usage: verify_artifact.py URI SHA256 FOLDER

Leaves the artifact, a file or a folder, as `FOLDER/model`; what is not verified never has that name.
"""

import shutil
import sys
from pathlib import Path

from hybridml.spec.digest import NotAnArtifact, digest
from hybridml.targets.kubernetes import s3_download

EXPECTED_ARGUMENTS = 4


def main(argv: list[str]) -> int:
    """Fetch, verify, and put the artifact in place; 0 only when the digest matches."""
    if len(argv) != EXPECTED_ARGUMENTS:
        return _fail("usage: verify_artifact.py URI SHA256 FOLDER")
    _, uri, expected, folder = argv
    if not expected:
        return _fail(f"{uri} has no digest: write artifact.sha256, nothing is served unverified")
    ready, incoming = Path(folder, "model"), Path(folder, "incoming")
    if _found(ready) == expected:
        return _say(f"{uri} is there: {expected}")
    _remove(ready)
    _remove(incoming)
    try:
        fetched = _fetch(uri, incoming)
    except (OSError, ValueError) as error:
        return _fail(f"{uri} cannot be fetched: {error}")
    found = _found(fetched)
    if found != expected:
        _remove(incoming)
        return _fail(f"{uri} has digest {found}, expected {expected}: refused")
    fetched.rename(ready)
    return _say(f"{uri} verified: {found}")


def _fetch(uri: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    local = Path(uri)
    if local.is_dir():
        return Path(shutil.copytree(local, folder / "artifact", symlinks=True))
    if local.is_file():
        return Path(shutil.copy(local, folder / "artifact"))
    if uri.startswith("s3://") and (fetched := s3_download.fetch(uri, folder)):
        return fetched
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder)))


def _found(path: Path) -> str:
    try:
        return digest(path)
    except NotAnArtifact as reason:
        return f"none ({reason})"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _say(message: str) -> int:
    sys.stdout.write(f"{message}\n")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
