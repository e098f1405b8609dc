"""The resource monitor of a running program: Pulumi's protocol in front, a `Resolver` behind.

Pulumi's SDK talks to an object with the methods of `pulumirpc.ResourceMonitor`. In a real deployment that is a gRPC
stub; here it is `Monitor`, called directly. Messages stay Pulumi's own protobuf messages, so nothing depends on how the
SDK happens to use them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from hybridml.engine import requests
from hybridml.engine.aliases import STACK_TYPE, Identity, alias_urns, make_urn
from hybridml.engine.calls import current_form, dummies
from hybridml.engine.monitor import Invocation, Options, Outcome, Read, Registration, Resolver
from hybridml.engine.transforms import Transforms
from hybridml.engine.values import UNKNOWN, Properties, Secret, Value, holds, seal
from hybridml.engine.wire import read_struct, write_struct
from hybridml.errors import HybridMLError, ProgramError

FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
)
"""What this monitor understands. Output values are left out, as in Pulumi's own mocks: inputs stay plain."""


@dataclass(kw_only=True)
class Context:
    """What the monitor knows about the run around it."""

    project: str
    stack: str
    shown: Callable[[str], str | None]
    """File name to what is shown of it; None when the file is not the user's."""
    secret_texts: tuple[str, ...] = ()
    """Secrets of the configuration. A property that holds one is secret, whether or not the program said so."""
    classes: dict[str, type] = field(default_factory=dict)
    """Type token to the SDK's class, filled as the program constructs resources."""


class Monitor:
    """Answers the SDK's requests by asking a `Resolver`."""

    def __init__(self, context: Context, resolver: Resolver) -> None:
        self._context = context
        self._resolver = resolver
        self._lock = threading.Lock()
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, Outcome] = {}
        self._root = make_urn(context.stack, context.project, "", STACK_TYPE, f"{context.project}-{context.stack}")
        self.transforms = Transforms()
        self.failure: HybridMLError | None = None
        self.answered = 0
        """How many requests were answered so far."""

    def RegisterResource(  # noqa: N802 - Pulumi's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """A resource should exist."""
        request = self.transforms.of_resource(request)
        registration = self._registration(request)
        self.transforms.registered(registration.urn, request)
        outcome = self._ask(lambda: self._resolver.register(registration))
        outputs = _with_secrets(outcome.outputs, registration.options.additional_secret_outputs)
        self._known[registration.urn] = outcome
        return resource_pb2.RegisterResourceResponse(
            urn=registration.urn, id=outcome.id, object=write_struct(outputs), result=_result(outcome)
        )

    def ReadResource(  # noqa: N802 - Pulumi's name
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """A resource that exists is looked up."""
        read = self._read(request)
        outcome = self._ask(lambda: self._resolver.read(read))
        self._known[read.urn] = outcome
        outputs = _with_secrets(outcome.outputs, read.options.additional_secret_outputs)
        response = resource_pb2.ReadResourceResponse(
            urn=read.urn, properties=write_struct(outputs), result=_result(outcome)
        )
        if "id" in resource_pb2.ReadResourceResponse.DESCRIPTOR.fields_by_name:
            response.id = outcome.id
        return response

    def Invoke(  # noqa: N802 - Pulumi's name
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """A provider's function is called."""
        if request.tok == "pulumi:pulumi:getResource":
            return self._get_resource(request)
        request = self.transforms.of_invoke(request)
        form = current_form()
        invocation = Invocation(
            token=request.tok,
            args=read_struct(request.args),
            provider=request.provider,
            version=request.version,
            declared=form.declared,
            plain=form.plain,
        )
        result = self._ask(lambda: self._resolver.invoke(invocation))
        if result is None:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        return resource_pb2.ResourceInvokeResponse(**{"return": write_struct(dummies(result, form))})

    def Call(self, request: resource_pb2.ResourceCallRequest) -> Any:  # noqa: N802 - Pulumi's name
        """A method of a resource is called."""
        from pulumi.runtime.proto import provider_pb2

        invocation = Invocation(
            token=request.tok,
            args=read_struct(request.args),
            provider=request.provider,
            version=request.version,
            declared=current_form().declared,
            method=True,
        )
        result = self._ask(lambda: self._resolver.invoke(invocation))
        returned = {"unknown": UNKNOWN} if result is None else result
        return provider_pb2.CallResponse(**{"return": write_struct(returned)})

    def RegisterResourceOutputs(  # noqa: N802 - Pulumi's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """A component, or the stack, says its outputs."""
        outputs = self._properties(request.outputs)
        self._ask(lambda: self._resolver.finish(request.urn, outputs))
        return empty_pb2.Empty()

    def ExistsResource(  # noqa: N802 - Pulumi's name
        self, _: resource_pb2.ExistsResourceRequest
    ) -> resource_pb2.ExistsResourceResponse:
        """Whether a resource exists in the cloud, which nobody here can know."""
        return resource_pb2.ExistsResourceResponse(unknown=True)

    def GetDeploymentInfo(self, _: empty_pb2.Empty) -> resource_pb2.DeploymentInfo:  # noqa: N802 - Pulumi's name
        """What this monitor understands."""
        return resource_pb2.DeploymentInfo(supportedFeatures=FEATURES)

    def RegisterPackage(self, request: resource_pb2.RegisterPackageRequest) -> Any:  # noqa: N802 - Pulumi's name
        """A parameterized package is named by what it is, so that two runs name it alike."""
        name = request.parameterization.name or request.extension.name or request.name
        return resource_pb2.RegisterPackageResponse(ref=f"package:{name}")

    def RegisterStackTransform(self, callback: Any) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """From now on this transform runs on every resource."""
        self.transforms.for_resources.append(callback)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, callback: Any) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """From now on this transform runs on every function call."""
        self.transforms.for_invokes.append(callback)
        return empty_pb2.Empty()

    def RegisterResourceHook(self, _: Any) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """A hook is only named here: the resources that use it carry its name in their options."""
        return empty_pb2.Empty()

    def RegisterErrorHook(self, _: Any) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """See `RegisterResourceHook`."""
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, _: empty_pb2.Empty) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """The program has nothing more to say."""
        self.transforms.close()
        return empty_pb2.Empty()

    def _registration(self, request: resource_pb2.RegisterResourceRequest) -> Registration:
        context = self._context
        parent = request.parent if request.type != STACK_TYPE else ""
        urn = make_urn(context.stack, context.project, parent, request.type, request.name)
        source = requests.source_of(request.sourcePosition, context.shown)
        aliases = self._claim(urn, request)
        dependencies, by_property = requests.sorted_dependencies(request)
        return Registration(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=parent,
            custom=request.custom,
            remote=request.remote,
            inputs=self._properties(request.object),
            dependencies=dependencies,
            property_dependencies=by_property,
            provider=request.provider,
            options=self._options(request, aliases),
            source=source,
            declared=context.classes.get(request.type),
        )

    def _options(self, request: resource_pb2.RegisterResourceRequest, aliases: tuple[str, ...]) -> Options:
        options = requests.register_options(request, aliases)
        trigger = seal(options.replacement_trigger, self._context.secret_texts)
        return options if trigger == options.replacement_trigger else replace(options, replacement_trigger=trigger)

    def _properties(self, struct: struct_pb2.Struct) -> dict[str, Value]:
        read = read_struct(struct)
        texts = self._context.secret_texts
        return {key: seal(value, texts) for key, value in read.items()} if texts else read

    def _claim(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> tuple[str, ...]:
        """Take `urn` for this request, with its aliases. Two resources cannot be the same one."""
        context = self._context
        self._refuse_secret_name(request)
        aliases: tuple[str, ...] = ()
        if request.aliases or request.aliasURNs or self._aliases.get(request.parent):
            identity = Identity(
                stack=context.stack,
                project=context.project,
                parent=request.parent,
                type=request.type,
                name=request.name,
            )
            aliases = alias_urns(identity, requests.alias_specs(request), self._aliases, self._root)
        with self._lock:
            if urn in self._aliases:
                raise self._duplicate(urn, request)
            self._aliases[urn] = aliases
        return aliases

    def _refuse_secret_name(
        self, request: resource_pb2.RegisterResourceRequest | resource_pb2.ReadResourceRequest
    ) -> None:
        if holds(request.name, self._context.secret_texts):
            source = requests.source_of(request.sourcePosition, self._context.shown)
            where = f"{source.file}:{source.line}: " if source else ""
            self.failure = self.failure or ProgramError(
                f"{where}the name of a {request.type} holds a secret of the configuration, and names are shown and "
                "stored in plain text; make it from something else"
            )
            raise self.failure

    def _duplicate(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> ProgramError:
        source = requests.source_of(request.sourcePosition, self._context.shown)
        where = f"{source.file}:{source.line}: " if source else ""
        error = ProgramError(
            f"{where}two resources of type {request.type} are named {request.name!r} ({urn}); give one another name"
        )
        self.failure = self.failure or error
        return error

    def _read(self, request: resource_pb2.ReadResourceRequest) -> Read:
        context = self._context
        self._refuse_secret_name(request)
        return Read(
            urn=make_urn(context.stack, context.project, request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            parent=request.parent,
            id=request.id,
            inputs=self._properties(request.properties),
            dependencies=tuple(sorted(request.dependencies)),
            provider=request.provider,
            options=requests.read_options(request),
            source=requests.source_of(request.sourcePosition, context.shown),
            declared=context.classes.get(request.type),
        )

    def _get_resource(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        urn = request.args.fields["urn"].string_value
        outcome = self._known.get(urn)
        if outcome is None:
            raise ProgramError(f"the program asks for {urn}, which it has not registered")
        state = {"urn": urn, "id": outcome.id, "state": outcome.outputs}
        return resource_pb2.ResourceInvokeResponse(**{"return": write_struct(state)})

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Ask the resolver, and remember the first deliberate failure: the SDK may wrap or swallow it."""
        self.answered += 1
        try:
            return question()
        except HybridMLError as error:
            self.failure = self.failure or error
            raise


class Engine:
    """The part of Pulumi's engine that a program logs to."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802 - Pulumi's name
        """Pass on what a program says; its debugging output is dropped."""
        if request.severity != engine_pb2.DEBUG:
            self._log(engine_pb2.LogSeverity.Name(request.severity).lower(), request.message)

    def RequirePulumiVersion(self, _: Any) -> empty_pb2.Empty:  # noqa: N802 - Pulumi's name
        """Any version will do: this is not the Pulumi CLI."""
        return empty_pb2.Empty()


def _result(outcome: Outcome) -> Any:
    """What the SDK is told of an outcome: outputs of what does not exist are unknown, and the program goes on."""
    return resource_pb2.Result.FAIL if outcome.skipped else resource_pb2.Result.SUCCESS


def _with_secrets(outputs: Properties, secret: tuple[str, ...]) -> Properties:
    if not secret:
        return outputs
    marked: Mapping[str, Any] = {
        key: Secret(value) if key in secret and not isinstance(value, Secret) else value
        for key, value in outputs.items()
    }
    return marked
