"""Where a pod's artifact comes from, and what the pod needs to fetch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hybridml.spec import digest
from hybridml.targets.kubernetes.pods import CREDENTIALS_FOLDER, SOURCE_FOLDER, Source

if TYPE_CHECKING:
    from hybridml.spec.target import ArtifactAccess
    from hybridml.spec.version import Artifact, Runtime

_REMOTE = ("s3://", "gs://", "models:/")
_CLAIM = "pvc://"
_TRACKING = "MLFLOW_TRACKING_URI"


def is_remote(uri: str) -> bool:
    """Whether the pod fetches the artifact over the network."""
    return uri.startswith(_REMOTE)


def is_registry(uri: str) -> bool:
    """Whether a model registry has to be asked where the artifact lies."""
    return uri.startswith("models:/")


def is_claim(uri: str) -> bool:
    """Whether the artifact lies on a volume that the pod mounts."""
    return uri.startswith(_CLAIM)


def verifier_code() -> dict[str, str]:
    """The files of the program that fetches and verifies, by their key in a ConfigMap."""
    here = Path(__file__)
    files = (here.with_name("verify_artifact.py"), here.with_name("s3_download.py"), Path(digest.__file__))
    return {each.name: each.read_text(encoding="utf-8") for each in files}


def source(artifact: Artifact, access: ArtifactAccess, runtime: Runtime) -> Source:
    """What the verifier of one version is told."""
    if is_claim(artifact.uri):
        claim, _, path = artifact.uri.removeprefix(_CLAIM).partition("/")
        return Source(uri=f"{SOURCE_FOLDER}/{path}".rstrip("/"), sha256=artifact.sha256 or "", claim=claim, env={})
    tracking = {_TRACKING: runtime.env[_TRACKING]} if _TRACKING in runtime.env else {}
    return Source(
        uri=artifact.uri,
        sha256=artifact.sha256 or "",
        secret=access.secret,
        env={**_store(access), **tracking},
    )


def _store(access: ArtifactAccess) -> dict[str, str]:
    credentials = {"AWS_SHARED_CREDENTIALS_FILE": f"{CREDENTIALS_FOLDER}/credentials"} if access.secret else {}
    return {"MLFLOW_S3_ENDPOINT_URL": access.endpoint, **credentials} if access.endpoint else credentials
