"""Runs a program's transforms on its own resources and function calls, over Pulumi's callback protocol.

The SDK serves callbacks from the program's event loop. Answering a request on that same loop would wait for itself, so
a request that needs a transform is first moved to a thread: see `NeedsThread`.
"""

from __future__ import annotations

import re
import threading
from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from hybridml.errors import ProgramError

_TIMEOUT = 300.0
"""Seconds a transform may take."""

_SAME_NAME = ("protect", "version", "provider", "replace_with")
_RENAMED = {
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "additional_secret_outputs": "additionalSecretOutputs",
    "plugin_download_url": "pluginDownloadURL",
    "retain_on_delete": "retainOnDelete",
    "deleted_with": "deletedWith",
    "depends_on": "dependencies",
    "aliases": "aliases",
    "import": "importId",
    "custom_timeouts": "customTimeouts",
    "providers": "providers",
    "hooks": "hooks",
    "replacement_trigger": "replacement_trigger",
} | {name: name for name in _SAME_NAME}
"""Options of a transform to fields of a registration."""


class NeedsThread(Exception):  # noqa: N818 - a request to the caller, not an error
    """The request must be answered on another thread than the program's event loop."""


class Transforms:
    """The transforms that are in force."""

    def __init__(self) -> None:
        self.for_resources: list[callback_pb2.Callback] = []
        self.for_invokes: list[callback_pb2.Callback] = []
        self._loop_thread = threading.get_ident()
        self._own: dict[str, list[callback_pb2.Callback]] = {}
        self._parents: dict[str, str] = {}
        self._channels: dict[str, grpc.Channel] = {}

    def of_resource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceRequest:
        """`request` after its own transforms, those of its parents, then the stack's."""
        callbacks = [*request.transforms, *self._inherited(request.parent), *self.for_resources]
        if not callbacks:
            return request
        self._leave_loop()
        changed = resource_pb2.RegisterResourceRequest()
        changed.CopyFrom(request)
        for callback in callbacks:
            self._transform(changed, callback)
        return changed

    def of_invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeRequest:
        """`request` after the stack's transforms of function calls."""
        if not self.for_invokes:
            return request
        self._leave_loop()
        changed = resource_pb2.ResourceInvokeRequest()
        changed.CopyFrom(request)
        for callback in self.for_invokes:
            self._transform_invoke(changed, callback)
        return changed

    def registered(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> None:
        """Remember what the children of `urn` inherit."""
        if request.transforms or request.parent in self._own:
            self._own[urn] = list(request.transforms)
            self._parents[urn] = request.parent

    def close(self) -> None:
        """Hang up, before the program's server does."""
        for channel in list(self._channels.values()):
            channel.close()
        self._channels.clear()

    def _inherited(self, parent: str) -> list[callback_pb2.Callback]:
        found: list[callback_pb2.Callback] = []
        while parent in self._own:
            found += self._own[parent]
            parent = self._parents[parent]
        return found

    def _leave_loop(self) -> None:
        if threading.get_ident() == self._loop_thread:
            raise NeedsThread

    def _transform(self, request: resource_pb2.RegisterResourceRequest, callback: callback_pb2.Callback) -> None:
        asked = resource_pb2.TransformRequest(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            properties=request.object,
            options=_options_of(request),
        )
        answer = resource_pb2.TransformResponse.FromString(self._call(callback, asked))
        request.object.CopyFrom(answer.properties)
        if answer.HasField("options"):
            _apply_options(request, answer.options)

    def _transform_invoke(self, request: resource_pb2.ResourceInvokeRequest, callback: callback_pb2.Callback) -> None:
        options = resource_pb2.TransformInvokeOptions(
            provider=request.provider, version=request.version, plugin_download_url=request.pluginDownloadURL
        )
        asked = resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args, options=options)
        answer = resource_pb2.TransformInvokeResponse.FromString(self._call(callback, asked))
        request.args.CopyFrom(answer.args)
        if answer.HasField("options"):
            request.provider = answer.options.provider
            request.version = answer.options.version

    def _call(self, callback: callback_pb2.Callback, message: Any) -> bytes:
        channel = self._channels.get(callback.target)
        if channel is None:
            channel = self._channels.setdefault(callback.target, grpc.insecure_channel(callback.target))
        stub = callback_pb2_grpc.CallbacksStub(channel)
        asked = callback_pb2.CallbackInvokeRequest(token=callback.token, request=message.SerializeToString())
        try:
            answer: bytes = stub.Invoke(asked, timeout=_TIMEOUT).response
        except grpc.RpcError as error:
            said = re.sub(r"^Invoke callback \S+ error: ", "", error.details() or "it was not answered")
            raise ProgramError(f"a transform failed: {said.strip()}") from error
        return answer


def _options_of(request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformResourceOptions:
    options = resource_pb2.TransformResourceOptions()
    for theirs, ours in _RENAMED.items():
        _copy(request, ours, options, theirs)
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    return options


def _apply_options(
    request: resource_pb2.RegisterResourceRequest, options: resource_pb2.TransformResourceOptions
) -> None:
    for theirs, ours in _RENAMED.items():
        request.ClearField(ours)  # type: ignore[arg-type]
        _copy(options, theirs, request, ours)
    request.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    request.deleteBeforeReplace = options.delete_before_replace


def _copy(source: Any, name: str, target: Any, renamed: str) -> None:
    """Copy one field if it says something; singular, repeated, map or message alike."""
    field = source.DESCRIPTOR.fields_by_name[name]
    value = getattr(source, name)
    if field.message_type is None and not hasattr(value, "extend"):
        if value:
            setattr(target, renamed, value)
    elif hasattr(value, "update") and not hasattr(value, "DESCRIPTOR"):
        getattr(target, renamed).update(value)
    elif hasattr(value, "extend"):
        getattr(target, renamed).extend(value)
    elif source.HasField(name):
        getattr(target, renamed).CopyFrom(value)
