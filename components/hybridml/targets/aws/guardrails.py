"""How a rollout becomes a guarded SageMaker update, and which rollouts SageMaker would not guard.

Where a guardrail does not apply SageMaker falls back to all at once, without rollback and without a word; those cases
are refused here. Sources: SageMaker developer guide, "Deployment guardrails"; SageMaker API, `DeploymentConfig`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybridml.targets.aws.machines import machine
from hybridml.targets.base import ALL_AT_ONCE, Refusal

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec
    from hybridml.spec.traffic import Rollout

LONGEST_STEP = 3600
"""Most seconds between two steps."""
SHORTEST_UPDATE = 600
"""Fewest seconds of `MaximumExecutionTimeoutInSeconds`."""
LONGEST_UPDATE = 28800
"""Most seconds of `MaximumExecutionTimeoutInSeconds`."""
START_SECONDS = 1800
"""What a new fleet may take to start, before its first step."""
TERMINATION_WAIT = 600
"""Seconds that the old fleet stays after the shift, to go back to."""
LARGEST_CANARY = 50
"""Most percent of a canary, and of a linear step."""
SMALLEST_LINEAR = 10
"""Fewest percent of a linear step."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A rollout in SageMaker's words."""

    strategy: str
    """`all-at-once`, `canary` or `linear`."""
    step_percent: int | None
    """Percent of the fleet per step."""
    step_interval: int | None
    """Seconds of each step."""
    termination_wait: int
    """Seconds that the old fleet stays."""
    timeout: int
    """Seconds that the update may take."""


def guard(rollout: Rollout) -> Guard:
    """The update that carries out `rollout`.

    One step of a canary is a canary; equal distances are linear steps. Blue-green moves everything at once and bakes
    while the old fleet waits; all-at-once does so without an alarm (`alarms.gates`), so that nothing rolls it back.
    """
    steps = rollout.steps
    wait = TERMINATION_WAIT if steps else min(rollout.bake.seconds, LONGEST_STEP)
    longest = START_SECONDS + wait + len(steps) * rollout.max_bake.seconds
    timeout = min(max(longest, SHORTEST_UPDATE), LONGEST_UPDATE)
    if not steps:
        return Guard(
            strategy="all-at-once", step_percent=None, step_interval=None, termination_wait=wait, timeout=timeout
        )
    return Guard(
        strategy="canary" if rollout.strategy == "canary" and len(steps) == 1 else "linear",
        step_percent=steps[0],
        step_interval=rollout.bake.seconds,
        termination_wait=wait,
        timeout=timeout,
    )


def deployment_refusals(spec: EndpointSpec, target: AwsTarget) -> Iterator[tuple[str, Refusal]]:
    """Every rollout that SageMaker would not carry out as written."""
    yield from _gates(spec)
    if spec.rollout.bake.seconds > LONGEST_STEP:
        yield "rollout.bake", Refusal(f"waits {LONGEST_STEP} s at most per step", "set rollout.bake to 1h or less")
    elif START_SECONDS + TERMINATION_WAIT + len(spec.rollout.steps) * spec.rollout.bake.seconds > LONGEST_UPDATE:
        reason = f"ends an update after {LONGEST_UPDATE} s, before {len(spec.rollout.steps)} steps have baked"
        yield "rollout.bake", Refusal(reason, "shorten rollout.bake, or take fewer steps")
    if spec.rollout.strategy == "all-at-once":
        return
    instance = spec.instance or target.instance
    if machine(instance).inf1:
        yield (
            "rollout.strategy",
            Refusal(
                f"falls back to all at once without rollback on {instance}, without a word",
                f"choose an inf2 instance, or {ALL_AT_ONCE}",
            ),
        )
    if spec.rollout.steps:
        yield from _steps(spec.rollout)


def _gates(spec: EndpointSpec) -> Iterator[tuple[str, Refusal]]:
    if spec.rollout.abort_on.worse_than_champion is not None:
        yield (
            "rollout.abort_on.worse_than_champion",
            Refusal(
                "has no alarm that compares two versions",
                "keep error_rate or p99_ms, and set worse_than_champion: null for this stack",
            ),
        )


def _steps(rollout: Rollout) -> Iterator[tuple[str, Refusal]]:
    steps = rollout.steps
    first = steps[0]
    if first > LARGEST_CANARY:
        yield "rollout.steps", Refusal(f"moves {LARGEST_CANARY} % per step at most", "begin with a smaller step")
    if len(steps) == 1 and rollout.strategy == "canary":
        return
    even = tuple(range(first, 100, first))
    if first < SMALLEST_LINEAR or steps != even:
        said = ", ".join(map(str, steps))
        yield (
            "rollout.steps",
            Refusal(
                f"has one canary step, or linear steps of equal size from {SMALLEST_LINEAR} %, not {said}",
                "set rollout.steps for this stack: [10], or [25, 50, 75]",
            ),
        )
    if START_SECONDS + TERMINATION_WAIT + len(steps) * rollout.bake.seconds > LONGEST_UPDATE:
        yield "rollout.bake", Refusal(f"ends an update after {LONGEST_UPDATE} s", "use fewer steps, or bake for less")
