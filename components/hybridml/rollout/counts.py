"""What is measured of a version: requests, failures, and how long the answers took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What one version answered since counting began, or between two moments.

    A failure is an answer 5xx, or none at all; 4xx is the caller's. `later - earlier` is what happened in between.
    """

    requests: int = 0
    """Requests that ended, failures included."""
    failures: int = 0
    """Requests that ended in a 5xx, or without an answer."""
    latency: Mapping[float, int] = field(default_factory=dict)
    """Disjoint bins: upper bound in milliseconds → requests. A bin begins where the one before it ends, so an empty
    bin stands in each gap. A request without an answer may be in none of them; the last bin may end at infinity."""

    @property
    def timed(self) -> int:
        """Requests whose latency is known."""
        return sum(self.latency.values())

    def slower_than(self, milliseconds: float) -> int:
        """Requests in bins that end beyond `milliseconds`: a bin that straddles it counts as slower."""
        return sum(requests for bound, requests in self.latency.items() if bound > milliseconds)

    def follows(self, earlier: Counts) -> bool:
        """Whether this can be a later reading of the same counters; not so when they began again from zero."""
        bins = all(self.latency.get(bound, 0) >= requests for bound, requests in earlier.latency.items())
        return bins and self.requests >= earlier.requests and self.failures >= earlier.failures

    def since(self, earlier: Counts) -> Counts:
        """`self - earlier`, or all of it when the counters began again from zero in between."""
        return self - earlier if self.follows(earlier) else self

    def __sub__(self, earlier: Counts) -> Counts:
        latency = {bound: requests - earlier.latency.get(bound, 0) for bound, requests in self.latency.items()}
        return Counts(
            requests=self.requests - earlier.requests, failures=self.failures - earlier.failures, latency=latency
        )

    def __add__(self, other: Counts) -> Counts:
        latency = Counter(self.latency)
        latency.update(other.latency)
        return Counts(
            requests=self.requests + other.requests, failures=self.failures + other.failures, latency=dict(latency)
        )

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold; bins by ascending bound, infinity as `"inf"`."""
        bins = {_text(bound): self.latency[bound] for bound in sorted(self.latency)}
        return {"requests": self.requests, "failures": self.failures, "latency": bins}


def _text(bound: float) -> str:
    return "inf" if math.isinf(bound) else f"{bound:.15g}"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A new version, and the one it is compared with."""

    candidate: Counts
    """What the new version answered."""
    champion: Counts | None = None
    """What the version in charge answered in the same time; None when it gets no traffic to compare with."""

    def since(self, earlier: Pair | None) -> Self:
        """What was answered since the reading `earlier`, whether or not the counters of one began again meanwhile."""
        before = earlier or Pair(candidate=Counts())
        champion = self.champion and self.champion.since(before.champion or Counts())
        return type(self)(candidate=self.candidate.since(before.candidate), champion=champion)

    def __add__(self, other: Pair) -> Self:
        champion = self.champion if other.champion is None else (self.champion or Counts()) + other.champion
        return type(self)(candidate=self.candidate + other.candidate, champion=champion)
