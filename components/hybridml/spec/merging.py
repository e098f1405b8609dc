"""Lays values over each other: a stack over an endpoint's file, the engine's configuration over the stack's file,
the digests that training wrote over artifacts that have none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hybridml.spec.written import Path, Written, written

CONFIGURATION: Final = "configuration"
"""What messages call a value that only the engine's configuration has."""


def merged(base: Written, over: Written) -> Written:
    """`over` laid over `base`: mappings entry by entry, anything else replaced, and null takes an entry away.

    Source: RFC 7396, JSON Merge Patch, section 2; a value keeps the place where it was written.
    """
    if base.fields is None or over.fields is None:
        return over
    entries = dict(base.fields)
    for key, entry in over.fields.items():
        if entry.value is None:
            entries.pop(key, None)
        else:
            below = entries.get(key)
            entries[key] = merged(below, entry) if below is not None else without_nulls(entry)
    return base.with_entries(entries)


def without_nulls(value: Written) -> Written:
    """`value` without the entries that are null; there is nothing below them to take away."""
    if value.fields is None:
        return value
    entries = {key: without_nulls(entry) for key, entry in value.fields.items() if entry.value is not None}
    return value.with_entries(entries)


def reconciled(file: Written, value: object, path: Path) -> Written:
    """`value`, as the engine's configuration has it, with the places of `file` wherever the two agree."""
    if file.encrypted:
        return replace(written(value, file=file.file, path=path), line=file.line, secret=True)
    if isinstance(value, Mapping) and file.fields is not None:
        nulls = {key: entry for key, entry in file.fields.items() if entry.value is None}  # an engine may drop them
        entries = {str(key): _beside(file, str(key), entry, (*path, str(key))) for key, entry in value.items()}
        return file.with_entries(nulls | entries)
    if isinstance(value, list | tuple) and file.items is not None:
        items = [_beside(file, index, item, (*path, index)) for index, item in enumerate(value)]
        return replace(file, value=items)
    return file if _same(file.value, value) else written(value, file=CONFIGURATION, path=path)


def _beside(file: Written, key: str | int, value: object, path: Path) -> Written:
    below = file.child(key)
    return reconciled(below, value, path) if below is not None else written(value, file=CONFIGURATION, path=path)


def _same(one: object, other: object) -> bool:
    """Whether two scalars agree; configuration travels as text, so the file knows the type better."""
    return _text(one) == _text(other) if isinstance(one, str | int | float | bool | None) else False


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def decrypted(value: Written) -> tuple[Written, list[Written]]:
    """`value` without the entries that are still encrypted, and those entries."""
    if value.fields is None:
        return value, []
    sealed = [entry for entry in value.fields.values() if entry.encrypted]
    entries: dict[str, Written] = {}
    for key, entry in value.fields.items():
        if not entry.encrypted:
            entries[key], below = decrypted(entry)
            sealed += below
    return value.with_entries(entries), sealed


def structured(value: object, *, scalar: bool) -> object:
    """`value` of one configuration key: text, which for anything but a `scalar` is JSON, or the value itself."""
    if scalar or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def with_digests(endpoint: Written, digests: Written | None) -> Written:
    """`endpoint`, where an artifact is a path of this project and has no digest, with the one in `digests`.

    `digests` maps version to {sha256: …}. An artifact elsewhere is not the one that training wrote here.
    """
    versions = endpoint.child("versions")
    if digests is None or versions is None or versions.fields is None:
        return endpoint
    entries = {name: _with_digest(version, digests.child(name)) for name, version in versions.fields.items()}
    return endpoint.with_entries({**(endpoint.fields or {}), "versions": versions.with_entries(entries)})


def _with_digest(version: Written, known: Written | None) -> Written:
    artifact = version.child("artifact")
    digest = known.child("sha256") if known is not None else None
    if artifact is None or artifact.fields is None or digest is None:
        return version
    uri, pinned = artifact.child("uri"), artifact.child("sha256")
    if uri is None or ":" in str(uri.value) or (pinned is not None and pinned.value is not None):
        return version
    filled = artifact.with_entries({**artifact.fields, "sha256": digest})
    return version.with_entries({**(version.fields or {}), "artifact": filled})
