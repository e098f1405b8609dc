"""What differs between the inputs of a planned resource and those a deployment recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridml.engine.drift import Difference
from hybridml.engine.plan import PlannedResource
from hybridml.engine.shapes import is_placeholder
from hybridml.engine.values import (
    ARCHIVE_SIGNATURE,
    ASSET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
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
_AUTONAMED = "pulumi.com/autonamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outcome for one resource."""

    differences: tuple[Difference, ...]
    unclear: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unclear:
    path: str


def compare_inputs(resource: PlannedResource, before: Mapping[str, Any], moving: Collection[str]) -> Comparison:
    """Compare property by property. `moving` are the URNs whose outputs will be others than recorded."""
    recorded = from_wire(dict(before.get("inputs") or {}))
    found: list[Difference] = []
    unclear: list[str] = []
    for raw in _properties(resource, recorded):
        if any(_covers(ignored, raw.path) for ignored in resource.options.ignore_changes):
            continue
        item = raw if _depends_on_moving(resource, raw.path, moving) else _settled(raw)
        if isinstance(item, Difference):
            found.append(item)
        else:
            unclear.append(item.path)
    return Comparison(differences=tuple(found), unclear=tuple(unclear))


def _properties(resource: PlannedResource, recorded: Value) -> Iterator[Difference | _Unclear]:
    ignored = _INTERNAL | (_PROVIDER_INTERNAL if resource.type.startswith("pulumi:providers:") else set())
    before = {key: value for key, value in recorded.items() if key not in ignored or key in resource.inputs}
    if resource.type.startswith("kubernetes:"):
        before = _without_autoname(before)
    bridged = _DEFAULTS in recorded
    yield from _mapping(resource.inputs, before, "", recorded.get(_DEFAULTS), certain=bridged or _whole(resource))


def _whole(resource: PlannedResource) -> bool:
    """Whether this type's provider records what a program wrote and adds nothing to it."""
    return resource.type.startswith("kubernetes:")


def _mapping(
    after: Mapping[str, Value], before: Mapping[str, Value], path: str, defaults: Any, *, certain: bool
) -> Iterator[Difference | _Unclear]:
    filled_in = set(defaults) if isinstance(defaults, list) else set()
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
    digest = _digest(after)
    if digest is None:
        keys = ("path", "uri", "text")
        if all(after.get(key) == before.get(key) for key in keys):
            yield _Unclear(path)
        else:
            yield Difference(path=path, before=before, after=after)
    elif before.get("hash") != digest:
        yield Difference(path=path, before=before, after=after)


def _digest(asset: Mapping[str, Value]) -> str | None:
    """The SHA-256 of a text or file asset; None for what cannot be read here."""
    if isinstance(asset.get("text"), str):
        return hashlib.sha256(asset["text"].encode()).hexdigest()
    file = Path(str(asset.get("path", "")))
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _settled(difference: Difference | _Unclear) -> Difference | _Unclear:
    """What is made up or unknown, and depends on nothing that moves, may well be what was recorded."""
    if isinstance(difference, _Unclear):
        return difference
    after = difference.after
    if difference.before is not None and (contains_unknown(after) or _has_placeholder(after)):
        return _Unclear(difference.path)
    return _Unclear(difference.path) if after is UNKNOWN else difference


def _depends_on_moving(resource: PlannedResource, path: str, moving: Collection[str]) -> bool:
    key = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
    return any(urn in moving for urn in resource.property_dependencies.get(key, ()))


def _has_placeholder(value: Value) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_placeholder, value.values()))
    return any(map(_has_placeholder, value)) if isinstance(value, list) else is_placeholder(value)


def _without_autoname(inputs: Mapping[str, Value]) -> dict[str, Value]:
    metadata = inputs.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(annotations, Mapping) or _AUTONAMED not in annotations:
        return dict(inputs)
    kept = {key: value for key, value in annotations.items() if key != _AUTONAMED}
    named = {key: value for key, value in metadata.items() if key not in ("name", "annotations")}
    return {**inputs, "metadata": {**named, **({"annotations": kept} if kept else {})}}


def _equal(after: Value, before: Value) -> bool:
    return bool(after == before) and isinstance(after, bool) == isinstance(before, bool)


def _covers(ignored: str, path: str) -> bool:
    return ignored in ("*", path) or path.startswith((f"{ignored}.", f"{ignored}["))
