"""The artifact store: one folder per version and digest, handed on only once digest and signature are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.origin import about
from hybridml.provider.sdk import HostFile, HostFileArgs, HostJob, HostJobArgs
from hybridml.spec.digest import NotAnArtifact, digest
from hybridml.targets.local import processes

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.spec.version import Artifact
    from hybridml.targets.base import StackContext

_MARK_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class StoredSignature:
    """Who has to have signed a version."""

    key: Path
    """Public key, PEM."""
    bundle: Path
    """Signature bundle."""


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """One version that a store is asked to hold."""

    source: Path
    """File or folder that is copied."""
    sha256: str | None = None
    """Digest that it must have; None accepts what is there and says what it is."""
    signature: StoredSignature | None = None
    """Verified after the digest and before anybody is told where the version lies."""


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """What an artifact store is asked for."""

    directory: Path
    """Where the versions lie, each in a folder of its name."""
    versions: Mapping[str, StoredVersion]
    """Version to what it is copied from."""


class ArtifactStore(pulumi.ComponentResource):
    """Versioned artifacts of one endpoint on this machine, readable by their owner only.

    The digest of every byte is verified before a version becomes visible, and its signature before `paths` and
    `digests` tell of it; a wrong one fails the run. Other bytes under an old name lie beside the old ones, which stay
    for the servers that were started from them until those are gone.
    """

    paths: Mapping[str, pulumi.Output[str]]
    """Version to the folder that holds it."""
    digests: Mapping[str, pulumi.Output[str]]
    """Version to the digest of what lies there."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:ArtifactStore", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        held = {version: self._hold(name, version, args) for version in args.versions}
        self.paths = {version: path for version, (path, _) in held.items()}
        self.digests = {version: sha256 for version, (_, sha256) in held.items()}
        self.register_outputs({"paths": self.paths, "digests": self.digests})

    def _hold(self, name: str, version: str, args: ArtifactStoreArgs) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Where the version lies and its digest, both known only once it is verified."""
        with about(f"versions.{version}"):
            stored = args.versions[version]
            sha256 = stored.sha256 or digest_now(stored.source)
            revision = f"{version}-{sha256[:_MARK_DIGITS]}" if sha256 else version
            asked = HostFileArgs(path=str(args.directory / revision), source=str(stored.source), sha256=sha256)
            file = HostFile(f"{name}-{revision}", asked, self._child)
            if stored.signature is None:
                return file.path, file.sha256
            return self._verify(f"{name}-{version}-signature", file, stored.signature, args.directory)

    def _verify(
        self, name: str, file: HostFile, signature: StoredSignature, directory: Path
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """What the file says, handed on by the job that verifies its signature."""
        key, bundle = str(signature.key), str(signature.bundle)
        args = HostJobArgs(
            argv=[*processes.verification(), file.path, "--key", key, "--bundle", bundle],
            directory=str(directory),
            triggers={
                "path": file.path,
                "artifact": file.sha256,
                "key": digest_now(signature.key) or "missing",
                "bundle": digest_now(signature.bundle) or "missing",
            },
        )
        verified: pulumi.Output[Any] = HostJob(name, args, self._child).triggers
        return verified.apply(lambda seen: str(seen["path"])), verified.apply(lambda seen: str(seen["artifact"]))


def stored_version(root: Path, artifact: Artifact) -> StoredVersion:
    """The version that `artifact` describes, its paths taken from `root`.

    Its signature lies beside it, with the suffix `.sig`, unless it says where.
    """
    source, asked = root / artifact.uri, artifact.signature
    if asked is None:
        return StoredVersion(source=source, sha256=artifact.sha256)
    bundle = root / asked.bundle if asked.bundle else source.with_name(f"{source.name}.sig")
    return StoredVersion(
        source=source, sha256=artifact.sha256, signature=StoredSignature(key=root / asked.key, bundle=bundle)
    )


def endpoint_store(name: str, spec: EndpointSpec, stack: StackContext, opts: pulumi.ResourceOptions) -> ArtifactStore:
    """Creates the store of endpoint `name`, with every version that serves."""
    versions = {version: stored_version(stack.root, spec.versions[version].artifact) for version in spec.served}
    directory = stack.state_folder / "artifacts" / name
    return ArtifactStore(f"{name}-artifacts", ArtifactStoreArgs(directory=directory, versions=versions), opts)


def digest_now(path: Path) -> str | None:
    """The digest of what lies at `path`; None when nothing does, or its bytes cannot be pinned."""
    try:
        return digest(path)
    except NotAnArtifact:
        return None
