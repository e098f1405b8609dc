"""Reading the JSON of a plan, whoever wrote it: what is not there, or not of its kind, is empty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Entry: TypeAlias = Mapping[str, Any]


def listed(value: object) -> Sequence[Any]:
    """`value` where it is a list."""
    return value if isinstance(value, list | tuple) else ()


def mappings(value: object) -> list[Entry]:
    """The mappings in a list."""
    return [each for each in listed(value) if isinstance(each, Mapping)]


def mapped(value: object) -> Entry:
    """`value` where it is a mapping."""
    return value if isinstance(value, Mapping) else {}


def text(entry: Entry, key: str) -> str:
    """The text under `key`."""
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def short_type(token: str) -> str:
    """The token without the part that says its last one again: `aws:s3/Bucket` for `aws:s3/bucket:Bucket`."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    folder, slash, leaf = module.rpartition("/")
    if slash and leaf.lower() == name.lower():
        return f"{package}:{folder}/{name}"
    return token


def source_of(entry: Entry) -> str:
    """File and line that ask for a resource: `infra/endpoints/churn.yaml:4`."""
    source = mapped(entry.get("source"))
    file, line = text(source, "file"), source.get("line")
    return f"{file}:{line}" if file and line else file


def children(resources: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    """Resources by the URN of their parent; under "" those whose parent is the stack or not in the plan."""
    known = {text(resource, "urn") for resource in resources} - {""}
    grouped: dict[str, list[Entry]] = defaultdict(list)
    for resource in resources:
        parent = text(resource, "parent")
        grouped[parent if parent in known and parent != text(resource, "urn") else ""].append(resource)
    for group in grouped.values():
        group.sort(key=lambda resource: (text(resource, "type"), text(resource, "name")))
    return grouped
