"""Plans an endpoint on a target, offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine.program import plan as plan_program
from hybridml.errors import ConfigurationError
from targets.planned import SPEC, TARGETS, Planned, PlanOf, merged

PROGRAM = Path(__file__).parent / "program"


@pytest.fixture
def plan() -> Callable[..., PlanOf]:
    """Plans endpoint `churn` on a target of `kind`; `spec` and `target` are laid over the ones of `planned`."""

    def planned(
        kind: str,
        spec: Mapping[str, Any] | None = None,
        target: Mapping[str, Any] | None = None,
        environment: str = "prod",
        name: str = "churn",
    ) -> PlanOf:
        return _planned(name, merged(SPEC, spec or {}), merged(TARGETS[kind], target or {}), environment)

    return planned


@pytest.fixture
def plan_exactly() -> Callable[[str, Mapping[str, Any]], PlanOf]:
    """Plans an endpoint that is written out whole on the target of `planned`."""
    return lambda kind, spec: _planned("churn", spec, TARGETS[kind], "prod")


def _planned(name: str, spec: Mapping[str, Any], target: Mapping[str, Any], environment: str) -> PlanOf:
    case = {"name": name, "spec": dict(spec), "target": dict(target), "environment": environment}
    made = plan_program(PROGRAM, "prod", environment={"CASE": json.dumps(case)})
    return PlanOf(tuple(Planned(each) for each in made.to_json()["resources"]), made.dumps())


@pytest.fixture
def refused(plan: Callable[..., PlanOf]) -> Callable[..., dict[str, str]]:
    """What planning refuses: path of the value, without the endpoint's name, to message and way out."""

    def refuse(*args: Any, **kwargs: Any) -> dict[str, str]:
        with pytest.raises(ConfigurationError) as caught:
            plan(*args, **kwargs)
        return {each.path.removeprefix("churn."): f"{each.message}; {each.fix}" for each in caught.value.problems}

    return refuse
