"""One request and its answer as a line of JSON, and the files of such lines. Pure, but for reading.

`<folder>/<YYYY-MM-DD>/<replica>.jsonl`, a folder for each day (UTC) on which something was written.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

SUFFIX = ".jsonl"
_SPACE = float(2**64)


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
    """The record of that line; None where the line is cut short or damaged."""
    try:
        values = json.loads(line)
        moment, took = datetime.fromisoformat(values["time"]), float(values["milliseconds"])
        if moment.tzinfo is None or not math.isfinite(took):
            return None
        exact = {"time": moment, "milliseconds": took, "status": int(values["status"])}
        return Record(**values | exact | {"request": str(values["request"]), "lost": int(values.get("lost", 0))})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def days(folder: Path) -> Iterator[tuple[date, Path]]:
    """The days of which something is kept, oldest first, and the folder of each; others' files are passed over."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            yield date.fromisoformat(path.name), path
        except ValueError:
            continue


def day_of(moment: datetime) -> str:
    """Name of the folder of what is written at `moment`."""
    return moment.astimezone(UTC).date().isoformat()
