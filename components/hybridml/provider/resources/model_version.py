"""`ModelVersion`: what an MLflow registry knows about one version of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hybridml.errors import DigestMismatch, ResourceError
from hybridml.provider.resource import Resource
from hybridml.provider.shape import Failure, wanted
from hybridml.provider.unknown import holds_unknown, same
from hybridml.spec.digest import NotAnArtifact, digest

if TYPE_CHECKING:
    from hybridml.provider.mlflow_api import Registry

MODEL_TAG: Final = "hybridml.model"
VERSION_TAG: Final = "hybridml.version"
DIGEST_TAG: Final = "hybridml.sha256"
SIGNATURE_TAG: Final = "hybridml.signature"
LINEAGE_TAG: Final = "hybridml.lineage."
OWN_TAG: Final = {"hybridml.managed": "true"}
_FOUND_BY: Final = ("trackingUri", "model", "version", "sha256")
"""Inputs that an entry is found by."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_GLANCE = 2.0
"""Seconds that a look at the registry may take during a diff."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelVersionInputs:
    """What is asked for."""

    tracking_uri: str = wanted(
        pattern=r"https?://[^/@\s]+(/\S*)?", like="an http:// or https:// address without a password", secret=True
    )
    model: str = wanted(pattern=r"[^/:.\s]+", like="a name without slash, colon, dot or space")
    version: str = wanted(minimum=1, maximum=250)
    source: str = wanted(minimum=1)
    sha256: str = wanted(pattern=r"[0-9a-f]{64}", like="64 lower-case hexadecimal digits")
    card: str | None = wanted(None)
    signature: str | None = wanted(None)
    lineage: Mapping[str, str] = wanted({})
    tags: Mapping[str, str] = wanted({})
    aliases: tuple[str, ...] = wanted(())


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelVersionState(ModelVersionInputs):
    """What is there."""

    registry_version: str


def _only_loopback_without_tls(inputs: ModelVersionInputs) -> Iterator[Failure]:
    try:
        address = urlsplit(str(inputs.tracking_uri))
        _ = address.port  # raises as well
    except ValueError:
        reason = "must be an address with a host and, where it has one, a port below 65536"
        yield Failure(path="trackingUri", reason=reason)
        return
    if address.scheme == "http" and address.hostname not in _LOOPBACK:
        yield Failure(path="trackingUri", reason="must be https:// beyond this machine")


def _own_tags_are_ours(inputs: ModelVersionInputs) -> Iterator[Failure]:
    for key in inputs.tags:
        if key.startswith("hybridml."):
            yield Failure(path=f'tags["{key}"]', reason="must not begin with `hybridml.`: those tags are set here")


class ModelVersion(Resource[ModelVersionInputs, ModelVersionState]):
    """A registered version, found again by its version and digest tags, so a repeated run adds none.

    An artifact of this machine is verified and uploaded through the server, a remote one is registered where it is.
    Errors: `DigestMismatch` when the artifact is not the one asked for; ResourceError with MLflow's reason.
    """

    inputs = ModelVersionInputs
    state = ModelVersionState
    replaces_on = frozenset({"tracking_uri", "model", "version", "source", "sha256"})
    stable = frozenset({"registry_version"})
    public = frozenset({"registry_version"})
    rules = (_only_loopback_without_tls, _own_tags_are_ours)

    def deletes_first(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Only where the new entry has the tags of the old one, by which it would be found.

        Other bytes are registered beside the old ones, so that an alias moves without ever being gone.
        """
        return all(holds_unknown(new.get(key)) or same(old.get(key), new.get(key)) for key in _FOUND_BY)

    def identity(self, state: ModelVersionState) -> str:
        """`<model>/<number>`."""
        return f"{state.model}/{state.registry_version}"

    def create(self, inputs: ModelVersionInputs) -> ModelVersionState:
        """Register the version, or bring the entry that is there up to date."""
        with _registry(inputs) as registry:
            registry.ensure_model(inputs.model, OWN_TAG)
            entry = _find(registry, inputs) or _register(registry, inputs)
            _bring_up_to_date(registry, inputs, entry)
        return _state(inputs, str(entry["version"]))

    def read(self, state: ModelVersionState) -> ModelVersionState | None:
        """The entry's number, None when it is gone; a registry of this machine that is down says nothing."""
        from hybridml.provider.mlflow_api import Unreachable

        try:
            with _registry(state, _GLANCE) as registry:
                entry = _find(registry, state)
        except Unreachable:
            if _is_local(state):
                return state
            raise
        return dataclasses.replace(state, registry_version=str(entry["version"])) if entry else None

    def drift(self, state: ModelVersionState) -> frozenset[str]:
        """The number, when the registry answers and has no such entry, or another one."""
        try:
            return frozenset() if self.read(state) == state else frozenset({"registry_version"})
        except ResourceError:
            return frozenset()

    def delete(self, state: ModelVersionState) -> None:
        """Delete the entry, and the model with its last one; a registry of this machine may be down already."""
        from hybridml.provider.mlflow_api import Unreachable

        try:
            with _registry(state) as registry:
                _delete(registry, state)
        except Unreachable:
            if not _is_local(state):
                raise


def _registry(inputs: ModelVersionInputs, timeout: float = 60.0) -> Registry:
    from hybridml.provider.mlflow_api import Registry

    return Registry(inputs.tracking_uri, timeout)


def _is_local(inputs: ModelVersionInputs) -> bool:
    return urlsplit(inputs.tracking_uri).hostname in _LOOPBACK


def _find(registry: Registry, inputs: ModelVersionInputs) -> dict[str, Any] | None:
    wanted_tags = {VERSION_TAG: inputs.version, DIGEST_TAG: inputs.sha256}
    for entry in registry.versions(inputs.model):
        if wanted_tags.items() <= _tags_of(entry).items():
            return entry
    return None


def _tags_of(entry: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in entry.get("tags", [])}


def _register(registry: Registry, inputs: ModelVersionInputs) -> dict[str, Any]:
    if "://" in inputs.source or inputs.source.startswith("models:/"):
        return registry.create_version(inputs.model, inputs.source, "", _tags(inputs))
    source = Path(inputs.source)
    _verify(source, inputs.sha256)
    run = registry.run(f"hybridml-{inputs.model}", _marks(inputs))
    uploaded = registry.upload(run, source)
    registry.finish(run["run_id"])
    return registry.create_version(inputs.model, uploaded, run["run_id"], _tags(inputs))


def _marks(inputs: ModelVersionInputs) -> dict[str, str]:
    """Tags of the run that holds the uploaded copy."""
    return {MODEL_TAG: inputs.model, VERSION_TAG: inputs.version, DIGEST_TAG: inputs.sha256}


def _verify(source: Path, sha256: str) -> None:
    try:
        found = digest(source)
    except NotAnArtifact as error:
        raise ResourceError(f"the artifact to register cannot be read: {error}") from None
    if found != sha256:
        raise DigestMismatch(f"{source} has sha256 {found}, expected {sha256}; it is not registered")


def _tags(inputs: ModelVersionInputs) -> dict[str, str]:
    lineage = {f"{LINEAGE_TAG}{key}": value for key, value in inputs.lineage.items()}
    signature = {SIGNATURE_TAG: inputs.signature} if inputs.signature else {}
    return {**inputs.tags, **lineage, **signature, VERSION_TAG: inputs.version, DIGEST_TAG: inputs.sha256}


def _bring_up_to_date(registry: Registry, inputs: ModelVersionInputs, entry: Mapping[str, Any]) -> None:
    """Tags, description and aliases as asked for; what is right already is not written again."""
    model, number = inputs.model, str(entry["version"])
    there, asked = _tags_of(entry), _tags(inputs)
    for key, value in asked.items():
        if there.get(key) != value:
            registry.set_tag(model, number, key, value)
    for key in there.keys() - asked.keys():
        registry.delete_tag(model, number, key)
    if entry.get("description", "") != (inputs.card or ""):
        registry.describe(model, number, inputs.card or "")
    _move_aliases(registry, inputs, number)


def _move_aliases(registry: Registry, inputs: ModelVersionInputs, number: str) -> None:
    there = {pair["alias"]: str(pair["version"]) for pair in registry.model(inputs.model).get("aliases", [])}
    for alias in inputs.aliases:
        if there.get(alias) != number:
            registry.set_alias(inputs.model, number, alias)
    for alias, target in there.items():
        if target == number and alias not in inputs.aliases:
            registry.delete_alias(inputs.model, alias)


def _delete(registry: Registry, state: ModelVersionState) -> None:
    from hybridml.provider.mlflow_api import Missing

    entry = _find(registry, state)
    if entry is not None:
        _forget_copy(registry, state, entry)
        registry.delete_version(state.model, str(entry["version"]))
    try:
        model = registry.model(state.model)
    except Missing:
        return
    if OWN_TAG.items() <= _tags_of(model).items() and not any(registry.versions(state.model)):
        registry.delete_model(state.model)


def _forget_copy(registry: Registry, state: ModelVersionState, entry: Mapping[str, Any]) -> None:
    """Delete the bytes that were uploaded for `entry`, and their run, unless another entry is made of them."""
    from hybridml.provider.mlflow_api import Missing

    run = str(entry.get("run_id") or "")
    others = (each for each in registry.versions(state.model) if each["version"] != entry["version"])
    if not run or any(each.get("run_id") == run for each in others):
        return
    try:
        ours = _marks(state).items() <= registry.run_tags(run).items()
    except Missing:
        return
    if ours:
        registry.forget(run, str(entry["source"]))


def _state(inputs: ModelVersionInputs, number: str) -> ModelVersionState:
    asked = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(ModelVersionInputs)}
    return ModelVersionState(**asked, registry_version=number)
