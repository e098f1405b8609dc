"""The fixtures of every rule: `fixtures/<rule>/<verdict>[-what].yaml`, a few resources and the verdict they deserve.

A resource names its type, its name and its inputs; `dependsOn` lists names, with `@type` where a name is not enough.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from hybridml_policies import ALL, Kind, Level, Profile, Rule
from hybridml_policies.stack import Stack
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "fixtures"
VERDICTS = ("not-applicable", "pass", "fail", "unknown", "waived")
TODAY = date(2026, 11, 20)
STRICT = Profile("strict", "Everything holds.", Level.MANDATORY, {})


@dataclass(frozen=True)
class Case:
    """One fixture."""

    rule: Rule
    name: str
    resources: tuple[dict[str, Any], ...]
    waiver: Mapping[str, str] | None

    @property
    def kind(self) -> Kind:
        """The verdict that every resource the rule is about deserves; a waived case breaks the rule."""
        verdict = next(verdict for verdict in VERDICTS if self.name == verdict or self.name.startswith(f"{verdict}-"))
        return Kind.FAIL if verdict == "waived" else Kind(verdict)

    @property
    def plan(self) -> dict[str, Any]:
        """The resources as a plan's JSON."""
        return plan_of(self.resources)

    def verdicts(self) -> list[tuple[str, Kind, str]]:
        """Name, verdict and reason of every resource that the rule is about."""
        return verdicts(self.rule, self.resources)

    def __str__(self) -> str:
        return f"{self.rule.id}-{self.name}"


def plan_of(resources: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A plan's JSON with these resources."""
    return {"version": 1, "project": "acme", "stack": "prod", "resources": list(resources), "outputs": {}, "notes": []}


def verdicts(rule: Rule, resources: tuple[dict[str, Any], ...]) -> list[tuple[str, Kind, str]]:
    """What the rule says of every resource that it is about."""
    stack = Stack(resources)
    answers = [(resource["name"], rule(resource, stack)) for resource in stack.of(rule.types)]
    return [(name, answer.kind, answer.reason) for name, answer in answers]


@cache
def cases(verdict: str = "") -> tuple[Case, ...]:
    """Every fixture, or those that begin with `verdict`."""
    return tuple(case for case in _read_all() if case.name.split(".")[0].startswith(verdict))


def cases_of(rule_id: str, verdict: str = "") -> tuple[Case, ...]:
    """The fixtures of one rule."""
    return tuple(case for case in cases(verdict) if case.rule.id == rule_id)


def _read_all() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*/*.yaml")):
        document = YAML(typ="safe").load(path)
        resources = tuple(resource(**entry) for entry in document["resources"])
        yield Case(ALL[path.parent.name], path.stem, _linked(resources), document.get("waiver"))


def resource(
    type: str,
    name: str,
    inputs: dict[str, Any],
    dependsOn: list[str] | None = None,  # noqa: N803 - the key of the fixture
    outputs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An entry of a plan's JSON."""
    return {
        "urn": f"urn:pulumi:prod::acme::{type}::{name}",
        "type": type,
        "name": name,
        "parent": "",
        "custom": True,
        "inputs": inputs,
        "outputs": outputs or {},
        "dependsOn": dependsOn or [],
        "provider": "",
        "options": {},
        "source": {"file": "infra/__main__.py", "line": 12},
    }


def _linked(resources: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    def urn(reference: str) -> str:
        name, _, token = reference.partition("@")
        (found,) = {r["urn"] for r in resources if r["name"] == name and (not token or r["type"] == token)}
        return str(found)

    return tuple(r | {"dependsOn": [urn(reference) for reference in r["dependsOn"]]} for r in resources)


def changed(case: Case, index: int, path: tuple[str | int, ...], value: object) -> tuple[dict[str, Any], ...]:
    """The resources with another value at `path` of the inputs of one of them; `REMOVED` takes it away."""
    resources = copy.deepcopy(case.resources)
    place: Any = resources[index]["inputs"]
    for step in path[:-1]:
        place = place[step]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return resources


REMOVED = object()
