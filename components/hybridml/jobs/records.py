"""One request and its answer as a line of JSON, and the files of such lines. Pure, but for reading.

`<folder>/<YYYY-MM-DD>/<replica>.jsonl`, a folder for each day (UTC) on which something was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

SUFFIX = ".jsonl"
_SPACE = float(2**64)
_EARLIEST = 1970
_LONGEST = 1e12


def sampled(request: str, percent: float) -> bool:
    """Whether the request of that id is among the `percent` that are kept.

    The same for every server, so that a request and its shadow copy are kept both or neither.
    """
    digest = hashlib.blake2b(request.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SPACE < percent / 100


@dataclass(frozen=True, kw_only=True)
class Record:
    """One request to one server."""

    time: datetime
    """When it came."""
    request: str
    """Its `x-request-id`; a shadow copy has the id of the request that it copies."""
    version: str
    """Version of the model that answered."""
    revision: str
    """The version, and which bytes of it."""
    shadow: bool
    """A copy; nobody saw the answer."""
    route: str = ""
    """Why this version: `split`, by its weight; `header`, by what the caller said; empty where nobody told."""
    status: int
    """HTTP status of the answer."""
    milliseconds: float
    """From the request's arrival to the last byte of the answer, in the server."""
    inputs: Any = None
    """The request, without what must not be kept."""
    outputs: Any = None
    """The answer to a request that succeeded."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """`inputs` or `outputs`, where they were not kept, and why."""
    lost: int = 0
    """Records that this server could not write since its last one."""

    def line(self) -> bytes:
        """The record as it is written: one line."""
        values = {name: value for name, value in vars(self).items() if name not in _OPTIONAL or value}
        values["time"] = self.time.isoformat(timespec="microseconds")
        return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\n"


_OPTIONAL = {"left_out", "lost"}


def parse(line: bytes) -> Record | None:
    """The record of that line; None where the line is cut short or damaged, or has a value that no record has."""
    try:
        values = json.loads(line)
        moment = datetime.fromisoformat(values["time"])
        if moment.tzinfo is None:
            return None
        record = Record(**values | {"time": moment.astimezone(UTC)})
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return record if _sound(record) else None


def _sound(record: Record) -> bool:
    texts = (record.request, record.version, record.revision, record.route)
    numbers = (record.status, record.lost)
    return (
        record.time.year >= _EARLIEST
        and all(isinstance(text, str) for text in texts)
        and all(type(number) is int and number >= 0 for number in numbers)
        and isinstance(record.shadow, bool)
        and isinstance(record.left_out, dict)
        and type(record.milliseconds) in (int, float)
        and 0 <= record.milliseconds < _LONGEST
    )


def days(folder: Path) -> Iterator[tuple[date, Path]]:
    """The days of which something is kept, oldest first, and the folder of each; others' files are passed over."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        day = _day(path.name)
        if day is not None:
            yield day, path


def _day(name: str) -> date | None:
    """The day of that name, as `day_of` writes it; Python also reads `20260301` and `2026-W09`, which are others'."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if day.isoformat() == name else None


def day_of(moment: datetime) -> str:
    """Name of the folder of what is written at `moment`."""
    return moment.astimezone(UTC).date().isoformat()
