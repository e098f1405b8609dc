"""What a program would do: an immutable record of every resource it registers, and its JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hybridml.engine.monitor import Options, Source
from hybridml.engine.values import Properties, to_json

if TYPE_CHECKING:
    from hybridml.engine.diff import Diff

VERSION = 1
"""Version of the plan's JSON; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResource:
    """One resource of a plan."""

    urn: str
    type: str
    """Token: `aws:s3/bucket:Bucket`."""
    name: str
    parent: str
    """URN of the parent; empty for the stack."""
    custom: bool
    """Managed by a provider; otherwise a component."""
    remote: bool = False
    """A component that another package's plugin constructs: its children and outputs are out of sight."""
    external: bool = False
    """Looked up by id rather than managed (`Bucket.get`)."""
    id: str = ""
    """A placeholder, or the id given or recorded."""
    inputs: Properties
    outputs: Properties = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    """URNs, sorted."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str = ""
    """Provider reference `URN::ID`; empty for the package's default provider."""
    options: Options = field(default_factory=Options)
    source: Source | None = None

    def to_json(self) -> dict[str, Any]:
        """The resource as it appears in the plan's JSON."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "parent": self.parent,
            "custom": self.custom,
            "remote": self.remote,
            "external": self.external,
            "inputs": to_json(self.inputs),
            "outputs": to_json(self.outputs),
            "dependsOn": list(self.dependencies),
            "provider": self.provider,
            "options": options_json(self.options),
            "source": {"file": self.source.file, "line": self.source.line} if self.source else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """Something the plan could not see or had to assume, for whoever judges it."""

    subject: str
    """URN of a resource or token of a function."""
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a program would do, in the order in which it registered it."""

    project: str
    stack: str
    resources: tuple[PlannedResource, ...]
    """Without the stack itself."""
    outputs: Properties = field(default_factory=dict)
    """What the stack exports."""
    notes: tuple[Note, ...] = ()
    """What could not be seen, sorted."""
    diff: Diff | None = None
    """Against a state, when one was given."""

    @cached_property
    def by_urn(self) -> Mapping[str, PlannedResource]:
        """The resources by URN."""
        return {resource.urn: resource for resource in self.resources}

    def to_json(self) -> dict[str, Any]:
        """The stable, documented JSON: same program and configuration, same bytes. Secrets are `[secret]`."""
        return {
            "version": VERSION,
            "project": self.project,
            "stack": self.stack,
            "resources": [r.to_json() for r in sorted(self.resources, key=lambda r: r.urn)],
            "outputs": to_json(self.outputs),
            "diff": self.diff.to_json() if self.diff else None,
            "notes": [{"subject": note.subject, "message": note.message} for note in self.notes],
            "summary": self.summary,
        }

    def dumps(self) -> str:
        """The JSON as text, indented, with a final newline."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """How many resources there are, by type, and how many changes by kind when a state was given."""
        types = Counter(r.type for r in self.resources)
        changes = {"changes": self.diff.counts} if self.diff else {}
        return {"resources": len(self.resources), "types": dict(sorted(types.items())), **changes}


def options_json(options: Options) -> dict[str, Any]:
    """The options that say something, by their camelCase names."""
    shown = {}
    for item in fields(options):
        value = getattr(options, item.name)
        if value not in (None, "", (), {}, False) or (item.name == "delete_before_replace" and value is not None):
            shown[_camel(item.name)] = to_json(value)
    return shown


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
