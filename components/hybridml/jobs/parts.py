"""The files that a batch prediction writes: each whole, or not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hybridml.errors import HybridMLError

ERRORS: Final = "errors.jsonl"
"""Every row that failed, in the run's folder."""


class Unwritable(HybridMLError):  # noqa: N818 - says what the predictions are
    """Predictions have no place in a file of that format, or on that disk."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One shard, predicted."""

    file: str
    """Its predictions, in the run's folder."""
    sha256: str
    """Their digest."""
    predicted: int
    failed: int

    def described(self) -> dict[str, Any]:
        """The part as a manifest names it."""
        return asdict(self)


class Parts:
    """The parts of one run."""

    def __init__(self, folder: Path, format_: str) -> None:
        self._folder, self._format = folder, format_

    def find(self, index: int) -> Part | None:
        """The part of that number, when an earlier attempt finished it and its bytes are the same.

        One of failures alone is tried again: what was missing may be there now.
        """
        try:
            part = Part(**json.loads(self._mark(index).read_text(encoding="utf-8")))
            return part if self.holds(part) and (part.predicted or not part.failed) else None
        except (OSError, ValueError, TypeError):
            return None

    def holds(self, part: Part) -> bool:
        """Whether the part lies there with the bytes that were written; raises OSError when it is gone."""
        return _digest(self._folder / part.file) == part.sha256

    def write(self, index: int, rows: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Part:
        """Write predictions, failures and, last, the mark that says they are complete."""
        path = self._folder / f"part-{index:05d}.{self._format}"
        _place(path, lambda part: _write_table(part, self._format, rows))
        _place(self._errors(index), lambda part: part.write_text(_lines(errors), encoding="utf-8"))
        part = Part(file=path.name, sha256=_digest(path), predicted=len(rows), failed=len(errors))
        write_json(self._mark(index), asdict(part))
        return part

    def errors(self, parts: list[Part]) -> str | None:
        """One file of all failures, and its name; None when there are none."""
        path = self._folder / ERRORS
        if not any(part.failed for part in parts):
            path.unlink(missing_ok=True)
            return None
        _place(path, lambda whole: self._gather(whole, len(parts)))
        return path.name

    def _gather(self, whole: Path, count: int) -> None:
        with whole.open("w", encoding="utf-8") as stream:
            for index in range(count):
                stream.write(self._errors(index).read_text(encoding="utf-8"))

    def _mark(self, index: int) -> Path:
        return self._folder / "marks" / f"{index:05d}.json"

    def _errors(self, index: int) -> Path:
        return self._folder / "marks" / f"{index:05d}.errors.jsonl"


def write_json(path: Path, document: object) -> None:
    """Write `document` to `path` in one step."""
    _place(path, lambda part: part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8"))


def _lines(documents: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def _write_table(path: Path, format_: str, rows: list[dict[str, Any]]) -> None:
    import pandas

    if format_ == "jsonl":
        path.write_text(_lines([_plain(row) for row in rows]), encoding="utf-8")
        return
    columns = dict.fromkeys(name for row in rows for name in row) or ["file", "row", "prediction"]
    table = pandas.DataFrame(rows, columns=list(columns))
    if format_ == "csv":
        table.to_csv(path, index=False, errors="backslashreplace")
        return
    try:
        table.to_parquet(path, index=False)
    except (ValueError, TypeError, NotImplementedError) as error:  # what Arrow raises is one of these
        reason = str(error).partition("\n")[0]
        raise Unwritable(
            f"the predictions cannot be written as Parquet: {reason}; predict from .jsonl or .csv files"
        ) from None


def _plain(value: Any) -> Any:
    """What JSON can hold: no number that is none, each moment as ISO 8601, numpy's values as Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - a moment that is none is not itself
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _place(path: Path, fill: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.part")
    try:
        fill(part)
        part.chmod(0o600)
        _sync(part)
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise Unwritable(f"{path} cannot be written: {reason}; what is complete is kept for the next run") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
