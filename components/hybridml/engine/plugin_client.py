"""The client side of Pulumi's provider protocol: one running provider, its calls typed.

Errors of a call are `ResourceError`s that name the resource; secrets of its inputs are cut out of their text. Two are
told apart: `Unanswered`, when nobody knows what became of the call, and `HalfMade`, when the resource exists but does
not work.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from hybridml.engine.aliases import Urn
from hybridml.engine.redaction import redacted, texts_inside
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Properties, Secret, Value, contains_secret, reveal
from hybridml.engine.wire import read_struct, write_struct
from hybridml.errors import ResourceError

START_SECONDS: Final = 60.0
"""How long a provider may take to shake hands, and to take its configuration."""
GRACE_SECONDS: Final = 30.0
"""How much longer than the timeout it was told a provider is waited for."""
CANCEL_SECONDS: Final = 2.0
"""How long a provider may take to hear that it should stop."""
_LOST: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED}
)


class Unanswered(ResourceError):  # noqa: N818 - says what happened
    """A provider died, or did not answer in time: its call may have had its effect or not."""


class HalfMade(ResourceError):  # noqa: N818 - says what happened
    """A resource was created or updated but does not work."""

    def __init__(self, message: str, *, made: Made, reasons: tuple[str, ...]) -> None:
        super().__init__(message)
        self.made = made
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a provider says there is."""

    id: str
    """Empty when there is nothing."""
    outputs: Properties
    inputs: Properties | None = None
    """Of a read: what would have to be asked for to get it."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a provider says about new inputs."""

    changed: bool
    replaces: tuple[str, ...]
    """Properties whose change replaces the resource."""
    changes: tuple[str, ...]
    """Properties that change."""
    delete_first: bool
    """A replacement deletes the old resource before it creates the new one."""


class Provider:
    """A configured provider. Safe for threads."""

    def __init__(
        self, package: str, stub: provider_pb2_grpc.ResourceProviderStub, *, obituary: Callable[[], str]
    ) -> None:
        self.package = package
        self._stub = stub
        self._obituary = obituary
        self._keeps_secrets = True

    def handshake(self, *, root: Path, program: Path) -> None:
        """Say who we are; an older plugin that does not know the call is none the worse for it."""
        request = provider_pb2.ProviderHandshakeRequest(
            root_directory=str(root), program_directory=str(program), configure_with_urn=True
        )
        try:
            self._stub.Handshake(request, timeout=START_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise self._error("Handshake", self.package, error, {}) from None

    def cancel(self) -> None:
        """Ask the provider to stop waiting for whatever it waits for."""
        with contextlib.suppress(grpc.RpcError):
            self._stub.Cancel(empty_pb2.Empty(), timeout=CANCEL_SECONDS)

    def configure(self, config: Properties, *, urn: str) -> None:
        """Give the provider its configuration; once, before every other call."""
        request = provider_pb2.ConfigureRequest(
            args=write_struct(config),
            variables={f"{self.package}:config:{key}": _text(reveal(value)) for key, value in config.items()},
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        if urn:
            request.urn, request.name, request.type = urn, Urn.parse(urn).name, Urn.parse(urn).type
        answer = self._call("Configure", request, urn or self.package, config, deadline=START_SECONDS)
        self._keeps_secrets = answer.acceptSecrets

    def check(self, resource: ResourceState, old: Properties, *, seed: bytes) -> Properties:
        """The inputs of `resource` with defaults and automatic names.

        Errors: `ResourceError` with every property that is refused.
        """
        request = provider_pb2.CheckRequest(
            **_subject(resource),
            olds=self._struct(old),
            news=self._struct(resource.inputs),
            randomSeed=seed,
        )
        answer = self._call("Check", request, resource.urn, resource.inputs)
        if answer.failures:
            reasons = (f"{f.property}: {f.reason}" if f.property else f.reason for f in answer.failures)
            raise ResourceError(_redact(f"{resource.urn}: {'; '.join(reasons)}", resource.inputs))
        return self._kept(read_struct(answer.inputs), resource.inputs)

    def diff(self, old: ResourceState, new: Properties, *, ignore: tuple[str, ...]) -> Verdict:
        """What it would take to make `old` what the checked inputs `new` ask for."""
        request = provider_pb2.DiffRequest(
            id=old.id,
            **_subject(old),
            olds=self._struct(old.outputs),
            old_inputs=self._struct(old.inputs),
            news=self._struct(new),
            ignoreChanges=ignore,
        )
        answer = self._call("Diff", request, old.urn, new)
        replaces = tuple(sorted({*answer.replaces, *_replacing(answer)}))
        unknown = answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN
        changed = (
            reveal(old.inputs) != reveal(new) if unknown else answer.changes == provider_pb2.DiffResponse.DIFF_SOME
        )
        return Verdict(
            changed=changed or bool(replaces),
            replaces=replaces,
            changes=tuple(sorted({*answer.diffs, *answer.detailedDiff, *replaces})),
            delete_first=answer.deleteBeforeReplace,
        )

    def create(self, resource: ResourceState) -> Made:
        """Bring `resource` about, from its checked inputs. Errors: `Unanswered`, `HalfMade`, `ResourceError`."""
        timeout = resource.timeouts.get("create", 0.0)
        request = provider_pb2.CreateRequest(
            **_subject(resource), properties=self._struct(resource.inputs), timeout=timeout
        )
        answer = self._call("Create", request, resource.urn, resource.inputs, timeout=timeout)
        return Made(id=answer.id, outputs=self._kept(read_struct(answer.properties), resource.inputs))

    def update(self, old: ResourceState, new: ResourceState, *, ignore: tuple[str, ...]) -> Made:
        """Make `old` what the checked inputs of `new` ask for. Errors: as `create`."""
        timeout = new.timeouts.get("update", 0.0)
        request = provider_pb2.UpdateRequest(
            id=old.id,
            **_subject(new),
            olds=self._struct(old.outputs),
            old_inputs=self._struct(old.inputs),
            news=self._struct(new.inputs),
            timeout=timeout,
            ignoreChanges=ignore,
        )
        answer = self._call("Update", request, new.urn, new.inputs, timeout=timeout)
        return Made(id=old.id, outputs=self._kept(read_struct(answer.properties), new.inputs))

    def read(self, resource: ResourceState) -> Made:
        """What there is under the id of `resource` now; an empty id when there is nothing."""
        request = provider_pb2.ReadRequest(
            id=resource.id,
            **_subject(resource),
            properties=self._struct(resource.outputs),
            inputs=self._struct(resource.inputs),
        )
        answer = self._call("Read", request, resource.urn, resource.inputs)
        return Made(
            id=answer.id,
            outputs=self._kept(read_struct(answer.properties), resource.inputs),
            inputs=self._kept(read_struct(answer.inputs), resource.inputs) if answer.HasField("inputs") else None,
        )

    def delete(self, resource: ResourceState) -> None:
        """Remove `resource`; nothing happens when it is gone already."""
        timeout = resource.timeouts.get("delete", 0.0)
        request = provider_pb2.DeleteRequest(
            id=resource.id,
            **_subject(resource),
            properties=self._struct(resource.outputs),
            old_inputs=self._struct(resource.inputs),
            timeout=timeout,
        )
        self._call("Delete", request, resource.urn, resource.inputs, timeout=timeout)

    def invoke(self, token: str, args: Properties) -> Properties:
        """The result of the function `token`."""
        request = provider_pb2.InvokeRequest(tok=token, args=self._struct(args))
        answer = self._call("Invoke", request, token, args)
        if answer.failures:
            reasons = (f"{f.property}: {f.reason}" if f.property else f.reason for f in answer.failures)
            raise ResourceError(_redact(f"{token}: {'; '.join(reasons)}", args))
        return read_struct(getattr(answer, "return"))

    def _call(
        self,
        method: str,
        request: object,
        subject: str,
        inputs: Properties,
        *,
        timeout: float = 0.0,
        deadline: float | None = None,
    ) -> Any:
        if timeout:
            deadline = timeout + GRACE_SECONDS
        try:
            return getattr(self._stub, method)(request, timeout=deadline)
        except grpc.RpcError as error:
            raise self._error(method, subject, error, inputs) from None

    def _error(self, method: str, subject: str, error: grpc.RpcError, inputs: Properties) -> ResourceError:
        if error.code() in _LOST:
            what = f"{subject}: plugin {self.package} did not answer {method}"
            return Unanswered(_redact(f"{what} ({error.details()}). {self._obituary()}", inputs))
        half = _half_made(error)
        if half is None:
            return ResourceError(_redact(f"{subject}: {method} failed: {error.details()}", inputs))
        reasons = tuple(_redact(reason, inputs) for reason in half.reasons)
        made = Made(id=half.id, outputs=self._kept(read_struct(half.properties), inputs))
        message = _redact(f"{subject}: {method} failed: {'; '.join(half.reasons) or error.details()}", inputs)
        return HalfMade(message, made=made, reasons=reasons or (message,))

    def _struct(self, properties: Properties) -> Any:
        return write_struct(properties if self._keeps_secrets else reveal(properties))

    def _kept(self, properties: Properties, inputs: Properties) -> Properties:
        """`properties` from a provider that knows no secrets: what was secret under the same name still is."""
        if self._keeps_secrets:
            return properties
        secret = {key for key, value in inputs.items() if contains_secret(value)}
        return {key: Secret(value) if key in secret else value for key, value in properties.items()}


def describe(error: Exception) -> str:
    """The error in words: what the system says of a file, or the text."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _redact(message: str, inputs: Properties) -> str:
    return redacted(message, texts_inside(inputs))


def _subject(resource: ResourceState) -> Any:
    return {"urn": resource.urn, "name": Urn.parse(resource.urn).name, "type": resource.type}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _replacing(answer: provider_pb2.DiffResponse) -> Iterator[str]:
    kinds = provider_pb2.PropertyDiff
    for path, detail in answer.detailedDiff.items():
        if detail.kind in (kinds.ADD_REPLACE, kinds.DELETE_REPLACE, kinds.UPDATE_REPLACE):
            yield path


def _half_made(error: grpc.RpcError) -> Any:
    """The provider's own account of a resource that exists but does not work; None when it gives none."""
    metadata = dict(getattr(error, "trailing_metadata", tuple)() or ())
    packed = metadata.get("grpc-status-details-bin")
    if packed is None:
        return None
    status = status_pb2.Status.FromString(packed)
    for detail in status.details:
        half = provider_pb2.ErrorResourceInitFailed()
        if detail.Unpack(half):
            return half
    return None
