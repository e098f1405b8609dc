"""The artifact store: one folder per version, visible only once its digest is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from hybridml.provider.sdk import HostFile, HostFileArgs


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """One version that a store is asked to hold."""

    source: Path
    """File or folder that is copied."""
    sha256: str | None = None
    """Digest that it must have; None accepts what is there and says what it is."""


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """What an artifact store is asked for."""

    directory: Path
    """Where the versions lie, each in a folder of its name."""
    versions: Mapping[str, StoredVersion]
    """Version to what it is copied from."""


class ArtifactStore(pulumi.ComponentResource):
    """Versioned artifacts of one endpoint on this machine, readable by their owner only.

    The digest of every byte is verified before a version becomes visible; a wrong one fails the run and leaves
    what was there.
    """

    paths: Mapping[str, pulumi.Output[str]]
    """Version to the folder that holds it."""
    digests: Mapping[str, pulumi.Output[str]]
    """Version to the digest of what lies there."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:ArtifactStore", name, {}, opts)
        files = {version: self._hold(name, version, args) for version in args.versions}
        self.paths = {version: file.path for version, file in files.items()}
        self.digests = {version: file.sha256 for version, file in files.items()}
        self.register_outputs({"paths": self.paths, "digests": self.digests})

    def _hold(self, name: str, version: str, args: ArtifactStoreArgs) -> HostFile:
        stored = args.versions[version]
        return HostFile(
            f"{name}-{version}",
            HostFileArgs(path=str(args.directory / version), source=str(stored.source), sha256=stored.sha256),
            pulumi.ResourceOptions(parent=self),
        )
