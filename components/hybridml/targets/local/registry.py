"""The model registry: an MLflow server of this machine, and what it is told about each version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.errors import ResourceError
from hybridml.origin import about
from hybridml.provider.sdk import HealthArgs, HostService, HostServiceArgs, ModelVersion, ModelVersionArgs
from hybridml.targets.local import processes

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.targets.local.storage import ArtifactStore


@dataclass(frozen=True, kw_only=True)
class ModelRegistryArgs:
    """What a model registry is asked for."""

    directory: Path
    """Where its database and artifacts lie."""
    port: int
    """Port on 127.0.0.1."""


class ModelRegistry(pulumi.ComponentResource):
    """An MLflow tracking and registry server on 127.0.0.1, its metadata in SQLite."""

    tracking_uri: pulumi.Output[str]
    """Its address, known once it is healthy."""

    def __init__(self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:ModelRegistry", name, {}, opts)
        server = HostService(
            f"{name}-server",
            HostServiceArgs(
                argv=processes.registry(args.port, args.directory),
                env=processes.registry_environment(),
                directory=str(args.directory),
                port=args.port,
                health=HealthArgs(path="/health"),
                start_timeout="180s",
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.tracking_uri = server.url.apply(str)
        self.register_outputs({"trackingUri": self.tracking_uri})


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the registry is told about the versions of one endpoint."""

    spec: EndpointSpec
    root: Path
    """Project root: artifacts and cards are named from here."""
    tracking_uri: pulumi.Input[str]
    store: ArtifactStore

    def register_all(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """Registers every version of endpoint `name` that serves, one after the other and the champion first.

        An alias that moves is thus set on the new version before the old one is asked about it.
        """
        champion = self.spec.traffic.champion.version
        before: list[pulumi.Resource] = []
        for version in sorted(self.spec.served, key=lambda each: each != champion):
            after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before))
            with about(f"versions.{version}"):
                before = [self.register(name, version, after)]

    def register(self, name: str, version: str, opts: pulumi.ResourceOptions) -> ModelVersion:
        """Registers `version` of endpoint `name` with its digest, signature, card and lineage."""
        model = self.spec.versions[version]
        lineage = {key: value for key, value in model.lineage if value}
        return ModelVersion(
            f"{name}-{version}",
            ModelVersionArgs(
                tracking_uri=self.tracking_uri,
                model=name,
                version=version,
                source=self.store.paths[version],
                sha256=self.store.digests[version],
                signature=self._signature(version),
                card=self._card(version),
                lineage=lineage,
                tags={"owner": self.spec.owner, "data-class": str(self.spec.data_class)},
                aliases=self._aliases(version),
            ),
            opts,
        )

    def _aliases(self, version: str) -> list[str]:
        return [alias for alias, variant in self.spec.traffic.variants.items() if variant.version == version]

    def _signature(self, version: str) -> pulumi.Output[Any]:
        """Read from the source, which has the digest that the store has verified."""
        folder = self.root / self.spec.versions[version].artifact.uri
        verified: pulumi.Output[Any] = self.store.digests[version]
        return verified.apply(lambda _: signature(folder))

    def _card(self, version: str) -> pulumi.Output[Any] | None:
        card = self.spec.versions[version].card
        path: pulumi.Output[Any] = pulumi.Output.from_input(str(self.root / (card or "")))
        return path.apply(_text) if card else None


def signature(artifact: Path) -> str | None:
    """The signature that a saved MLflow model carries, as JSON; None where there is none (yet).

    Raises ResourceError when the model's description cannot be read.
    """
    described = artifact / "MLmodel"
    if not described.is_file():
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe").load(described.read_text(encoding="utf-8")).get("signature")
        return json.dumps(found, sort_keys=True) if found else None
    except (YAMLError, ValueError, TypeError, AttributeError):
        raise ResourceError(f"{described} is not the description of an MLflow model; save the model again") from None


def _text(path: str) -> str | None:
    """The text of a file, None where it is missing: the loader has already said so."""
    file = Path(path)
    return file.read_text() if file.is_file() else None
