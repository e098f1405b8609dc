"""Compares a plan with what a deployment recorded, property by property.

A provider may have changed what a program wrote (names it made up, defaults it filled in), and it alone knows which
change replaces a resource. So nothing is claimed that is not certain: what cannot be told is listed as unclear, an
update of a resource whose rules are not known here says that it may replace, and a replacement is claimed only where
the program or the type itself leaves no doubt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from hybridml.engine.comparison import Comparison, KnownTypes, compare_inputs
from hybridml.engine.drift import Difference
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.recorded import Recorded

STACK = "pulumi:pulumi:Stack"
_PROVIDERS = "pulumi:providers:"

_METADATA = ("metadata.name", "metadata.namespace", "apiVersion", "kind")
_KUBERNETES_IMMUTABLE: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.selector", "spec.template", "spec.completionMode"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeMode", "spec.selector"),
    "ReplicaSet": ("spec.selector",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}
"""Fields that the Kubernetes API refuses to change (API reference, v1.36: each kind's validation on update)."""


class Action(StrEnum):
    """What would be done to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would be done to one resource."""

    urn: str
    action: Action
    previous: str = ""
    """URN under which the resource is recorded, when an alias found it."""
    properties: tuple[Difference, ...] = ()
    """What differs for certain."""
    unclear: tuple[str, ...] = ()
    """Property paths of which nobody here can tell whether they differ."""
    may_replace: bool = False
    """Of an update: the provider may decide to replace."""

    def to_json(self) -> dict[str, Any]:
        """The change as it appears in the plan's JSON."""
        return {
            "urn": self.urn,
            "action": self.action.value,
            "previous": self.previous,
            "properties": [difference.to_json() for difference in self.properties],
            "unclear": list(self.unclear),
            "mayReplace": self.may_replace,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Every resource of the plan and of the state with what would be done to it, sorted by URN."""

    changes: tuple[Change, ...] = field(default_factory=tuple)

    @property
    def counts(self) -> dict[str, int]:
        """How many resources there are for each action."""
        found = Counter(change.action for change in self.changes)
        return {action.value: found[action] for action in Action}

    def to_json(self) -> list[dict[str, Any]]:
        """The changes as they appear in the plan's JSON; what stays the same is only counted."""
        return [change.to_json() for change in self.changes if change.action is not Action.SAME or change.unclear]


def compare(plan: Plan, recorded: Recorded, known_types: KnownTypes | None = None, *, folder: Path) -> Plan:
    """`plan` with its difference to what was recorded. `folder` is the program's."""
    return replace(plan, diff=_Comparer(recorded, known_types or {}, folder).diff(plan))


class _Comparer:
    def __init__(self, recorded: Recorded, known_types: KnownTypes, folder: Path) -> None:
        self._recorded = recorded
        self._folder = folder
        self._known_types = known_types
        self._moving: set[str] = set()
        """URNs whose outputs will be others than recorded: created and replaced ones."""

    def diff(self, plan: Plan) -> Diff:
        changes, kept = [], set()
        for resource in plan.resources:
            change = self._change(resource)
            if change.action in (Action.CREATE, Action.REPLACE):
                self._moving.add(resource.urn)
            kept |= {resource.urn, change.previous}
            changes.append(change)
        changes += [Change(urn=urn, action=Action.DELETE) for urn in self._gone(plan, kept)]
        return Diff(changes=tuple(sorted(changes, key=lambda change: change.urn)))

    def _change(self, resource: PlannedResource) -> Change:
        before = self._recorded.resource(resource.urn, resource.options.aliases)
        if before is None:
            return Change(urn=resource.urn, action=Action.SAME if resource.external else Action.CREATE)
        previous = "" if before["urn"] == resource.urn else str(before["urn"])
        if resource.external or resource.remote or resource.type == STACK:
            return Change(urn=resource.urn, action=Action.SAME, previous=previous)
        rules = self._known_types.get(resource.type)
        found = compare_inputs(resource, before, self._moving, self._folder, rules)
        action, may_replace = self._action(resource, before, found)
        return Change(
            urn=resource.urn,
            action=action,
            previous=previous,
            properties=found.differences,
            unclear=found.unclear,
            may_replace=may_replace,
        )

    def _action(self, resource: PlannedResource, before: Mapping[str, Any], found: Comparison) -> tuple[Action, bool]:
        if before["type"] != resource.type:
            return Action.UPDATE, resource.custom
        if before.get("taint"):
            return Action.REPLACE, False
        if not resource.custom:
            return (Action.UPDATE if found.differences else Action.SAME), False
        if not found.differences:
            return (Action.UPDATE if before.get("initErrors") else Action.SAME), False
        paths = [difference.path for difference in found.differences]
        rules = self._rules(resource.type)
        if _touches(paths, (*resource.options.replace_on_changes, *(rules or ()))):
            return Action.REPLACE, False
        return Action.UPDATE, rules is None

    def _rules(self, type_: str) -> Collection[str] | None:
        """The properties that replace; None when the type's rules are not known here."""
        if type_ in self._known_types:
            return self._known_types[type_].replaces
        if not type_.startswith("kubernetes:"):
            return None
        immutable = _KUBERNETES_IMMUTABLE.get(type_.rpartition(":")[2])
        return (*_METADATA, *immutable) if immutable else None

    def _gone(self, plan: Plan, kept: Iterable[str]) -> list[str]:
        """What is recorded and planned no more; what is out of sight is not gone."""
        kept = set(kept)
        opaque = {resource.urn for resource in plan.resources if resource.remote}
        return [
            urn
            for urn, resource in self._recorded.resources.items()
            if urn not in kept and _managed(resource) and not self._below(resource, opaque)
        ]

    def _below(self, resource: Mapping[str, Any], opaque: set[str]) -> bool:
        parent, seen = str(resource.get("parent", "")), set[str]()
        while parent and parent not in opaque and parent not in seen:  # a damaged state may hold a circle
            seen.add(parent)
            parent = str(self._recorded.resources.get(parent, {}).get("parent", ""))
        return parent in opaque


def _managed(resource: Mapping[str, Any]) -> bool:
    """Whether a program says that it exists: no stack, default provider, view of another or thing that is only read."""
    type_, name = str(resource["type"]), str(resource["urn"]).rpartition("::")[2]
    default_provider = type_.startswith(_PROVIDERS) and name.startswith("default")
    return not (type_ == STACK or default_provider or resource.get("external") or resource.get("viewOf"))


def _touches(paths: Iterable[str], rules: Collection[str]) -> bool:
    return "*" in rules or any(_within(path, rule) or _within(rule, path) for path in paths for rule in rules)


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))
