"""How requests reach versions: variants, routes, shadow and rollouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.scalars import (
    Confidence,
    Duration,
    HeaderName,
    HeaderValue,
    Natural,
    Positive,
    Ratio,
    Sample,
    Step,
    VersionName,
    Weight,
)
from hybridml.spec.vocabulary import Strategy


class Variant(Part):
    """A share of the traffic and the version that answers it."""

    version: VersionName = Field(description="One of the versions. Changing it starts a rollout.")
    weight: Weight = Field(
        100, description="Percent of the requests that no route takes, 0 to 100. All variants together have 100."
    )


class HeaderRoute(Part):
    """Requests with these headers go to one version, whatever the weights say."""

    header: Mapping[HeaderName, HeaderValue] = Field(
        min_length=1, max_length=8, description="Names and exact values; all of them must match."
    )
    version: VersionName = Field(description="One of the versions.")


class Shadow(Part):
    """A version that gets copies of requests; nobody sees its answers."""

    version: VersionName = Field(description="One of the versions.")
    sample: Sample = Field(100, description="Percent of the requests that are copied, more than 0, at most 100.")


class Traffic(Part):
    """Which version answers which request."""

    champion: Variant = Field(description="The version in charge.")
    challenger: Variant | None = Field(None, description="The version that is compared with it.")
    routes: tuple[HeaderRoute, ...] = Field(
        (), max_length=32, description="Routes by header; the first that matches wins."
    )
    shadow: Shadow | None = Field(None, description="The version that is tried on copies.")

    @property
    def variants(self) -> Mapping[str, Variant]:
        """Champion, and challenger where there is one, by name."""
        return {"champion": self.champion} | ({"challenger": self.challenger} if self.challenger else {})

    def references(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Path and version of every place that names one."""
        for name, variant in self.variants.items():
            yield (name, "version"), variant.version
        for index, route in enumerate(self.routes):
            yield ("routes", index, "version"), route.version
        if self.shadow:
            yield ("shadow", "version"), self.shadow.version

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_traffic_findings(self))
        return self


def _traffic_findings(traffic: Traffic) -> Iterator[Finding]:
    weights = {name: variant.weight for name, variant in traffic.variants.items()}
    total = sum(weights.values())
    if total != 100:  # noqa: PLR2004 - percent
        said = " + ".join(f"{name} {weight}" for name, weight in weights.items())
        yield Finding(
            path=("champion", "weight"), message=f"weights sum to {total}, not 100: {said}", fix="make them sum to 100"
        )
    if traffic.challenger and traffic.challenger.version == traffic.champion.version:
        yield Finding(
            path=("challenger", "version"),
            message=f"champion and challenger are both version {traffic.champion.version!r}",
            fix="give the challenger another version, or remove it",
        )
    matches = Counter(tuple(sorted(route.header.items())) for route in traffic.routes)
    for index, route in enumerate(traffic.routes):
        if matches[tuple(sorted(route.header.items()))] > 1:
            names = ", ".join(sorted(route.header))
            yield Finding(
                path=("routes", index, "header"),
                message=f"two routes match the same values of {names}",
                fix="keep one of them",
            )


class AbortOn(Part):
    """What ends a rollout and restores the old version."""

    error_rate: Ratio | None = Field(0.01, description="Share of failed requests, 0 to 1.")
    p99_ms: Positive | None = Field(None, le=3_600_000, description="99th percentile of the latency, in milliseconds.")
    worse_than_champion: Confidence | None = Field(
        None,
        description="Confidence, above 0.5 and below 1, such as 0.95: end the rollout once the new version shows at "
        "this confidence more failures than the champion, or a median or p99 latency beyond 1.25 times the champion's. "
        "It holds for the whole rollout, all looks and steps together, and for the other gates too.",
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.error_rate is None and self.p99_ms is None and self.worse_than_champion is None:
            refuse(
                [Finding(path=(), message="no gate is left, so nothing would ever roll back", fix="keep one of them")]
            )
        return self


_STEPS: Mapping[object, tuple[int, ...]] = {
    Strategy.CANARY: (5, 25, 50),
    Strategy.LINEAR: tuple(range(10, 100, 10)),
}
"""Steps of a strategy where nobody wrote any."""


class Rollout(Part):
    """How a changed version takes over the traffic of its variant."""

    strategy: Strategy = Field(
        Strategy.CANARY,
        description="`canary`: step by step. `linear`: in equal steps. `blue-green`: everything at once, with a way "
        "back to the old version for `bake`. `all-at-once`: everything at once after the new version is healthy, and "
        "no gates.",
    )
    steps: tuple[Step, ...] = Field(
        default_factory=lambda data: _STEPS.get(data.get("strategy"), ()),
        max_length=20,
        description="Percent of the variant's own weight, 1 to 99, ascending, for linear in equal distances; 100 "
        "follows. When left out, 5, 25, 50 for canary, 10, 20, …, 90 for linear and none for the others.",
    )
    interval: Duration = Field(Duration("30s"), description="Time between two looks at the gates.")
    bake: Duration = Field(Duration("10m"), description="How long each step lasts.")
    max_bake: Duration = Field(
        Duration("30m"), description="When a step is given up that has not passed its gates and min_requests."
    )
    min_requests: Natural = Field(
        200, le=1_000_000_000, description="Requests that the new version must have answered before a step is judged."
    )
    abort_on: AbortOn = Field(AbortOn(), description="The gates.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_rollout_findings(self))
        return self


def _rollout_findings(rollout: Rollout) -> Iterator[Finding]:
    yield from _strategy_findings(rollout)
    for index, (before, after) in enumerate(pairwise(rollout.steps), start=1):
        if after <= before:
            yield Finding(
                path=("steps", index), message=f"{after} does not follow {before}", fix="write steps in ascending order"
            )
    for shorter, longer in (("interval", "bake"), ("bake", "max_bake")):
        first, second = getattr(rollout, shorter), getattr(rollout, longer)
        if first.seconds > second.seconds:
            yield Finding(
                path=(shorter,), message=f"{shorter} {first} is longer than {longer} {second}", fix=f"shorten {shorter}"
            )


def _strategy_findings(rollout: Rollout) -> Iterator[Finding]:
    """What a strategy has, and what it cannot have."""
    strategy, steps = rollout.strategy, rollout.steps
    if strategy in _STEPS and not steps:
        yield Finding(path=("steps",), message=f"{strategy} has steps", fix="add steps, or set strategy: all-at-once")
    if strategy not in _STEPS and steps:
        yield Finding(
            path=("steps",),
            message=f"{strategy} has no steps",
            fix="remove steps (`steps: null` in a stack), or set strategy: canary",
        )
    if strategy is Strategy.LINEAR and steps and steps != tuple(range(steps[0], 100, steps[0])):
        yield Finding(
            path=("steps",),
            message=f"{', '.join(map(str, steps))} are not the multiples of {steps[0]} below 100",
            fix="leave steps out for 10, 20, …, 90, or set strategy: canary",
        )
    yield from _gate_findings(rollout)


def _gate_findings(rollout: Rollout) -> Iterator[Finding]:
    if rollout.strategy is Strategy.BLUE_GREEN and rollout.abort_on.worse_than_champion is not None:
        yield Finding(
            path=("abort_on", "worse_than_champion"),
            message="with blue-green the old version gets no traffic to compare with",
            fix="remove it, or set strategy: canary",
        )
    if rollout.strategy is Strategy.ALL_AT_ONCE and "abort_on" in rollout.model_fields_set:
        yield Finding(
            path=("abort_on",),
            message="all-at-once has no gates",
            fix="remove abort_on (`abort_on: null` in a stack), or set strategy: blue-green",
        )
