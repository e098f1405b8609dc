"""Pulumi's provider protocol for every own resource: previews, unknowns, secrets and errors are handled here, once."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from hybridml import __version__
from hybridml.errors import ConfigurationError, HybridMLError, Problem, Refused, ResourceError
from hybridml.provider.outputs import foreseen, mark_inputs, mark_outputs, observed_inputs
from hybridml.provider.resource import Changes, Context, HalfMade, Resource
from hybridml.provider.shape import Failure, properties, read, write
from hybridml.provider.unknown import UNKNOWN
from hybridml.provider.wire import decode, encode, reveal, secret_texts

Kind = provider_pb2.PropertyDiff
Verb = TypeVar("Verb", bound=Callable[..., Any])
AnyResource = Resource[Any, Any]

_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (HalfMade, grpc.StatusCode.UNKNOWN),
    (ConfigurationError, grpc.StatusCode.INVALID_ARGUMENT),
    (ResourceError, grpc.StatusCode.FAILED_PRECONDITION),
    (HybridMLError, grpc.StatusCode.UNKNOWN),
    (OSError, grpc.StatusCode.FAILED_PRECONDITION),
)
_SHORTEST_SECRET = 4
"""Shorter secrets are not cut out of messages: half the words would go with them."""
_DETAILS = "grpc-status-details-bin"
_SENT = ("news", "olds", "old_inputs", "properties", "inputs")


def _answering(verb: Verb) -> Verb:
    """Turn an error of `verb` into one status with one message that holds no secret and no traceback."""

    @functools.wraps(verb)
    def answer(self: Adapter, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return verb(self, request, context)
        except Exception as error:
            code, message = _code(error), _message(error, request)
            if isinstance(error, HalfMade):
                context.set_trailing_metadata(((_DETAILS, self._half_made(error, request, message)),))
            context.abort(code, message)

    return answer  # type: ignore[return-value]


def _code(error: Exception) -> grpc.StatusCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def _message(error: Exception, request: Any) -> str:
    text = str(error) if isinstance(error, (HybridMLError, OSError)) else f"{type(error).__name__}: {error}"
    sent = [decode(getattr(request, field)) for field in _SENT if hasattr(request, field)]
    hidden = {line.strip() for values in sent for found in secret_texts(values) for line in found.splitlines()}
    for secret in sorted((line for line in hidden if len(line) >= _SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


class Adapter(provider_pb2_grpc.ResourceProviderServicer):
    """Serves `resources`, by token, over gRPC."""

    def __init__(self, resources: Mapping[str, type[AnyResource]], schema: Callable[[], str]) -> None:
        self.cancelled = threading.Event()
        self._resources = {token: resource(self.cancelled) for token, resource in resources.items()}
        self._schema = schema

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The version of the plugin."""
        return plugin_pb2.PluginInfo(version=__version__)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The package's schema."""
        return provider_pb2.GetSchemaResponse(schema=self._schema())

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The provider itself has nothing to configure; what was given passes."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The provider itself has nothing that could change."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What this plugin understands: secrets, values with dependencies, previews."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptOutputs=True, acceptResources=False, supportsPreview=True
        )

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The same, said before the configuration."""
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_outputs=True, accept_resources=False, accepts_outputs_in_check=True
        )

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Whatever waits stops waiting and fails."""
        self.cancelled.set()
        return empty_pb2.Empty()

    @_answering
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Inputs with defaults and automatic names; all failures at once, each with its path."""
        resource, raw = self._resource(request.urn), decode(request.news)
        name = request.urn.rsplit("::", 1)[-1]
        old = reveal(decode(request.olds))
        checked = resource.check(reveal(raw), Context(name=name, seed=request.randomSeed, old=old))
        return provider_pb2.CheckResponse(
            inputs=encode(mark_inputs(resource, raw, checked.inputs)),
            failures=[provider_pb2.CheckFailure(property=it.path, reason=it.reason) for it in checked.failures],
        )

    @_answering
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What would change, property by property."""
        resource, new = self._resource(request.urn), reveal(decode(request.news))
        state = reveal(decode(request.olds))
        old = reveal(decode(request.old_inputs)) or _inputs_of(resource, state)
        changes = resource.diff(_state(resource, state), old, new)
        return _diff_response(changes, old, new, set(request.ignoreChanges))

    @_answering
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Create, or in a preview say what is certain."""
        resource, sent = self._resource(request.urn), decode(request.properties)
        inputs = _inputs(resource, sent)
        if request.preview:
            unnamed = dataclasses.replace(inputs, **dict.fromkeys(resource.automatic, UNKNOWN))
            certain = mark_outputs(resource, sent, foreseen(resource, unnamed, {}))
            return provider_pb2.CreateResponse(properties=encode(certain))
        state = resource.create(inputs)
        return provider_pb2.CreateResponse(
            id=resource.identity(state), properties=encode(mark_outputs(resource, sent, write(state)))
        )

    @_answering
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Update in place, or in a preview say what is certain."""
        resource, sent = self._resource(request.urn), decode(request.news)
        inputs, old = _inputs(resource, sent), reveal(decode(request.olds))
        result = (
            foreseen(resource, inputs, old)
            if request.preview
            else write(resource.update(inputs, _state(resource, old)))
        )
        return provider_pb2.UpdateResponse(properties=encode(mark_outputs(resource, sent, result)))

    @_answering
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What is there now; an empty answer when it is gone."""
        resource, state = self._resource(request.urn), decode(request.properties)
        if not state:
            raise ResourceError(f"{request.id}: importing is not supported; declare the resource and it is adopted")
        found = resource.read(_state(resource, reveal(state)))
        if found is None:
            return provider_pb2.ReadResponse()
        inputs, observed = decode(request.inputs), write(found)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=encode(mark_outputs(resource, {**state, **inputs}, observed)),
            inputs=encode(observed_inputs(inputs, observed)),
        )

    @_answering
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remove it."""
        resource = self._resource(request.urn)
        resource.delete(_state(resource, reveal(decode(request.properties))))
        return empty_pb2.Empty()

    def _half_made(self, error: HalfMade, request: Any, message: str) -> bytes:
        """The status that records a resource which exists but is not what was asked for."""
        resource = self._resource(request.urn)
        sent = decode(request.news if hasattr(request, "news") else request.properties)
        half = provider_pb2.ErrorResourceInitFailed(
            id=resource.identity(error.state),
            properties=encode(mark_outputs(resource, sent, write(error.state))),
            reasons=[message],
        )
        detail = any_pb2.Any()
        detail.Pack(half)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[detail])
        return bytes(status.SerializeToString())

    def _resource(self, urn: str) -> AnyResource:
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in self._resources:
            raise Refused(f"{token} is not a resource of hybridml {__version__}; it has {', '.join(self._resources)}")
        return self._resources[token]


def _inputs(resource: AnyResource, sent: Mapping[str, Any]) -> Any:
    failures: list[Failure] = []
    inputs: Any = read(resource.inputs, reveal(sent), failures)
    if failures:
        raise ConfigurationError(Problem(path=failure.path, message=failure.reason) for failure in failures)
    return inputs


def _inputs_of(resource: AnyResource, state: Mapping[str, Any]) -> dict[str, Any]:
    names = {prop.wire for prop in properties(resource.inputs)}
    return {key: value for key, value in state.items() if key in names}


def _state(resource: AnyResource, sent: Mapping[str, Any]) -> Any:
    """The recorded state; what an older or newer release wrote beyond today's properties is ignored."""
    names = {prop.wire for prop in properties(resource.state)}
    failures: list[Failure] = []
    state: Any = read(resource.state, {key: value for key, value in sent.items() if key in names}, failures)
    if failures:
        reasons = "; ".join(f"{failure.path} {failure.reason}" for failure in failures)
        raise ResourceError(f"the recorded state cannot be used: {reasons}. Remove it with `pulumi state delete`")
    return state


def _diff_response(changes: Changes, old: Mapping[str, Any], new: Mapping[str, Any], ignored: set[str]) -> Any:
    changed = changes.changed - ignored
    replaces = changes.replaces - ignored
    detailed = {key: Kind(kind=_kind(key, old, new, key in replaces), inputDiff=True) for key in sorted(changed)}
    detailed.update({key: Kind(kind=Kind.Kind.UPDATE) for key in sorted(changes.drifted - changed)})
    differs = provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=differs,
        diffs=list(detailed),
        replaces=sorted(replaces),
        deleteBeforeReplace=bool(replaces) and changes.delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _kind(key: str, old: Mapping[str, Any], new: Mapping[str, Any], replaces: bool) -> Any:
    verb = "ADD" if old.get(key) is None else "DELETE" if new.get(key) is None else "UPDATE"
    return Kind.Kind.Value(f"{verb}_REPLACE" if replaces else verb)
