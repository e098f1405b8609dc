"""Pulumi's registration and read requests, as the engine's own records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from pulumi.runtime.proto import alias_pb2, resource_pb2, source_pb2

from hybridml.engine.aliases import AliasSpec
from hybridml.engine.monitor import Options, Source
from hybridml.engine.values import Value
from hybridml.engine.wire import read_value

_HOOKS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete", "on_error")
_DEFAULT = Options()


def alias_specs(request: resource_pb2.RegisterResourceRequest) -> list[AliasSpec]:
    """The aliases that a request names, in the program's order."""
    urns = [AliasSpec(urn=urn) for urn in request.aliasURNs]
    return urns + [_alias_spec(alias) for alias in request.aliases]


def register_options(request: resource_pb2.RegisterResourceRequest, aliases: tuple[str, ...]) -> Options:
    """The options of a registration."""
    said = _said(
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=aliases,
        import_id=request.importId,
        custom_timeouts=_timeouts(request),
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        replacement_trigger=_trigger(request),
        hide_diffs=tuple(request.hideDiffs),
        hooks=_hooks(request),
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
        providers=dict(request.providers),
    )
    return Options(**said) if said else _DEFAULT


def read_options(request: resource_pb2.ReadResourceRequest) -> Options:
    """The options of a read."""
    said = _said(
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
    )
    return Options(**said) if said else _DEFAULT


def sorted_dependencies(
    request: resource_pb2.RegisterResourceRequest,
) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """What the resource as a whole and each of its properties depend on, sorted."""
    by_property = {
        key: tuple(sorted(value.urns)) for key, value in sorted(request.propertyDependencies.items()) if value.urns
    }
    return tuple(sorted(request.dependencies)), by_property


def source_of(position: source_pb2.SourcePosition, shown: Callable[[str], str | None]) -> Source | None:
    """The place a request says it was made at. `shown` turns a file name into what is shown, None when foreign."""
    if not position.uri:
        return None
    file = shown(unquote(position.uri.removeprefix("file://")))
    return Source(file=file, line=position.line) if file else None


def _alias_spec(alias: alias_pb2.Alias) -> AliasSpec:
    if alias.HasField("urn"):
        return AliasSpec(urn=alias.urn)
    spec = alias.spec
    return AliasSpec(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _said(**options: Any) -> dict[str, Any]:
    """What differs from saying nothing; most resources say nothing, and share one record."""
    return {key: value for key, value in options.items() if value or (value is False and key.startswith("delete_"))}


def _timeouts(request: resource_pb2.RegisterResourceRequest) -> Mapping[str, str]:
    if not request.HasField("customTimeouts"):
        return {}
    timeouts = request.customTimeouts
    return {step: text for step in ("create", "read", "update", "delete") if (text := getattr(timeouts, step))}


def _trigger(request: resource_pb2.RegisterResourceRequest) -> Value:
    return read_value(request.replacement_trigger) if request.HasField("replacement_trigger") else None


def _hooks(request: resource_pb2.RegisterResourceRequest) -> Mapping[str, tuple[str, ...]]:
    if not request.HasField("hooks"):
        return {}
    names: Iterable[tuple[str, tuple[str, ...]]] = ((kind, tuple(getattr(request.hooks, kind))) for kind in _HOOKS)
    return {kind: hooks for kind, hooks in names if hooks}
