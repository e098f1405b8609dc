"""Rows of CSV, JSON lines and Parquet files, shard by shard, with those that cannot be read set aside."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import HybridMLError

if TYPE_CHECKING:
    import pandas
    from mlflow.types import Schema

SUFFIXES: Final[Mapping[str, str]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Suffix of a file to its format."""
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}
_LONGEST_VALUE: Final = 64 << 20
"""Characters of one value of a CSV file; the module's own limit is below one picture."""

Row = Mapping[str, Any]


class Unreadable(HybridMLError):  # noqa: N818 - says what the file is
    """A file of the input is not what its format says."""


@dataclass
class Shard:
    """Some rows of one file, in order."""

    file: Path
    rows: list[tuple[int, Row]] = field(default_factory=list)
    """Number in the file, from 1, and values by column."""
    broken: list[tuple[int, str]] = field(default_factory=list)
    """Number of a row that is none, and why."""

    def __len__(self) -> int:
        return len(self.rows) + len(self.broken)


def format_of(files: list[Path], said: str | None) -> str:
    """What the files hold: what was said, or what all their suffixes say. Raises `Unreadable` where they do not."""
    found = {SUFFIXES.get(file.suffix.lower(), "") for file in files}
    if said:
        return said
    if len(found) == 1 and "" not in found:
        return found.pop()
    names = ", ".join(sorted({file.suffix or file.name for file in files}))
    raise Unreadable(f"{names} does not say one format; set batch.format to csv, jsonl or parquet")


def shards(file: Path, format_: str, size: int) -> Iterator[Shard]:
    """The rows of `file` in shards of at most `size`. Raises `Unreadable`."""
    numbered = enumerate(_READERS[format_](file), start=1)
    try:
        while entries := list(islice(numbered, size)):
            yield Shard(
                file=file,
                rows=[(number, entry) for number, entry in entries if not isinstance(entry, str)],
                broken=[(number, entry) for number, entry in entries if isinstance(entry, str)],
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{file} is not {format_}: {error}") from None


def _csv(file: Path) -> Iterator[Row | str]:
    csv.field_size_limit(_LONGEST_VALUE)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = _lines(csv.reader(stream, strict=True))
        header = next(lines, None)
        if header is None:
            return
        if isinstance(header, str) or len(set(header)) != len(header):
            raise Unreadable(f"{file} has no first line with a name for each column, or two columns of the same name")
        for line in lines:
            if isinstance(line, str):
                yield line
            elif line and len(line) != len(header):
                yield f"has {len(line)} values for {len(header)} columns"
            elif line:
                yield {name: value or None for name, value in zip(header, line, strict=True)}


def _lines(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """The values of each line, or why it is none; a quote that never ends would swallow lines, and raises."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" not in str(error):
                raise
            yield f"is not CSV: {error}"


def _jsonl(file: Path) -> Iterator[Row | str]:
    with file.open("rb") as stream:
        for line in stream:
            try:
                text = line.decode("utf-8-sig").strip()
                value = json.loads(text) if text else None
            except (ValueError, RecursionError) as error:
                yield f"is not JSON: {error}"
                continue
            if text:
                yield value if isinstance(value, dict) else "is not an object with a value for each column"


def _parquet(file: Path) -> Iterator[Row | str]:
    import pandas

    try:
        frame = pandas.read_parquet(file)
    except Exception as error:  # the reader's errors have no common base
        raise Unreadable(f"{file} is not parquet: {str(error).partition(chr(10))[0]}") from None
    names = list(map(str, frame.columns))
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))


_READERS = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}


def frame(rows: list[Row], schema: Schema | None) -> pandas.DataFrame:
    """The rows as the model wants them: columns and types of its signature, or numbers where a column has only those.

    Raises ValueError for a value that is none of its column's type, and for a column that is missing.
    """
    import pandas

    made = pandas.DataFrame(rows)
    if schema is None:
        return made.apply(_guessed)
    if schema.is_tensor_spec() or not schema.has_input_names():
        return made.apply(pandas.to_numeric)
    types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    optional = {name for name in types if name not in schema.required_input_names()}
    missing = [name for name in types if name not in made and name not in optional]
    if missing:
        raise ValueError(f"has no {', '.join(map(str, missing))}")
    return pandas.DataFrame({name: _typed(made[name], types[name]) for name in types if name in made})


def _typed(column: pandas.Series[Any], type_: Any) -> pandas.Series[Any]:
    import numpy
    import pandas

    wanted = numpy.dtype(type_)
    try:
        if wanted.kind in "iuf":
            return _number(pandas.to_numeric(column), wanted)
        if wanted.kind == "b" and column.dtype != bool:
            return column.map(lambda value: value if isinstance(value, bool) else _TRUTH[str(value).lower()])
        return pandas.to_datetime(column) if wanted.kind == "M" else column
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{column.name} is not {wanted}: {error}") from None


def _number(column: pandas.Series[Any], wanted: Any) -> pandas.Series[Any]:
    """The numbers as that type; one that a whole type would cut or wrap is none."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # an overflow is found right below
        made = column.astype(wanted)
    if wanted.kind in "iu" and len(wrong := column[made != column]):
        raise ValueError(f"{wrong.iloc[0]} is beyond it")
    return made


def _guessed(column: pandas.Series[Any]) -> pandas.Series[Any]:
    import pandas

    try:
        return pandas.to_numeric(column)
    except (ValueError, TypeError):
        return column
