"""What is deployed of a stack, as the state of whichever engine holds it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridml.cli.options import Engine
from hybridml.cli.place import Place
from hybridml.engine import state, values
from hybridml.errors import HybridMLError, StateError

STACK_TYPE = "pulumi:pulumi:Stack"
ENDPOINTS = "endpoints"
"""The output under which a program exports its endpoints."""


@dataclass(frozen=True)
class Deployed:
    """The resources of a stack as they were last known. Secrets stay closed."""

    engine: Engine
    resources: tuple[Mapping[str, Any], ...]

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What the stack exports."""
        return next((entry.get("outputs") or {} for entry in self.resources if entry["type"] == STACK_TYPE), {})

    @property
    def shown_outputs(self) -> Mapping[str, Any]:
        """What the stack exports, as it may be shown: a secret is `[secret]`."""
        shown: Mapping[str, Any] = values.to_json(self.outputs)
        return shown

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """The endpoints that the stack exports, by name."""
        found = self.outputs.get(ENDPOINTS)
        return found if isinstance(found, Mapping) else {}

    def of_type(self, token: str) -> list[Mapping[str, Any]]:
        """The living resources of that type, in order of their names."""
        return sorted(
            (r for r in self.resources if r["type"] == token and not r.get("delete")), key=lambda r: str(r["urn"])
        )


def pulumi_state(place: Place, stack: str) -> Path:
    """Where Pulumi keeps its state of a stack of this machine."""
    folder = place.state_folder(stack) / "pulumi" / ".pulumi" / "stacks"
    return folder / place.project.name / f"{stack}.json"


def find(place: Place, stack: str) -> Deployed | None:
    """What this machine holds of the stack; None when it holds nothing."""
    embedded = state.read_document(place.state_folder(stack) / state.FILE)
    if embedded and embedded["deployment"].get("resources"):
        return _deployed(Engine.EMBEDDED, embedded["deployment"])
    return _in_pulumi(pulumi_state(place, stack))


def require(place: Place, stack: str) -> Deployed:
    """What this machine holds of the stack. Errors: `HybridMLError` when it holds nothing."""
    found = find(place, stack)
    if found is None:
        raise HybridMLError(f"The stack {stack} is not deployed from here. Deploy it: hybridml up -s {stack}")
    return found


def held_by(place: Place, stack: str) -> Engine | None:
    """The engine whose state of the stack is not empty."""
    if state.exists(place.state_folder(stack)):
        return Engine.EMBEDDED
    return Engine.PULUMI if _in_pulumi(pulumi_state(place, stack)) else None


def _in_pulumi(path: Path) -> Deployed | None:
    if not path.exists():
        return None
    try:
        latest = json.loads(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {}
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} cannot be read: {error!r}. Its copies lie in backups/ beside it.") from error
    return _deployed(Engine.PULUMI, latest) if latest.get("resources") else None


def _deployed(engine: Engine, deployment: Mapping[str, Any]) -> Deployed:
    opened = (values.from_wire(entry) for entry in deployment["resources"])
    return Deployed(engine, tuple(opened))
