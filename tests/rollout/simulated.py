"""Simulated time, traffic and people: a rollout of hours in a fraction of a second."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from hybridml.rollout.counts import Counts, Pair
from hybridml.rollout.drive import Asked, Outcome, Progress, drive
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy

PLAN = RolloutPlan(
    strategy=Strategy.CANARY,
    steps=(5.0, 25.0, 50.0),
    interval=5.0,
    bake=60.0,
    max_bake=180.0,
    min_requests=100,
    gates=Gates(error_rate=0.05, p99_ms=500.0, worse_than_champion=0.95),
    confidence=0.95,
)
"""A canary of three minutes at least."""


@dataclass(frozen=True)
class Version:
    """How a version behaves."""

    failing: float = 0.0
    """Share of its requests that fail."""
    median_ms: float = 20.0
    """Half of its answers are faster."""
    spread: float = 0.4
    """Standard deviation of the logarithm of its latency."""

    def answers(self, rng: random.Random, requests: int) -> Counts:
        """What it makes of `requests`; latencies fall into bins a tenth wide."""
        latency: dict[float, int] = {}
        for _ in range(requests):
            taken = rng.lognormvariate(math.log(self.median_ms), self.spread)
            number = math.ceil(math.log(taken, 1.1))
            latency.setdefault(round(1.1 ** (number - 1), 6), 0)
            edge = round(1.1**number, 6)
            latency[edge] = latency.get(edge, 0) + 1
        failures = sum(rng.random() < self.failing for _ in range(requests))
        return Counts(requests=requests, failures=failures, latency=latency)


@dataclass
class World:
    """Mover, source, clock and steering in one: requests arrive while time passes."""

    old: Version = Version()
    new: Version = Version()
    rate: float = 20.0
    """Requests a second, of both together."""
    seed: int = 0
    at: float = 0.0
    percent: float = 0.0
    moves: list[float] = field(default_factory=list)
    candidate: Counts = field(default_factory=Counts)
    champion: Counts = field(default_factory=Counts)
    asks: Mapping[float, Asked] = field(default_factory=dict)
    """Second → what is asked from then on."""
    unread: tuple[float, float] = (math.inf, math.inf)
    """From when to when the source cannot be read."""
    unmoved: int = 0
    """How many moves fail from now on."""
    restarts: float = math.inf
    """When the counters begin again from zero."""
    looks: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        if self.at < self.restarts <= self.at + seconds:
            self.candidate, self.champion = Counts(), Counts()
        self.at += seconds
        requests = int(self.at * self.rate) - int((self.at - seconds) * self.rate)
        to_new = sum(self.rng.random() * 100 < self.percent for _ in range(requests))
        self.candidate += self.new.answers(self.rng, to_new)
        self.champion += self.old.answers(self.rng, requests - to_new)

    def move(self, percent: float) -> None:
        if self.unmoved:
            self.unmoved -= 1
            raise OSError("the proxy does not answer")
        self.percent = percent
        self.moves.append(percent)

    def read(self) -> Mapping[str, Pair]:
        if self.unread[0] <= self.at < self.unread[1]:
            raise OSError("no statistics")
        return {"champion": Pair(candidate=self.candidate, champion=self.champion)}

    def asked(self) -> Asked | None:
        return next((asked for moment, asked in self.asks.items() if self.at >= moment), None)

    def run(self, plan: RolloutPlan = PLAN) -> Outcome:
        """Drive `plan` through this world."""
        return drive(plan, self, self, clock=self, steering=self, progress=self.looks.append)
