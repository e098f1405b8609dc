"""Reports on two versions state the truth, with its bounds, and call nothing different that is not shown to be."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hybridml.rollout.comparison import (
    MOST_CLASSES,
    SAME,
    Answer,
    Comparison,
    Group,
    Measure,
    compare_pairs,
    compare_split,
)
from hypothesis import given
from hypothesis import strategies as st

LABELS = ("cat", "dog", "eel")


class Model:
    """A version that fails, takes its time and answers as it is told to."""

    def __init__(
        self, seed: int, *, failing: float = 0.05, median: float = 20.0, shares: tuple[float, ...] = (5, 3, 2)
    ):
        self._rng, self._failing, self._median, self._shares = random.Random(seed), failing, median, shares

    def answer(self) -> Answer:
        took = round(self._rng.lognormvariate(0, 0.5) * self._median, 3)
        if self._rng.random() < self._failing:
            return Answer(failed=True, milliseconds=took)
        return Answer(failed=False, milliseconds=took, classes=self._rng.choices(LABELS, self._shares))

    def group(self, requests: int) -> Group:
        return Group.of(self.answer() for _ in range(requests))


def _measure(report: Comparison, name: str) -> Measure:
    (measure,) = [measure for measure in report.measures if measure.name == name]
    return measure


def _holds(measure: Measure, a: float, b: float) -> bool:
    estimates = ((measure.a, a), (measure.b, b), (measure.difference, b - a))
    return all(
        (found.low is None or found.low <= true) and (found.high is None or true <= found.high)
        for found, true in estimates
    )


def test_known_differences_lie_inside_the_intervals() -> None:
    """Failures, median and classes of two models whose truth is known, in 20 reports at 0.95."""
    missed = 0
    for seed in range(20):
        a = Model(seed).group(1500)
        b = Model(1000 + seed, failing=0.2, median=40.0, shares=(2, 3, 5)).group(1500)
        report = compare_split(a, b, 0.95)
        truth = [("failures", 0.05, 0.2), ("p50_ms", 20.0, 40.0), ("class:cat", 0.5, 0.2), ("class:dog", 0.3, 0.3)]
        missed += not all(_holds(_measure(report, name), *true) for name, *true in truth)
        assert {
            "challenger fails more",
            "challenger is slower at the median",
            "challenger answers cat less often",
            "challenger answers eel more often",
        } <= set(report.verdicts)
    assert missed <= 1


def test_equal_versions_of_a_split_are_not_called_different() -> None:
    """Of 100 A/B reports between equal versions at 0.95, at most five call them different."""
    verdicts = [
        compare_split(Model(seed).group(200), Model(1000 + seed).group(300), 0.95).verdict for seed in range(100)
    ]
    assert sum(verdict != SAME for verdict in verdicts) <= 5


def _noisy(seed: int, requests: int, *, wrong: float = 0.1, **second: float) -> Iterator[tuple[Answer, Answer]]:
    """Two models that see the same request; each answers wrongly now and then, the second also fails `failing`."""
    rng, one, two = random.Random(seed), Model(seed, failing=0.02), Model(1000 + seed, **second)  # type: ignore[arg-type]
    for _ in range(requests):
        true, a, b = rng.choice(LABELS), one.answer(), two.answer()
        first, other = (rng.choice(LABELS) if rng.random() < wrong else true for _ in range(2))
        yield (
            Answer(failed=a.failed, milliseconds=a.milliseconds, classes=() if a.failed else (first,)),
            Answer(failed=b.failed, milliseconds=b.milliseconds, classes=() if b.failed else (other,)),
        )


def test_equal_versions_of_a_shadow_are_not_called_different() -> None:
    """Of 100 shadow reports between equal versions at 0.95, at most five call them different."""
    verdicts = [compare_pairs(_noisy(seed, 200, failing=0.02), 0.95).verdict for seed in range(100)]

    assert sum(verdict != SAME for verdict in verdicts) <= 5


def test_agreement_is_the_share_of_rows_with_the_same_answer() -> None:
    """Two models that each guess in a tenth of the rows agree on 87 rows in a hundred."""
    report = compare_pairs(_noisy(3, 3000, failing=0.02), 0.95)

    assert report.agreement
    assert report.agreement.low is not None
    assert report.agreement.high is not None
    assert report.agreement.low <= 0.81 + 0.19 / 3 <= report.agreement.high
    assert report.agreement.high - report.agreement.low < 0.08


def test_a_shadow_that_fails_and_dawdles_is_called_so() -> None:
    """Failures and latency of the shadow are compared on the same requests."""
    report = compare_pairs(_noisy(5, 1500, failing=0.15, median=60.0), 0.99)

    assert set(report.verdicts) >= {"shadow fails more", "shadow is slower at the median"}
    assert _holds(_measure(report, "failures"), 0.02, 0.15)
    assert _holds(_measure(report, "p50_ms"), 20.0, 60.0)


def test_a_shift_of_classes_is_shown_with_its_confusion() -> None:
    """A shadow that says dog where the primary says eel is named, and the table says from where to where."""
    pairs = [(Answer(failed=False, milliseconds=1, classes=[one]), Answer(failed=False, milliseconds=1, classes=[two]))
             for one, two in [("cat", "cat")] * 300 + [("eel", "dog")] * 60 + [("eel", "eel")] * 100]  # fmt: skip
    report = compare_pairs(pairs, 0.95)

    assert report.verdict == "shadow answers dog more often; shadow answers eel less often"
    assert report.confusion == {"cat": {"cat": 300}, "dog": {}, "eel": {"dog": 60, "eel": 100}}
    assert _measure(report, "class:dog").difference.value == pytest.approx(60 / 460)


def test_pairs_are_sharper_than_a_split() -> None:
    """A shadow that fails on the primary's failing requests and on a few more is found on pairs only."""
    both, only, fine = (True, True), (False, True), (False, False)
    rows = [both] * 300 + [only] * 25 + [fine] * 700
    pairs = [(Answer(failed=a), Answer(failed=b)) for a, b in rows]
    split = compare_split(Group.of(a for a, _ in pairs), Group.of(b for _, b in pairs), 0.95)

    assert compare_pairs(pairs, 0.95).verdicts == ("shadow fails more",)
    assert split.verdict == SAME


def test_answers_that_are_no_classes_are_compared_as_a_whole() -> None:
    """Where more answers are told apart than a classifier has, agreement is all that is said of them."""
    pairs = [
        (Answer(failed=False, milliseconds=1, classes=[str(n)]), Answer(failed=False, milliseconds=1, classes=[str(n)]))
        for n in range(MOST_CLASSES + 1)
    ]
    report = compare_pairs(pairs, 0.95)

    assert [measure.name for measure in report.measures] == ["failures", "refusals", "p50_ms", "p99_ms"]
    assert report.confusion == {}
    assert report.agreement
    assert report.agreement.value == 1


def test_nothing_captured_shows_nothing() -> None:
    """An empty report has no value, no bound it could not have, and no difference."""
    for report in (compare_split(Group.of([]), Group.of([]), 0.95), compare_pairs([], 0.95)):
        assert report.verdict == SAME
        assert report.agreement is None
        assert _measure(report, "p99_ms").difference.value is None
        assert json.loads(json.dumps(report.to_mapping(), allow_nan=False))["measures"][0]["a"]["value"] is None


ANSWERS = st.builds(
    Answer,
    failed=st.booleans(),
    milliseconds=st.none() | st.floats(0, 1e6),
    classes=st.lists(st.sampled_from(LABELS), max_size=3),
)


@given(st.lists(st.tuples(ANSWERS, ANSWERS), max_size=30), st.floats(0.5, 0.9999))
def test_every_report_is_whole(pairs: list[tuple[Answer, Answer]], confidence: float) -> None:
    """Estimates lie in their intervals, classes add up, and every number is JSON."""
    split = compare_split(Group.of(a for a, _ in pairs), Group.of(b for _, b in pairs), confidence)
    for report in (split, compare_pairs(pairs, confidence)):
        plain = json.loads(json.dumps(report.to_mapping(), allow_nan=False))
        assert plain["verdict"] == report.verdict
        for measure in report.measures:
            for found in (measure.a, measure.b, measure.difference):
                if found.value is not None:
                    assert found.low is None or found.low - 1e-9 <= found.value
                    assert found.high is None or found.value <= found.high + 1e-9
        shares = [measure.b.value for measure in report.measures if measure.name.startswith("class:")]
        assert not shares or None in shares or sum(filter(None, shares)) == pytest.approx(1)


@given(st.lists(ANSWERS, max_size=30), st.floats(0.5, 0.9999))
def test_a_version_does_not_differ_from_itself(answers: list[Answer], confidence: float) -> None:
    """The same answers on both sides are no difference."""
    assert compare_split(Group.of(answers), Group.of(answers), confidence).verdict == SAME
    assert compare_pairs([(answer, answer) for answer in answers], confidence).verdict == SAME


def test_rows_that_come_together_are_no_more_evidence_than_one() -> None:
    """Callers that ask for fifty alike rows at once do not make equal versions different, in 30 reports."""
    different = 0
    for seed in range(30):
        rng = random.Random(seed)
        asked = [Answer(failed=False, milliseconds=1.0, classes=[rng.choice(LABELS)] * 50) for _ in range(400)]
        different += compare_split(Group.of(asked[:200]), Group.of(asked[200:]), 0.95).verdict != SAME

    assert different <= 1


def test_rows_that_differ_together_are_no_more_evidence_than_one() -> None:
    """A shadow that turns one request in ten round, all of its rows, shows each class as often, in 30 reports."""
    different = 0
    for seed in range(30):
        rng, pairs = random.Random(seed), []
        for _ in range(400):
            first = rng.choice("ab")
            second = first if rng.random() > 0.1 else "ba"["ab".index(first)]
            pairs.append(tuple(Answer(failed=False, classes=[label] * 50) for label in (first, second)))
        report = compare_pairs(((first, second) for first, second in pairs), 0.95)
        different += report.verdict != SAME
        assert report.agreement
        assert (report.agreement.low or 0) < 0.9 < (report.agreement.high or 0)
        assert sum(n for row in report.confusion.values() for n in row.values()) == 400 * 50

    assert different <= 1


def test_a_request_counts_once_with_the_share_of_its_rows() -> None:
    """Two of three rows are two thirds of one request, not two requests."""
    group = Group.of([Answer(failed=False, classes=("cat", "dog", "cat")), Answer(failed=False, classes=("cat",))])

    assert group.classes == pytest.approx({"cat": 5 / 3, "dog": 1 / 3})
    assert _measure(compare_split(group, group, 0.95), "class:cat").a.value == pytest.approx(5 / 6)
