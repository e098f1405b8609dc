"""What is kept of an endpoint's requests on this machine: where, and what each server is told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from hybridml.jobs.capture import VARIABLE, CaptureSettings
from hybridml.targets.local.network import revision

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec


@dataclass(frozen=True, kw_only=True)
class Captured:
    """The records of one endpoint. They are its owner's: destroying the stack leaves them where they are."""

    endpoint: str
    spec: EndpointSpec
    state_folder: Path
    """The stack's own folder."""

    @property
    def folder(self) -> Path:
        """Where the records lie, a folder for each day."""
        return self.state_folder / "capture" / self.endpoint

    @property
    def key(self) -> Path:
        """The secret of the hashes; beside the records and not among them, so that they can be handed on without it."""
        return self.state_folder / "keys" / f"{self.endpoint}.capture"

    def settings(self, version: str, replica: int, digest: str) -> CaptureSettings | None:
        """What one server keeps; None where nothing is asked for."""
        asked = self.spec.capture
        if asked is None:
            return None
        return CaptureSettings(
            folder=str(self.folder),
            key=str(self.key),
            replica=f"{version}-{replica}",
            version=version,
            revision=revision(version, digest),
            sample=float(asked.sample),
            retention_days=asked.retention_days,
            drop=asked.drop,
            hash=asked.hash,
        )

    def environment(self, version: str, replica: int, digest: pulumi.Output[str]) -> dict[str, pulumi.Input[str]]:
        """The variable that tells a server; none where nothing is asked for."""
        if self.spec.capture is None:
            return {}
        return {VARIABLE: digest.apply(lambda known: _text(self.settings(version, replica, known)))}

    def outputs(self, digests: Mapping[str, pulumi.Output[str]]) -> dict[str, pulumi.Input[object]]:
        """Where the records lie, and which bytes of which version have which part in the traffic."""
        if self.spec.capture is None:
            return {}
        traffic = self.spec.traffic
        parts = {name: each.version for name, each in traffic.variants.items()}
        parts |= {"shadow": traffic.shadow.version} if traffic.shadow else {}
        named: dict[str, pulumi.Input[object]] = {
            part: pulumi.Output.all(version, digests[version]).apply(lambda known: revision(*known))
            for part, version in parts.items()
        }
        return {"capture": {"folder": str(self.folder), **named}}


def _text(settings: CaptureSettings | None) -> str:
    return settings.to_json() if settings else ""
