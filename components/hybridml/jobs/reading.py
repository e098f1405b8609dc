"""Records read back: in the order of their times, one at a time, however many there are."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from hybridml.jobs.records import SUFFIX, Record, days, parse

APART = timedelta(minutes=5)
"""Longest time between a request and its copy: answers have ended by then. What is further apart had other callers."""
MOST_LABELS = 1000
"""Predictions that are told apart; a model with more of them is no classifier."""
MOST_TEXT = 80
"""Characters of a prediction; of a longer one the first of them and a digest are shown and compared."""
_DIGITS = 6
_T = TypeVar("_T")


@dataclass
class Reading:
    """The records of one folder since a moment, and what was found on the way."""

    folder: Path
    since: datetime | None = None
    damaged: int = 0
    """Lines that are no records: cut short when a server was killed or a disk was full."""
    lost: int = 0
    """Records that servers could not write."""

    def records(self) -> Iterator[Record]:
        """Every record, oldest day first, about in the order of their times. Raises OSError for what cannot be read."""
        for day, path in days(self.folder):
            if self.since is None or day >= self.since.astimezone(UTC).date():
                inside = sorted(path.iterdir()) if path.is_dir() else []
                files = [self._file(file) for file in inside if file.suffix == SUFFIX]
                yield from heapq.merge(*files, key=lambda record: record.time)

    def _file(self, path: Path) -> Iterator[Record]:
        with path.open("rb") as lines:
            for line in lines:
                record = parse(line)
                if record is None:
                    self.damaged += bool(line.strip())
                elif self.since is None or record.time >= self.since:
                    self.lost += record.lost
                    yield record


@dataclass
class Pairing(Generic[_T]):
    """Finds the two that belong together in a stream; only what came lately is remembered."""

    _waiting: OrderedDict[str, tuple[datetime, int, _T]] = field(default_factory=OrderedDict)

    def meet(self, request: str, time: datetime, side: int, value: _T) -> tuple[_T, _T] | None:
        """The pair, first side first, when `value` completes it."""
        while self._waiting and next(iter(self._waiting.values()))[0] < time - APART:
            self._waiting.popitem(last=False)
        found = self._waiting.get(request)
        if found is None:
            self._waiting[request] = (time, side, value)
            return None
        if found[1] == side:
            return None
        del self._waiting[request]
        return (found[2], value) if side else (value, found[2])


def predictions(record: Record) -> tuple[str, ...]:
    """One text for each row of an answer; none for a failure."""
    return tuple(_bounded(_text(row)) for row in _rows(record.outputs))


class Labels:
    """Predictions as text that can be compared: at most `MOST_LABELS` of them, so that their counts stay small."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bounded(self, *sides: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The texts of one side, or of two that answered the same request, where equal stays equal.

        Beyond the most that are told apart, a text becomes `other`, and one that differs from it on the other side
        becomes `another`.
        """
        if len({len(side) for side in sides}) > 1:
            return [tuple(self._short(text) for text in side) for side in sides]
        columns = [self._column(texts) for texts in zip(*sides, strict=True)]
        return [tuple(column[position] for column in columns) for position in range(len(sides))]

    def _column(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        short = tuple(self._short(text) for text in texts)
        clash = len(set(texts)) > len(set(short))
        return (short[0], *("another" for _ in short[1:])) if clash else short

    def _short(self, text: str) -> str:
        if text in self._known:
            return text
        if len(self._known) >= MOST_LABELS:
            return "other"
        self._known.add(text)
        return text


def _rows(outputs: Any) -> list[Any]:
    """The predictions of an answer in MLflow's scoring protocol, one for each row of the request."""
    if outputs is None:
        return []
    found = outputs.get("predictions", outputs) if isinstance(outputs, dict) else outputs
    return found if isinstance(found, list) else [found]


def _bounded(text: str) -> str:
    """The same text for the same text, however long; without halves of characters, which nobody can write."""
    whole = text.encode(errors="replace")
    if len(text) <= MOST_TEXT:
        return whole.decode()
    return f"{whole.decode()[: MOST_TEXT - 18]}… {hashlib.blake2b(whole, digest_size=8).hexdigest()}"


def _text(value: Any) -> str:
    """The same text for the same prediction: 1 and 1.0 are one; floats count to six digits; a row of one column is
    that column."""
    if type(value) is int:
        return str(value)
    if isinstance(value, dict) and len(value) == 1:
        return _text(next(iter(value.values())))
    if isinstance(value, str):
        return value
    try:
        return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)
    except RecursionError:
        return "nested too deep"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(f"{value:.{_DIGITS}g}")
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
