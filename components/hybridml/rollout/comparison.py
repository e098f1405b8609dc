"""Two versions side by side: on the two parts of a split (A/B), or on the same requests (shadow).

Every interval of a report holds together with all the others at the stated confidence, whenever the report is made and
however often (`sequences`). A difference is called one when its interval leaves out zero.

The error is divided evenly among failures, median, 99th percentile, classes and agreement, and within each among its
intervals. On a split a difference is bounded by the two versions' own intervals. On pairs the difference of two shares
is that of the discordant pairs alone, as in McNemar's test (Psychometrika 12, 1947), which is sharper.

The rows of one request count as independent. Where more than `MOST_CLASSES` answers are told apart the model is no
classifier, and its answers are compared as a whole only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from hybridml.rollout.counts import Counts
from hybridml.rollout.sequences import Interval, quantile, quantile_interval, share_interval

MOST_CLASSES: Final = 20
"""Most answers that are compared one by one."""
SAME: Final = "no difference shown"
"""The verdict on two versions, or on one measure of them, that the data do not tell apart."""
_LEVELS: Final = (("p50_ms", 0.5, "at the median"), ("p99_ms", 0.99, "at the 99th percentile"))
_QUESTIONS: Final = 5
"""Failures, median, 99th percentile, classes, agreement."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one version made of one request."""

    failed: bool
    """5xx, or no answer at all."""
    milliseconds: float | None = None
    """How long it took; None when there was no answer."""
    classes: Sequence[str] = ()
    """The predictions as text, one per row, in the order of the rows; empty for a failure."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """What one version answered."""

    counts: Counts
    """Requests, failures and latencies; each latency may be a bin of its own."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """Prediction → rows that got it."""

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Self:
        """The group of `answers`, read once."""
        requests = failures = 0
        latency: Counter[float] = Counter()
        classes: Counter[str] = Counter()
        for answer in answers:
            requests, failures = requests + 1, failures + answer.failed
            classes.update(answer.classes)
            if answer.milliseconds is not None:
                latency[answer.milliseconds] += 1
        latency.update({math.nextafter(exact, 0.0): 0 for exact in latency})  # a bin that holds one value only
        return cls(counts=Counts(requests=requests, failures=failures, latency=latency), classes=classes)


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
    """`failures`, `p50_ms`, `p99_ms`, or `class:` and a prediction."""
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
    """Failures, latencies, and the share of each class."""
    agreement: Estimate | None = None
    """Share of rows with the same prediction, where both answered the same requests."""
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
    failures = (a.counts.failures, b.counts.failures)
    requests = (a.counts.requests, b.counts.requests)
    measures = [
        _shares("failures", failures, requests, alpha, (f"{names[1]} fails more", f"{names[1]} fails less")),
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
    alpha, both = (1 - confidence) / _QUESTIONS, list(pairs)
    a, b = Group.of(first for first, _ in both), Group.of(second for _, second in both)
    failed = Counter((first.failed, second.failed) for first, second in both)
    rows: Counter[tuple[str, str]] = Counter()
    for first, second in both:
        if len(first.classes) == len(second.classes):
            rows.update(zip(first.classes, second.classes, strict=True))
    words = (f"{names[1]} fails more", f"{names[1]} fails less")
    measures = [_discordant("failures", failed, True, alpha, words), *_latencies(a.counts, b.counts, alpha, names[1])]
    labels = _labels(*(Counter(pair[side] for pair in rows) for side in (0, 1)))
    for label in labels:
        measures.append(_discordant(f"class:{label}", rows, label, alpha / MOST_CLASSES, _class_words(names[1], label)))
    same, total = sum(n for (one, other), n in rows.items() if one == other), rows.total()
    return Comparison(
        kind="shadow",
        names=names,
        confidence=confidence,
        requests=(len(both), len(both)),
        measures=tuple(measures),
        agreement=_share(same, total, alpha)[0] if total else None,
        confusion={one: {other: rows[one, other] for other in labels if rows[one, other]} for one in labels},
    )


def _labels(*seen: Mapping[str, int]) -> list[str]:
    labels = sorted({label for classes in seen for label in classes})
    return labels if len(labels) <= MOST_CLASSES else []


def _class_words(name: str, label: str) -> tuple[str, str]:
    return f"{name} answers {label} more often", f"{name} answers {label} less often"


def _share(hits: int, trials: int, alpha: float) -> tuple[Estimate, Interval]:
    interval = share_interval(hits, trials, alpha)
    return _estimate(hits / trials if trials else None, interval), interval


def _shares(name: str, hits: tuple[int, int], trials: tuple[int, int], alpha: float, words: tuple[str, str]) -> Measure:
    """Two shares of different trials."""
    (a, first), (b, second) = (_share(hits[side], trials[side], alpha / 2) for side in (0, 1))
    return _measure(name, a, b, second - first, words)


def _discordant(name: str, table: Counter[Any], value: object, alpha: float, words: tuple[str, str]) -> Measure:
    """Two shares of the same trials: how often each side shows `value`, and how often only one does."""
    total = table.total()
    first = sum(n for (one, _), n in table.items() if one == value)
    second = sum(n for (_, other), n in table.items() if other == value)
    together = table[value, value]
    (a, _), (b, _) = (_share(hits, total, alpha / 4) for hits in (first, second))
    (_, lost), (_, gained) = (_share(hits - together, total, alpha / 4) for hits in (first, second))
    return _measure(name, a, b, gained - lost, words)


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
