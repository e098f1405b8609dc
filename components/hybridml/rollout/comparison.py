"""Two versions side by side: on the two parts of a split (A/B), or on the same requests (shadow).

Every interval of a report holds together with all the others at the stated confidence, whenever the report is made and
however often (`sequences`). A difference is called one when its interval leaves out zero.

The error is divided evenly among failures, refusals, median, 99th percentile, classes and agreement, and within each
among its intervals. On a split a difference is bounded by the two versions' own intervals. On pairs the difference of
two shares is bounded by the discordant pairs alone, as in McNemar's test (Psychometrika 12, 1947): by how many differ,
and which side the differing ones favour. That is sharper.

A request counts once, however many rows it has, with the share of its rows that got a class: what one caller asks at
once is alike. (The sequences hold for any values between 0 and 1, not for 0 and 1 alone.) Where more than
`MOST_CLASSES` answers are told apart the model is no classifier, and its answers are compared as a whole only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar

from hybridml.rollout.counts import Counts
from hybridml.rollout.sequences import Interval, quantile, quantile_interval, share_interval

MOST_CLASSES: Final = 20
"""Most answers that are compared one by one."""
SAME: Final = "no difference shown"
"""The verdict on two versions, or on one measure of them, that the data do not tell apart."""
_LEVELS: Final = (("p50_ms", 0.5, "at the median"), ("p99_ms", 0.99, "at the 99th percentile"))
_QUESTIONS: Final = 6
"""Failures, refusals, median, 99th percentile, classes, agreement."""
_Key = TypeVar("_Key")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one version made of one request."""

    failed: bool
    """5xx, or no answer at all."""
    refused: bool = False
    """4xx: the version did not take the request."""
    milliseconds: float | None = None
    """How long it took; None when there was no answer."""
    classes: Sequence[str] = ()
    """The predictions as text, one per row, in the order of the rows; empty for a failure or a refusal."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """What one version answered."""

    counts: Counts
    """Requests, failures and latencies; each latency may be a bin of its own."""
    refusals: int = 0
    """Requests that it did not take."""
    classes: Mapping[str, float] = field(default_factory=dict)
    """Prediction → requests that got it, each divided among its rows."""

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Group:
        """The group of `answers`, read once."""
        tally = Tally()
        for answer in answers:
            tally.add(answer)
        return tally.group()


@dataclass
class Tally:
    """Counts answers as they come, so that a million of them need not be kept."""

    requests: int = 0
    """How many were added."""
    failures: int = 0
    """How many of them failed."""
    refusals: int = 0
    """How many of them were refused."""
    _latency: Counter[float] = field(default_factory=Counter)
    _classes: dict[str, float] = field(default_factory=dict)

    def add(self, answer: Answer) -> None:
        """One more."""
        self.requests += 1
        self.failures += answer.failed
        self.refusals += answer.refused
        _divide(Counter(answer.classes), self._classes)
        if answer.milliseconds is not None:
            self._latency[answer.milliseconds] += 1

    def group(self) -> Group:
        """What was added. Each latency is a bin that holds one value only, so an empty one stands right below it."""
        gaps = {math.nextafter(exact, 0.0): 0 for exact in self._latency}
        counts = Counts(requests=self.requests, failures=self.failures, latency=gaps | dict(self._latency))
        return Group(counts=counts, refusals=self.refusals, classes=dict(self._classes))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value that is estimated, and where the truth lies."""

    value: float | None
    """What the data show; None without data."""
    low: float | None
    """Least that it is; None when nothing bounds it."""
    high: float | None
    """Most that it is; None when nothing bounds it."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One thing that is compared."""

    name: str
    """`failures`, `refusals`, `p50_ms`, `p99_ms`, or `class:` and a prediction."""
    a: Estimate
    """Of the first version: a share, or milliseconds."""
    b: Estimate
    """Of the second."""
    difference: Estimate
    """Second minus first."""
    verdict: str
    """`no difference shown`, or what the second does: "challenger fails more"."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The report on two versions."""

    kind: str
    """`split`, on different requests, or `shadow`, on the same."""
    names: tuple[str, str]
    """What the two are called."""
    confidence: float
    """Of all intervals together."""
    requests: tuple[int, int]
    """Requests of each."""
    measures: tuple[Measure, ...]
    """Failures, refusals, latencies, and the share of each class."""
    agreement: Estimate | None = None
    """Share of rows with the same prediction, each request counting once, where both answered the same requests."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Prediction of the first → prediction of the second → rows; only of classifiers."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Every difference that is shown; empty when none is."""
        return tuple(measure.verdict for measure in self.measures if measure.verdict != SAME)

    @property
    def verdict(self) -> str:
        """One sentence."""
        return "; ".join(self.verdicts) or SAME

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        plain = asdict(self)
        lists = {name: list(plain[name]) for name in ("names", "requests", "measures")}
        return {**plain, **lists, "verdict": self.verdict}


def compare_split(
    a: Group, b: Group, confidence: float, names: tuple[str, str] = ("champion", "challenger")
) -> Comparison:
    """The report on two versions that answered different requests of the same kind.

    `confidence` is more than 0 and less than 1, and holds for every interval of the report together.
    """
    alpha = (1 - confidence) / _QUESTIONS
    failures, refusals = (a.counts.failures, b.counts.failures), (a.refusals, b.refusals)
    requests = (a.counts.requests, b.counts.requests)
    measures = [
        _shares("failures", failures, requests, alpha, _words(names[1], "fails")),
        _shares("refusals", refusals, requests, alpha, _words(names[1], "refuses")),
        *_latencies(a.counts, b.counts, alpha, names[1]),
    ]
    rows = (sum(a.classes.values()), sum(b.classes.values()))
    for label in _labels(a.classes, b.classes):
        hits = (a.classes.get(label, 0), b.classes.get(label, 0))
        measures.append(_shares(f"class:{label}", hits, rows, alpha / MOST_CLASSES, _class_words(names[1], label)))
    return Comparison(kind="split", names=names, confidence=confidence, requests=requests, measures=tuple(measures))


def compare_pairs(
    pairs: Iterable[tuple[Answer, Answer]], confidence: float, names: tuple[str, str] = ("primary", "shadow")
) -> Comparison:
    """The report on two versions that answered the same requests; each pair is one request.

    `confidence` is more than 0 and less than 1, and holds for every interval of the report together.
    """
    tally = PairTally()
    for first, second in pairs:
        tally.add(first, second)
    return tally.comparison(confidence, names)


@dataclass
class PairTally:
    """Counts pairs as they come, so that a million of them need not be kept."""

    _a: Tally = field(default_factory=Tally)
    _b: Tally = field(default_factory=Tally)
    _failed: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    _refused: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    _rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    _shares: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many were added."""
        return self._a.requests

    def add(self, first: Answer, second: Answer) -> None:
        """One more request, and what each version made of it."""
        self._a.add(first)
        self._b.add(second)
        self._failed[first.failed, second.failed] += 1
        self._refused[first.refused, second.refused] += 1
        if len(first.classes) == len(second.classes):
            rows = Counter(zip(first.classes, second.classes, strict=True))
            self._rows.update(rows)
            _divide(rows, self._shares)

    def comparison(self, confidence: float, names: tuple[str, str] = ("primary", "shadow")) -> Comparison:
        """The report on what was added, as of `compare_pairs`."""
        alpha, rows, shares = (1 - confidence) / _QUESTIONS, self._rows, self._shares
        measures = [
            _discordant("failures", self._failed, True, alpha, _words(names[1], "fails")),
            _discordant("refusals", self._refused, True, alpha, _words(names[1], "refuses")),
            *_latencies(self._a.group().counts, self._b.group().counts, alpha, names[1]),
        ]
        labels = _labels(*(Counter(pair[side] for pair in rows) for side in (0, 1)))
        for label in labels:
            words = _class_words(names[1], label)
            measures.append(_discordant(f"class:{label}", shares, label, alpha / MOST_CLASSES, words))
        same, total = sum(n for (one, other), n in shares.items() if one == other), sum(shares.values())
        return Comparison(
            kind="shadow",
            names=names,
            confidence=confidence,
            requests=(self.requests, self.requests),
            measures=tuple(measures),
            agreement=_share(same, total, alpha)[0] if total else None,
            confusion={one: {other: rows[one, other] for other in labels if rows[one, other]} for one in labels},
        )


def _divide(rows: Counter[_Key], into: dict[_Key, float]) -> None:
    """Adds one request, divided among what its rows got."""
    for key, count in rows.items():
        into[key] = into.get(key, 0.0) + count / rows.total()


def _labels(*seen: Mapping[str, float]) -> list[str]:
    labels = sorted({label for classes in seen for label in classes})
    return labels if len(labels) <= MOST_CLASSES else []


def _words(name: str, does: str) -> tuple[str, str]:
    return f"{name} {does} more", f"{name} {does} less"


def _class_words(name: str, label: str) -> tuple[str, str]:
    return f"{name} answers {label} more often", f"{name} answers {label} less often"


def _share(hits: float, trials: float, alpha: float) -> tuple[Estimate, Interval]:
    interval = share_interval(hits, trials, alpha)
    return _estimate(hits / trials if trials else None, interval), interval


def _shares(
    name: str, hits: tuple[float, float], trials: tuple[float, float], alpha: float, words: tuple[str, str]
) -> Measure:
    """Two shares of different trials."""
    (a, first), (b, second) = (_share(hits[side], trials[side], alpha / 2) for side in (0, 1))
    return _measure(name, a, b, second - first, words)


def _discordant(
    name: str, table: Mapping[tuple[Any, Any], float], value: object, alpha: float, words: tuple[str, str]
) -> Measure:
    """Two shares of the same trials: how often each side shows `value`, and which of them more often alone."""
    total = sum(table.values())
    lost = sum(n for (one, other), n in table.items() if one == value != other)
    gained = sum(n for (one, other), n in table.items() if one != value == other)
    both = table.get((value, value), 0)
    (a, _), (b, _) = (_share(hits + both, total, alpha / 4) for hits in (lost, gained))
    apart = share_interval(lost + gained, total, alpha / 4)
    part = share_interval(gained, lost + gained, alpha / 4)
    return _measure(name, a, b, _surplus(apart, part), words)


def _surplus(apart: Interval, gained: Interval) -> Interval:
    """What one side has more, of all pairs: the share that differs, times twice its part of them less one."""
    low, high = (2 * end - 1 for end in (gained.low, gained.high))
    return Interval(
        low=low * (apart.low if low > 0 else apart.high), high=high * (apart.high if high > 0 else apart.low)
    )


def _latencies(a: Counts, b: Counts, alpha: float, name: str) -> list[Measure]:
    measures = []
    for measure, level, where in _LEVELS:
        first, second = (quantile_interval(counts.latency, level, alpha / 2) for counts in (a, b))
        one, other = (quantile(counts.latency, level) for counts in (a, b))
        words = (f"{name} is slower {where}", f"{name} is faster {where}")
        measures.append(_measure(measure, _estimate(one, first), _estimate(other, second), second - first, words))
    return measures


def _measure(name: str, a: Estimate, b: Estimate, difference: Interval, words: tuple[str, str]) -> Measure:
    value = None if a.value is None or b.value is None else b.value - a.value
    verdict = words[0] if difference.low > 0 else words[1] if difference.high < 0 else SAME
    return Measure(name=name, a=a, b=b, difference=_estimate(value, difference), verdict=verdict)


def _estimate(value: float | None, interval: Interval) -> Estimate:
    low, high = (end if math.isfinite(end) else None for end in (interval.low, interval.high))
    return Estimate(value=value if value is None or math.isfinite(value) else None, low=low, high=high)
