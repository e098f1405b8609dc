"""Compares a plan with what a deployment recorded, property by property."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.recorded import Recorded


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Every change, by URN."""

    changes: tuple[Change, ...] = field(default_factory=tuple)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind."""
        found = Counter(change.action for change in self.changes)
        return {action.value: found[action] for action in Action}

    def to_json(self) -> list[dict[str, Any]]:
        """The changes as they appear in the plan's JSON."""
        return [{"urn": change.urn, "action": change.action.value} for change in self.changes]


def compare(plan: Plan, recorded: Recorded) -> Plan:
    """`plan` with its difference to what was recorded."""
    changes = [Change(urn=resource.urn, action=_action(resource, recorded)) for resource in plan.resources]
    return replace(plan, diff=Diff(changes=tuple(sorted(changes, key=lambda change: change.urn))))


def _action(resource: PlannedResource, recorded: Recorded) -> Action:
    return Action.SAME if resource.urn in recorded.resources else Action.CREATE
