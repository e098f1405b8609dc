"""Records read back: in order, with what is damaged or missing counted, and paired by request."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hybridml.jobs.reading import APART, MOST_LABELS, MOST_TEXT, Labels, Pairing, Reading, predictions
from hybridml.jobs.records import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(seconds: float = 0, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "time": NOON + timedelta(seconds=seconds),
        "request": "r",
        "version": "3",
        "revision": "3-a",
        "shadow": False,
        "status": 200,
        "milliseconds": 2.0,
    }
    return Record(**values | changes)


def write(folder: Path, name: str, *records: Record) -> None:
    file = folder / str(records[0].time.date()) / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(each.line() for each in records))


def test_files_are_read_side_by_side_in_time(tmp_path: Path) -> None:
    """The records of several servers and days come in the order of their times."""
    write(tmp_path, "3-0", record(0), record(2), record(4))
    write(tmp_path, "4-0", record(1), record(3))
    write(tmp_path, "old", record(-86_400))

    times = [(each.time - NOON).total_seconds() for each in Reading(tmp_path).records()]
    late = [(each.time - NOON).total_seconds() for each in Reading(tmp_path, NOON + timedelta(seconds=3)).records()]

    assert times == [-86_400, 0, 1, 2, 3, 4]
    assert late == [3, 4]


def test_what_is_damaged_or_was_lost_is_counted(tmp_path: Path) -> None:
    """Half a line does not hide the next one."""
    write(tmp_path, "3-0", record(0), record(1, lost=3))
    file = next(tmp_path.rglob("*.jsonl"))
    first, second = file.read_bytes().splitlines()
    file.write_bytes(first + b"\n" + first[:40] + b"\n" + second + b"\n" + first[:20])
    reading = Reading(tmp_path)

    assert len(list(reading.records())) == 2
    assert (reading.damaged, reading.lost) == (2, 3)


def test_a_day_that_cannot_be_read_is_no_empty_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's records are an error, not the absence of records; a file with a day's name is neither."""
    write(tmp_path, "3-0", record(0))
    (tmp_path / "2026-03-02").write_text("a note")
    assert len(list(Reading(tmp_path).records())) == 1

    for name in ("listdir", "scandir"):
        listed = getattr(os, name)

        def closed(path: Any = ".", listed: Any = listed) -> Any:
            if str(path).endswith("2026-03-01"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return listed(path)

        monkeypatch.setattr(os, name, closed)
    with pytest.raises(PermissionError):
        list(Reading(tmp_path).records())


def test_a_folder_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    """Nothing was asked yet."""
    assert list(Reading(tmp_path / "missing").records()) == []


def test_a_request_meets_its_copy_whoever_comes_first() -> None:
    """First side first; one that is asked twice is one request."""
    pairing: Pairing[str] = Pairing()

    assert pairing.meet("a", NOON, 0, "a0") is None
    assert pairing.meet("b", NOON, 1, "b1") is None
    assert pairing.meet("a", NOON, 0, "again") is None
    assert pairing.meet("a", NOON, 1, "a1") == ("a0", "a1")
    assert pairing.meet("b", NOON, 0, "b0") == ("b0", "b1")


def test_who_waits_too_long_is_forgotten() -> None:
    """Memory is bounded by what came lately."""
    pairing: Pairing[int] = Pairing()
    for number in range(1_000):
        pairing.meet(str(number), NOON + number * APART, 0, number)

    assert len(pairing._waiting) == 2
    assert pairing.meet("998", NOON + 999 * APART, 1, -1) == (998, -1)


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        ({"predictions": ["yes", "no"]}, ("yes", "no")),
        ({"predictions": [1, 1.0, True]}, ("1", "1", "true")),
        ({"predictions": [0.1234567, 0.1234569]}, ("0.123457", "0.123457")),
        ({"predictions": [{"label": "yes"}]}, ("yes",)),
        ({"predictions": [{"b": 1, "a": 2.0}]}, ('{"a": 2, "b": 1}',)),
        ({"predictions": "one"}, ("one",)),
        ({"choices": ["x"]}, ('["x"]',)),
        ([1], ("1",)),
        (None, ()),
        ({"predictions": [float("nan"), float("inf")]}, ("NaN", "Infinity")),
        ({"predictions": ["\ud800"]}, ("?",)),
    ],
)
def test_predictions_are_compared_as_text(outputs: Any, labels: tuple[str, ...]) -> None:
    """One text for each row; what is the same number is the same text."""
    assert predictions(record(outputs=outputs)) == labels


def test_a_long_prediction_is_shortened_and_stays_itself() -> None:
    """A thousand texts of a megabyte are not remembered whole, and those that begin alike are not taken for one."""
    long = "x" * 10**6
    first, again, other = (predictions(record(outputs=[text]))[0] for text in (long, long, f"{long}y"))

    assert first == again != other
    assert len(first) == len(other) == MOST_TEXT
    assert first.startswith("xxxx")
    assert predictions(record(outputs=["y" * MOST_TEXT])) == ("y" * MOST_TEXT,)


def test_a_prediction_nested_without_end_is_still_one() -> None:
    """Another program may have written it."""
    deep: Any = 1.0
    for _ in range(900):
        deep = [deep]

    assert predictions(record(outputs={"predictions": [deep, deep]}))[1:] == ("nested too deep",)


def test_a_moment_of_another_zone_begins_on_its_day_of_utc(tmp_path: Path) -> None:
    """One in the morning in Tashkent is the evening before in UTC, and so is its folder."""
    write(tmp_path, "3-0", record(0), record(3600 * 9))
    zone = timezone(timedelta(hours=5))

    since = datetime(2026, 3, 2, 1, tzinfo=zone)

    assert [each.time.hour for each in Reading(tmp_path, since).records()] == [21]


def test_many_predictions_are_not_remembered_one_by_one() -> None:
    """Beyond the most that are told apart, equal stays equal and different stays different."""
    labels = Labels()
    for number in range(MOST_LABELS):
        labels.bounded((str(number),))

    assert labels.bounded(("new",), ("new",)) == [("other",), ("other",)]
    assert labels.bounded(("new",), ("newer",)) == [("other",), ("another",)]
    assert labels.bounded(("5",), ("new",)) == [("5",), ("other",)]
    assert labels.bounded(("5", "new"), ("5",)) == [("5", "other"), ("5",)]
