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
    """Plans endpoint `churn` on a target of `kind`; `spec` and `target` are laid over the ones above."""

    def planned(
        kind: str,
        spec: Mapping[str, Any] | None = None,
        target: Mapping[str, Any] | None = None,
        environment: str = "prod",
        name: str = "churn",
    ) -> PlanOf:
        case = {
            "name": name,
            "spec": merged(SPEC, spec or {}),
            "target": merged(TARGETS[kind], target or {}),
            "environment": environment,
        }
        made = plan_program(PROGRAM, "prod", environment={"CASE": json.dumps(case)})
        return PlanOf(tuple(Planned(each) for each in made.to_json()["resources"]), made.dumps())

    return planned


@pytest.fixture
def refused(plan: Callable[..., PlanOf]) -> Callable[..., dict[str, str]]:
    """What planning refuses: path of the value, without the endpoint's name, to message and way out."""

    def refuse(*args: Any, **kwargs: Any) -> dict[str, str]:
        with pytest.raises(ConfigurationError) as caught:
            plan(*args, **kwargs)
        return {each.path.removeprefix("churn."): f"{each.message}; {each.fix}" for each in caught.value.problems}

    return refuse
