"""The plan of one rollout: steps, times, gates, and the confidence of its verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Self

from hybridml.spec.vocabulary import Strategy

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.spec.traffic import Rollout

CONFIDENCE: Final = 0.95
"""Confidence of the absolute gates where no comparison states one."""
_PAST_ALL: Final = math.nextafter(100.0, math.inf)


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What ends a rollout; None switches a gate off."""

    error_rate: float | None = None
    """Share of failed requests, 0 to 1, that the new version must not exceed."""
    p99_ms: float | None = None
    """99th percentile of the latency, in milliseconds, that it must not exceed."""
    worse_than_champion: float | None = None
    """Confidence, above 0.5 and below 1, at which it must not be worse than the version in charge."""


@dataclass(frozen=True, kw_only=True)
class RolloutPlan:
    """Steps, times and gates. JSON holds it through `to_mapping` and `from_mapping`.

    Errors: `ValueError` for numbers that are no plan, such as steps that do not ascend.
    """

    strategy: Strategy
    """`canary`, `linear`, `blue-green` or `all-at-once`."""
    steps: tuple[float, ...]
    """Percent of the variant's own weight, ascending; 100 only for blue-green, none for all-at-once."""
    interval: float
    """Seconds between two looks at the gates."""
    bake: float
    """Seconds that a step lasts at least."""
    max_bake: float
    """Seconds after which a step that is not passed is given up."""
    min_requests: int
    """Requests that the new version must have answered in a step before the step is judged."""
    gates: Gates
    """What ends the rollout."""
    confidence: float = CONFIDENCE
    """Confidence of every verdict, for all looks, steps and comparisons of the rollout together."""

    def __post_init__(self) -> None:
        if not all(before < after for before, after in pairwise((0.0, *self.steps, _PAST_ALL))):
            raise ValueError(f"steps {self.steps} do not ascend within 0 and 100")
        if not (self.interval > 0 and 0 <= self.bake <= self.max_bake and self.min_requests >= 0):
            raise ValueError(f"interval {self.interval}, bake {self.bake}, max_bake {self.max_bake} are no times")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence} is not between 0 and 1")

    @classmethod
    def asked(cls, endpoint: EndpointSpec) -> Self:
        """The plan that `endpoint` asks for. A rollout that nobody wrote takes over all at once, without gates."""
        plan = cls.of(endpoint.rollout)
        written = "rollout" in endpoint.model_fields_set
        return plan if written else replace(plan, strategy=Strategy.ALL_AT_ONCE, steps=(), gates=Gates())

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        """The plan that carries out `rollout`, defaults included."""
        asked, gated = rollout.abort_on, rollout.strategy is not Strategy.ALL_AT_ONCE
        gates = Gates(error_rate=asked.error_rate, p99_ms=asked.p99_ms, worse_than_champion=asked.worse_than_champion)
        blue_green = rollout.strategy is Strategy.BLUE_GREEN
        return cls(
            strategy=rollout.strategy,
            steps=(100.0,) if blue_green else tuple(float(step) for step in rollout.steps),
            interval=float(rollout.interval.seconds),
            bake=float(rollout.bake.seconds),
            max_bake=float(rollout.max_bake.seconds),
            min_requests=rollout.min_requests,
            gates=gates if gated else Gates(),
            confidence=asked.worse_than_champion or CONFIDENCE,
        )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """The plan that `to_mapping` wrote. Errors: `KeyError`, `TypeError` or `ValueError` for anything else."""
        known = dict(mapping)
        known["strategy"] = Strategy(known["strategy"])
        known["steps"] = tuple(float(step) for step in known["steps"])
        known["gates"] = Gates(**known["gates"])
        return cls(**known)

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        return {**asdict(self), "strategy": str(self.strategy), "steps": list(self.steps)}
