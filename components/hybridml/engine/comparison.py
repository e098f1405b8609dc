"""What differs between the inputs of a planned resource and those a deployment recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from hybridml.engine import kubernetes
from hybridml.engine.archives import digest
from hybridml.engine.drift import Difference
from hybridml.engine.plan import PlannedResource
from hybridml.engine.shapes import is_placeholder
from hybridml.engine.values import (
    ARCHIVE_SIGNATURE,
    ASSET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    Properties,
    Secret,
    Value,
    contains_unknown,
    from_wire,
    reveal,
)

_DEFAULTS = "__defaults"
"""Where bridged Terraform providers list the properties that they filled in themselves."""
_INTERNAL = {_DEFAULTS, "__internal", "__meta", "__provider"}
_PROVIDER_INTERNAL = {"version", "pluginDownloadURL", "parameterization", "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outcome for one resource."""

    differences: tuple[Difference, ...]
    unclear: tuple[str, ...]


def top_level(path: str) -> str:
    """The property of a resource that `path` lies in."""
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class _Unclear:
    path: str


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What is known of a type of resource without asking its provider."""

    replaces: frozenset[str]
    """The properties whose change replaces a resource of that type; nothing else of it does."""
    check: Callable[[str, Properties, Properties], Properties]
    """From a resource's name, the inputs of a program and those recorded to what a check would make of them."""


KnownTypes: TypeAlias = Mapping[str, TypeRules]
"""By type token."""


def compare_inputs(
    resource: PlannedResource,
    before: Mapping[str, Any],
    moving: Collection[str],
    folder: Path,
    rules: TypeRules | None = None,
) -> Comparison:
    """Compare property by property. `moving` are the URNs whose outputs will be others than recorded; the paths of
    assets are relative to `folder`.
    """
    recorded = from_wire(dict(before.get("inputs") or {}))
    found: list[Difference] = []
    unclear: list[str] = []
    for raw in _properties(resource, recorded, rules):
        if any(_covers(ignored, raw.path) for ignored in resource.options.ignore_changes):
            continue
        item = _identified(raw, folder) if isinstance(raw, Difference) else raw
        if item is None:
            continue
        item = item if _depends_on_moving(resource, raw.path, moving) else _settled(item)
        if isinstance(item, Difference):
            found.append(item)
        else:
            unclear.append(item.path)
    return Comparison(differences=tuple(found), unclear=tuple(unclear))


def _properties(resource: PlannedResource, recorded: Value, rules: TypeRules | None) -> Iterator[Difference | _Unclear]:
    ignored = _INTERNAL | (_PROVIDER_INTERNAL if resource.type.startswith("pulumi:providers:") else set())
    before = {key: value for key, value in recorded.items() if key not in ignored or key in resource.inputs}
    after = resource.inputs
    if rules is not None and not (contains_unknown(after) or _has_placeholder(reveal(after))):
        yield from _mapping(rules.check(resource.name, after, recorded), before, "", None, certain=True)
        return
    if resource.type.startswith("pulumi:providers:"):
        before, after = _decoded(before), _decoded(after)
    if resource.type.startswith("kubernetes:"):
        before = kubernetes.as_written(before, resource.inputs)
    bridged = _DEFAULTS in recorded
    yield from _mapping(after, before, "", recorded.get(_DEFAULTS), certain=bridged or _whole(resource))


def _decoded(inputs: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs of a provider, whatever is no text being JSON in them, which SDK and provider write differently."""
    return {key: _parsed(value) for key, value in inputs.items()}


def _parsed(value: Value) -> Value:
    if isinstance(value, Secret):
        return Secret(_parsed(value.value))
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return found if isinstance(found, bool | dict | list) or not isinstance(value, str) else value


def _whole(resource: PlannedResource) -> bool:
    """Whether what is recorded of this type is what a program wrote, and nothing that a provider added to it."""
    return resource.type.startswith("kubernetes:") or not resource.custom


def _mapping(
    after: Mapping[str, Value], before: Mapping[str, Value], path: str, defaults: Any, *, certain: bool
) -> Iterator[Difference | _Unclear]:
    filled_in = {name for name in defaults if isinstance(name, str)} if isinstance(defaults, list) else set()
    for key in sorted(after.keys() | before.keys() - _INTERNAL):
        place = f"{path}.{key}" if path else key
        if key not in before:
            if after[key] is not None:
                yield Difference(path=place, before=None, after=after[key])
        elif key not in after:
            if key in filled_in or before[key] is None:
                continue
            yield Difference(path=place, before=before[key], after=None) if certain else _Unclear(place)
        else:
            yield from _value(after[key], before[key], place, certain=certain)


def _value(after: Value, before: Value, path: str, *, certain: bool) -> Iterator[Difference | _Unclear]:
    if isinstance(before, Secret) or isinstance(after, Secret):
        yield from _secret(after, before, path)
    elif isinstance(after, Mapping) and isinstance(before, Mapping):
        if after.get(SIGNATURE) in (ASSET_SIGNATURE, ARCHIVE_SIGNATURE):
            yield from _asset(after, before, path)
        else:
            yield from _mapping(after, before, path, before.get(_DEFAULTS), certain=certain or _DEFAULTS in before)
    elif isinstance(after, list) and isinstance(before, list) and len(after) == len(before):
        for index, (new, old) in enumerate(zip(after, before, strict=True)):
            yield from _value(new, old, f"{path}[{index}]", certain=certain)
    elif not _equal(after, before):
        yield Difference(path=path, before=before, after=after)


def _secret(after: Value, before: Value, path: str) -> Iterator[Difference | _Unclear]:
    """Secrets are compared as a whole: a path inside one would say something about it."""
    if contains_unknown(before) or contains_unknown(after):
        yield _Unclear(path)
    elif reveal(after) != reveal(before):
        yield Difference(path=path, before=Secret(before), after=Secret(after))


def _asset(after: Mapping[str, Value], before: Mapping[str, Value], path: str) -> Iterator[Difference | _Unclear]:
    yield Difference(path=path, before=before, after=after)


def _identified(difference: Difference, folder: Path) -> Difference | _Unclear | None:
    """A difference of two assets or archives is one when their contents differ, wherever they lie."""
    before, after = difference.before, difference.after
    if not (_is_asset(before) and _is_asset(after)):
        return difference
    found = digest(after, folder)
    if found is not None and "hash" in before:
        return None if before["hash"] == found else difference
    if _without_digests(before) != _without_digests(after):
        return difference
    return None if set(before) <= {SIGNATURE, "text", "hash"} else _Unclear(difference.path)


def _without_digests(value: Value) -> Value:
    """An asset or archive as a program says it; some providers record no digest."""
    if not isinstance(value, Mapping):
        return reveal(value)
    kept = ((key, item) for key, item in value.items() if key != "hash" or SIGNATURE not in value)
    return {key: _without_digests(item) for key, item in kept if item is not None}


def _is_asset(value: Value) -> bool:
    return isinstance(value, Mapping) and value.get(SIGNATURE) in (ASSET_SIGNATURE, ARCHIVE_SIGNATURE)


def _settled(difference: Difference | _Unclear) -> Difference | _Unclear:
    """What is made up or unknown, and depends on nothing that moves, may well be what was recorded."""
    if isinstance(difference, _Unclear):
        return difference
    after = difference.after
    if difference.before is not None and (contains_unknown(after) or _has_placeholder(after)):
        return _Unclear(difference.path)
    return _Unclear(difference.path) if after is UNKNOWN else difference


def _depends_on_moving(resource: PlannedResource, path: str, moving: Collection[str]) -> bool:
    return any(urn in moving for urn in resource.property_dependencies.get(top_level(path), ()))


def _has_placeholder(value: Value) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_placeholder, value.values()))
    return any(map(_has_placeholder, value)) if isinstance(value, list) else is_placeholder(value)


def _equal(after: Value, before: Value) -> bool:
    return bool(after == before) and isinstance(after, bool) == isinstance(before, bool)


def _covers(ignored: str, path: str) -> bool:
    return ignored in ("*", path) or path.startswith((f"{ignored}.", f"{ignored}["))
