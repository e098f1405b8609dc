"""Plans of the small programs in `tests/engine/programs` and of programs written by a test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.program import plan

PROGRAMS = Path(__file__).parents[1] / "programs"


class PlanProgram(Protocol):
    """Plans a program by its folder's name."""

    def __call__(self, name: str, **options: Any) -> Plan: ...


class Write(Protocol):
    """Writes a program and gives its project's folder."""

    def __call__(self, text: str, *, settings: str = "", stack: str = "") -> Path: ...


@pytest.fixture
def planned() -> PlanProgram:
    """Plan one of the programs in `tests/engine/programs` for the stack `dev`."""
    return lambda name, **options: plan(PROGRAMS / name, "dev", log=lambda *_: None, **options)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a program of one file; `settings` go into Pulumi.yaml, `stack` is the file of the stack `dev`."""

    def make(text: str, *, settings: str = "", stack: str = "") -> Path:
        (tmp_path / "__main__.py").write_text(textwrap.dedent(text))
        runtime = "" if "runtime:" in settings else "runtime: python\n"
        (tmp_path / "Pulumi.yaml").write_text(f"name: written\n{runtime}{textwrap.dedent(settings)}")
        if stack:
            (tmp_path / "Pulumi.dev.yaml").write_text(textwrap.dedent(stack))
        return tmp_path

    return make


@pytest.fixture
def named() -> Callable[[Plan, str], PlannedResource]:
    """The one resource of a plan with a logical name."""

    def find(made: Plan, name: str) -> PlannedResource:
        (found,) = [resource for resource in made.resources if resource.name == name]
        return found

    return find


def state_of(made: Plan, changed: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The deployment that applying `made` would record; `changed` has other inputs by logical name."""
    stack = f"urn:pulumi:{made.stack}::{made.project}::pulumi:pulumi:Stack::{made.project}-{made.stack}"
    resources: list[dict[str, Any]] = [{"urn": stack, "type": "pulumi:pulumi:Stack", "custom": False}]
    for resource in made.resources:
        inputs = {**resource.inputs, **(changed or {}).get(resource.name, {})}
        resources.append(
            {
                "urn": resource.urn,
                "type": resource.type,
                "custom": resource.custom,
                "id": f"real-{resource.name}" if resource.custom else "",
                "parent": resource.parent,
                "inputs": {key: value for key, value in inputs.items() if value is not None},
                "outputs": {**inputs, "arn": f"arn:aws:real::111122223333:{resource.name}"},
            }
        )
    return {"version": 3, "deployment": {"resources": resources}}
