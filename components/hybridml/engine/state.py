"""What a stack holds, as a deployment file in Pulumi's own format, so that `pulumi stack import` adopts it.

Secrets are encrypted inside the file (`engine.secrets`), operations that were under way when a run was killed are
`pending_operations`. Source of the format: Pulumi's `sdk/go/common/apitype/core.go`, DeploymentV3.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from hybridml.engine import values
from hybridml.engine.deployment import check_resource
from hybridml.engine.secrets import Crypter
from hybridml.engine.values import UNKNOWN, Properties, Secret, Value
from hybridml.errors import StateError

FILE: Final = "state.json"
"""The deployment's name in a state directory."""
BACKUP: Final = "state.json.bak"
"""The deployment before the last change."""
VERSION: Final = 3
"""Version of Pulumi's deployment format."""

Operation = Literal["create", "update", "delete", "read"]
"""What is done to a resource."""
_PENDING: Final[Mapping[str, Operation]] = {
    "creating": "create",
    "updating": "update",
    "deleting": "delete",
    "reading": "read",
}
_PENDING_NAMES: Final = {operation: name for name, operation in _PENDING.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceState:
    """One resource as it was last known."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    """As checked by the provider."""
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str = ""
    """Provider reference `URN::ID`."""
    protect: bool = False
    retain_on_delete: bool = False
    external: bool = False
    """Looked up rather than managed."""
    delete: bool = False
    """Replaced, and still to be deleted."""
    deleted_with: str = ""
    init_errors: tuple[str, ...] = ()
    """Why it exists but does not work; its next update is not skipped."""
    additional_secret_outputs: tuple[str, ...] = ()
    timeouts: Mapping[str, float] = field(default_factory=dict)
    """`create`, `update`, `delete` to seconds."""
    created: str = ""
    """ISO 8601, UTC."""
    modified: str = ""
    """ISO 8601, UTC."""

    @property
    def refers_to(self) -> frozenset[str]:
        """Every URN that this one names."""
        by_property = (urn for urns in self.property_dependencies.values() for urn in urns)
        return (self.needs | {*by_property, self.deleted_with}) - {"", self.urn}

    @property
    def needs(self) -> frozenset[str]:
        """URNs that must exist for this one to exist."""
        provider = self.provider.rpartition("::")[0]
        return frozenset(filter(None, (self.parent, provider, *self.dependencies))) - {self.urn}

    def without(self, gone: ResourceState) -> ResourceState:
        """This resource with no reference to `gone`, which is not there any more; its parent's parent is the parent."""
        by_property = {
            key: tuple(urn for urn in urns if urn != gone.urn) for key, urns in self.property_dependencies.items()
        }
        return replace(
            self,
            parent=gone.parent if self.parent == gone.urn else self.parent,
            dependencies=tuple(urn for urn in self.dependencies if urn != gone.urn),
            property_dependencies={key: urns for key, urns in by_property.items() if urns},
            deleted_with="" if self.deleted_with == gone.urn else self.deleted_with,
        )

    def renamed(self, old: str, new: str) -> ResourceState:
        """This resource with every reference to the URN `old` naming `new`."""

        def name(urn: str) -> str:
            return new if urn == old else urn

        provider, _, provider_id = self.provider.rpartition("::")
        return replace(
            self,
            parent=name(self.parent),
            provider=f"{name(provider)}::{provider_id}" if provider else self.provider,
            dependencies=tuple(map(name, self.dependencies)),
            property_dependencies={k: tuple(map(name, urns)) for k, urns in self.property_dependencies.items()},
            deleted_with=name(self.deleted_with),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An operation that began and whose end nobody recorded."""

    operation: Operation
    resource: ResourceState
    """With the inputs that were checked for the operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything a stack holds."""

    resources: tuple[ResourceState, ...] = ()
    """What others need comes before them."""
    pending: tuple[Pending, ...] = ()

    def get(self, urn: str) -> ResourceState | None:
        """The living resource of that URN."""
        return next((r for r in self.resources if r.urn == urn and not r.delete), None)


def exists(directory: Path) -> bool:
    """Whether the state in `directory` holds anything, or a killed run may have left something.

    Errors: `StateError` when there is a state that cannot be read.
    """
    journal = directory / "journal.jsonl"
    if journal.exists() and journal.stat().st_size:
        return True
    document = read_document(directory / FILE)
    return bool(
        document and (document["deployment"].get("resources") or document["deployment"].get("pending_operations"))
    )


def read_document(path: Path) -> dict[str, Any] | None:
    """The deployment document in the file; None when there is no file.

    Errors: `StateError`, with what to do, when it is cut short, no deployment, or newer than this release.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(_unreadable(path, error.strerror or str(error))) from error
    return parse_document(content, path)


def parse_document(content: bytes, path: Path) -> dict[str, Any]:
    """The deployment document in `content`, read from `path`. Errors: as `read_document`."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise StateError(_unreadable(path, f"it is cut short, or no JSON: {error}")) from error
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise StateError(
            f"{path} is a deployment of version {version}; this release reads version {VERSION}. "
            "Use the release that wrote it; nothing was changed."
        )
    if version != VERSION or not isinstance(document.get("deployment"), dict):
        raise StateError(_unreadable(path, "it is no Pulumi deployment of version 3"))
    return dict(document)


def salt_of(document: Mapping[str, Any], path: Path) -> str:
    """The salt line of a deployment's secrets.

    Errors: `StateError` when its secrets are not kept by a passphrase.
    """
    secrets = document["deployment"].get("secrets_providers")
    kept = secrets.get("state") if isinstance(secrets, dict) and secrets.get("type") == "passphrase" else None
    salt = kept.get("salt") if isinstance(kept, dict) else None
    if not isinstance(salt, str):
        raise StateError(_unreadable(path, "its secrets are not kept by a passphrase"))
    return salt


def decode(document: Mapping[str, Any], crypter: Crypter, path: Path) -> State:
    """The state that a deployment document records.

    Errors: `StateError` when a resource in it lacks what every resource has, or a secret cannot be decrypted.
    """
    deployment = document["deployment"]
    try:
        return State(
            resources=tuple(decode_resource(entry, crypter) for entry in deployment.get("resources") or ()),
            pending=tuple(
                Pending(operation=_PENDING[entry["type"]], resource=decode_resource(entry["resource"], crypter))
                for entry in deployment.get("pending_operations") or ()
            ),
        )
    except KeyError as error:
        raise StateError(_unreadable(path, f"a resource in it lacks {error}")) from error
    except (TypeError, AttributeError, ValueError, StateError) as error:
        raise StateError(_unreadable(path, f"a resource in it is damaged: {error}")) from error


def encode(state: State, crypter: Crypter) -> dict[str, Any]:
    """The deployment document of `state`, its secrets encrypted."""
    version = "v3.0.0"
    return {
        "version": VERSION,
        "deployment": {
            "manifest": {"time": now(), "magic": hashlib.sha256(version.encode()).hexdigest(), "version": version},
            "secrets_providers": {"type": "passphrase", "state": {"salt": crypter.salt}},
            "resources": [encode_resource(resource, crypter) for resource in state.resources],
            "pending_operations": [
                {"resource": encode_resource(p.resource, crypter), "type": _PENDING_NAMES[p.operation]}
                for p in state.pending
            ],
            "metadata": {},
        },
    }


def encode_resource(resource: ResourceState, crypter: Crypter) -> dict[str, Any]:
    """One resource in Pulumi's form, its secrets encrypted; what says nothing is left out."""
    said = {
        "id": resource.id,
        "inputs": _seal(resource.inputs, crypter),
        "outputs": _seal(resource.outputs, crypter),
        "parent": resource.parent,
        "dependencies": list(resource.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in resource.property_dependencies.items()},
        "provider": resource.provider,
        "protect": resource.protect,
        "retainOnDelete": resource.retain_on_delete,
        "external": resource.external,
        "delete": resource.delete,
        "deletedWith": resource.deleted_with,
        "initErrors": list(resource.init_errors),
        "additionalSecretOutputs": list(resource.additional_secret_outputs),
        "customTimeouts": dict(resource.timeouts),
        "created": resource.created,
        "modified": resource.modified,
    }
    always = {"urn": resource.urn, "type": resource.type, "custom": resource.custom}
    return always | {key: value for key, value in said.items() if value}


def decode_resource(entry: Mapping[str, Any], crypter: Crypter) -> ResourceState:
    """The resource that `encode_resource`, or Pulumi, wrote.

    Errors: `KeyError`, `TypeError`, `AttributeError` or `ValueError` when it is damaged.
    """
    check_resource(entry)
    return ResourceState(
        urn=entry["urn"],
        type=entry["type"],
        custom=entry["custom"],
        id=entry.get("id") or "",
        inputs=_open(entry.get("inputs") or {}, crypter),
        outputs=_open(entry.get("outputs") or {}, crypter),
        parent=entry.get("parent") or "",
        dependencies=tuple(entry.get("dependencies") or ()),
        property_dependencies={k: tuple(v or ()) for k, v in (entry.get("propertyDependencies") or {}).items()},
        provider=entry.get("provider") or "",
        protect=bool(entry.get("protect")),
        retain_on_delete=bool(entry.get("retainOnDelete")),
        external=bool(entry.get("external")),
        delete=bool(entry.get("delete")),
        deleted_with=entry.get("deletedWith") or "",
        init_errors=tuple(entry.get("initErrors") or ()),
        additional_secret_outputs=tuple(entry.get("additionalSecretOutputs") or ()),
        timeouts={key: value for key, value in (entry.get("customTimeouts") or {}).items() if value},
        created=entry.get("created") or "",
        modified=entry.get("modified") or "",
    )


def write(directory: Path, document: Mapping[str, Any]) -> str:
    """Replace the deployment in `directory` at once, keep the old one as the backup; returns the new text's digest."""
    text = serialise(document)
    path = directory / FILE
    if path.exists():
        _write_atomically(directory / BACKUP, path.read_bytes())
    _write_atomically(path, text)
    return digest(text)


def serialise(document: Mapping[str, Any]) -> bytes:
    """The bytes of a deployment file."""
    return (json.dumps(document, indent=4, ensure_ascii=False) + "\n").encode()


def digest(content: bytes | None) -> str:
    """What a journal knows its deployment file by: SHA-256, or nothing when there is no file."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def now() -> str:
    """The time, ISO 8601, UTC, as Pulumi writes it."""
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def sync_directory(directory: Path) -> None:
    """Make what was created or renamed in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_atomically(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}; the one before is still there.") from error


def _seal(value: Value, crypter: Crypter) -> Any:
    """`value` in Pulumi's writing, each secret encrypted as the JSON of what it holds."""
    if isinstance(value, Secret):
        text = json.dumps(values.to_wire(values.reveal(value.value)), separators=(",", ":"))
        return {values.SIGNATURE: values.SECRET_SIGNATURE, "ciphertext": crypter.encrypt(text)}
    if isinstance(value, Mapping):
        return {key: _seal(item, crypter) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_seal(item, crypter) for item in value]
    return values.UNKNOWN_TEXT if value is UNKNOWN else value


def _open(value: Any, crypter: Crypter) -> Value:
    if isinstance(value, dict):
        if value.get(values.SIGNATURE) == values.SECRET_SIGNATURE:
            return Secret(values.from_wire(_plaintext(value, crypter)))
        return {key: _open(item, crypter) for key, item in value.items()}
    if isinstance(value, list):
        return [_open(item, crypter) for item in value]
    return UNKNOWN if value == values.UNKNOWN_TEXT else value


def _plaintext(value: Mapping[str, Any], crypter: Crypter) -> Any:
    return json.loads(value["plaintext"] if "plaintext" in value else crypter.decrypt(value["ciphertext"]))


def _unreadable(path: Path, why: str) -> str:
    backup = path.with_name(BACKUP)
    way_out = (
        f"The state before the last change is in {backup}: look at it, then copy it over {path.name}"
        if backup.exists() and backup != path
        else "Restore it from a copy, or move it away to begin anew"
    )
    return f"{path} cannot be read: {why}. {way_out}; nothing was changed."
