"""`hybridml rollout report`: what the captured requests say about champion, challenger and shadow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hybridml.cli import deployed, output, place
from hybridml.cli.options import Format
from hybridml.errors import ConfigurationError, HybridMLError, Problem
from hybridml.jobs.reading import APART, Labels, Pairing, Reading, predictions
from hybridml.jobs.records import Record
from hybridml.report.comparison_text import comparison_text
from hybridml.rollout.comparison import Answer, PairTally, Tally, compare_split

TOO_FEW = 100
"""Requests of a side below which a comparison is called thin."""
_REFUSAL, _FAILURE = 400, 500
_SIGNIFICANT = 3
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Where an endpoint's records lie, and which bytes of which version have which part in its traffic."""

    folder: Path
    champion: str
    challenger: str | None = None
    shadow: str | None = None

    @classmethod
    def of(cls, endpoint: str, exported: Mapping[str, Any]) -> Parts:
        """Read from what the stack exports. Errors: `HybridMLError` when the endpoint keeps no requests."""
        said = exported.get("capture")
        if exported.get("target") != "local":
            raise HybridMLError(
                f"{endpoint} is served on {exported.get('target')}, and reports read what is kept on this machine. "
                "Look where its capture goes with the tools of that platform"
            )
        if not isinstance(said, Mapping):
            raise HybridMLError(
                f"{endpoint} keeps no requests, so there is nothing to compare. Say how many, and bring it up again: "
                "`capture: {sample: 10}` in its endpoint file"
            )
        parts = {part: str(said[part]) for part in ("champion", "challenger", "shadow") if said.get(part)}
        return cls(folder=Path(said["folder"]), **parts)


def report(
    folder: Path | None,
    stack: str | None,
    endpoint: str,
    *,
    since: str | None,
    confidence: float,
    format_: Format,
    out: Path | None = None,
) -> int:
    """Prints the comparisons of one endpoint and returns the exit status."""
    if not 0 < confidence < 1:
        raise _misused("--confidence", f"{confidence:g} is no share", "write more than 0 and less than 1")
    here = place.find(folder)
    name = here.one(stack)
    endpoints = deployed.require(here, name).endpoints
    if endpoint not in endpoints:
        raise _misused("ENDPOINT", f"there is no endpoint {endpoint!r}", f"one of {', '.join(sorted(endpoints))}")
    parts = Parts.of(endpoint, endpoints[endpoint])
    found = {"version": 1, "stack": name, "endpoint": endpoint} | document(parts, moment(since), confidence)
    shown = output.as_json(found) if format_ is Format.JSON else comparison_text(found, colour=output.coloured(out))
    output.write(shown, out)
    return 0


def moment(since: str | None) -> datetime | None:
    """`1h`, `30m`, `7d` before now, or a date or time, in UTC; one without a zone is meant so.

    Errors: `ConfigurationError` for anything else.
    """
    if since is None:
        return None
    try:
        if span := re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", since):
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        said = datetime.fromisoformat(since)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fix = "write a span such as 30m, 2h or 7d, or a date such as 2026-03-01"
        raise _misused("--since", f"{since!r} is no time", fix) from None


def _misused(option: str, message: str, fix: str) -> ConfigurationError:
    return ConfigurationError([Problem(path=option, message=message, fix=fix)])


def document(parts: Parts, since: datetime | None, confidence: float) -> dict[str, Any]:
    """The comparisons and what they rest on, as plain values."""
    reading = Reading(parts.folder, since)
    evidence = Evidence(parts)
    try:
        for record in reading.records():
            evidence.add(record)
    except OSError as error:
        raise HybridMLError(
            f"{error.filename} cannot be read: {error.strerror}. Ask as the owner of the records"
        ) from error
    return {
        "since": since.isoformat() if since else None,
        "confidence": confidence,
        "records": evidence.records,
        "first": evidence.first.isoformat() if evidence.first else None,
        "last": evidence.last.isoformat() if evidence.last else None,
        "split": evidence.split(confidence),
        "shadow": evidence.shadow(confidence),
        "notes": list(_notes(parts, reading, evidence)),
    }


def _notes(parts: Parts, reading: Reading, evidence: Evidence) -> list[str]:
    """What a reader must know before believing the numbers."""
    notes = []
    if not evidence.records:
        notes.append(f"nothing was kept{' since then' if reading.since else ' yet'} in {parts.folder}")
    if parts.challenger is None and parts.shadow is None:
        notes.append("the traffic has neither a challenger nor a shadow, so there is nothing to compare")
    if parts.challenger and min(evidence.sides) < TOO_FEW:
        notes.append(_thin("the split", evidence.sides))
    if parts.shadow and evidence.pairs.requests < TOO_FEW:
        notes.append(_thin("the shadow", (evidence.pairs.requests,)))
    if evidence.other:
        notes.append(f"{evidence.other:,} records of other bytes, or of requests that a header routed, are left out")
    if evidence.early:
        notes.append(f"left out: {evidence.early:,} of the champion's requests, from before the challenger's first")
    if reading.lost:
        notes.append(f"{reading.lost:,} records could not be written")
    if reading.damaged:
        notes.append(f"{reading.damaged:,} lines are damaged and left out")
    return notes


def _thin(what: str, sides: tuple[int, ...]) -> str:
    counts = " and ".join(f"{side:,}" for side in sides)
    return f"{what} is thin: {counts} requests; below {TOO_FEW} little can be told apart"


@dataclass
class Evidence:
    """What the records of an endpoint add up to, counted as they come."""

    parts: Parts
    records: int = 0
    other: int = 0
    """Records that no comparison can use."""
    early: int = 0
    """Requests of a champion that was there long before the challenger: other days had other callers."""
    first: datetime | None = None
    last: datetime | None = None
    champion: Tally = field(default_factory=Tally)
    challenger: Tally = field(default_factory=Tally)
    pairs: PairTally = field(default_factory=PairTally)
    _pairing: Pairing[Answer] = field(default_factory=Pairing)
    _labels: Labels = field(default_factory=Labels)
    _began: datetime | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Requests of champion and challenger."""
        return self.champion.requests, self.challenger.requests

    def add(self, record: Record) -> None:
        """One more."""
        self.records += 1
        self.first = self.first or record.time
        self.last = record.time
        used = self._split(record) | self._shadow(record)
        self.other += not used

    def _split(self, record: Record) -> bool:
        """Only what a weight decided can be compared: who is routed by a header is not a random part of the callers."""
        tally = {self.parts.champion: self.champion, self.parts.challenger: self.challenger}.get(record.revision)
        if record.shadow or record.route == "header" or tally is None:
            return False
        if tally is self.challenger and not tally.requests:
            self._begin(record.time)
        self._began = self._began or record.time
        tally.add(_answer(record, *self._labels.bounded(predictions(record))))
        return True

    def _begin(self, moment: datetime) -> None:
        """The challenger's first request: a champion that was long there begins anew."""
        if self._began and moment - self._began > APART:
            self.early, self.champion = self.champion.requests, Tally()

    def _shadow(self, record: Record) -> bool:
        if self.parts.shadow is None or record.revision != (
            self.parts.shadow if record.shadow else self.parts.champion
        ):
            return False
        answer = _answer(record, predictions(record))
        pair = self._pairing.meet(record.request, record.time, int(record.shadow), answer)
        if pair is not None:
            self.pairs.add(*_bounded(self._labels, pair))
        return True

    def split(self, confidence: float) -> dict[str, Any] | None:
        """Champion and challenger on their parts of the traffic; None where there is no challenger."""
        if self.parts.challenger is None:
            return None
        names = (f"champion {self.parts.champion}", f"challenger {self.parts.challenger}")
        return compare_split(self.champion.group(), self.challenger.group(), confidence, names).to_mapping()

    def shadow(self, confidence: float) -> dict[str, Any] | None:
        """Champion and shadow on the same requests; None where there is no shadow."""
        if self.parts.shadow is None:
            return None
        names = (f"champion {self.parts.champion}", f"shadow {self.parts.shadow}")
        return self.pairs.comparison(confidence, names).to_mapping()


def _answer(record: Record, classes: tuple[str, ...]) -> Answer:
    """Latencies to three digits, so that a million of them are a few thousand different ones."""
    milliseconds = float(f"{record.milliseconds:.{_SIGNIFICANT}g}")
    refused = _REFUSAL <= record.status < _FAILURE
    return Answer(failed=record.status >= _FAILURE, refused=refused, milliseconds=milliseconds, classes=classes)


def _bounded(labels: Labels, pair: tuple[Answer, Answer]) -> tuple[Answer, Answer]:
    sides = labels.bounded(tuple(pair[0].classes), tuple(pair[1].classes))
    return replace(pair[0], classes=sides[0]), replace(pair[1], classes=sides[1])
