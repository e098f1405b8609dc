"""Reads a data file: CSV, Parquet or lines of JSON, told from its content."""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hybridml.errors import Problem

if TYPE_CHECKING:
    import pandas

OPTION: Final = "--data"
LARGEST: Final = 2 << 30
"""Bytes of a data file that are read into memory."""
ROWS: Final = 1_000_000
"""Rows that statistics are made of; more would not change them."""
_SEPARATORS: Final = ",;\t|"


class TableFormat(StrEnum):
    """How a data file is written."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


def problems(path: Path) -> list[Problem]:
    """What keeps the data file from being read, as far as its beginning tells; empty where nothing does."""
    try:
        return [Problem(path=OPTION, message=f"{path} {said}", fix=fix) for said, fix in _wrong(path)]
    except (OSError, csv.Error, RecursionError) as error:
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        return [Problem(path=OPTION, message=message, fix="a CSV, Parquet or JSON lines file")]


def _wrong(path: Path) -> Iterator[tuple[str, str]]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        yield "is no file", "a CSV, Parquet or JSON lines file"
    elif not status.st_size:
        yield "is empty", "a file with a header and rows"
    elif status.st_size > LARGEST:
        yield f"is larger than {LARGEST >> 30} GiB", "a sample of it; statistics hardly change"
    elif table_format(path) is TableFormat.PARQUET:
        yield from ()
    elif (place := _not_utf8(path)) is not None:
        yield f"is not UTF-8 text, from byte {place} on", "save it as UTF-8"
    elif table_format(path) is TableFormat.JSONL:
        yield from _wrong_record(path)
    else:
        yield from _wrong_header(path)


def table_format(path: Path) -> TableFormat:
    """How the file is written, told from its first bytes."""
    with path.open("rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PAR1"):
        return TableFormat.PARQUET
    return TableFormat.JSONL if head.startswith(b"{") else TableFormat.CSV


def _not_utf8(path: Path) -> int | None:
    """The first byte that is not UTF-8 text; None where all are."""
    import codecs

    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return read - pending + error.start
            if "\0" in text:
                return read + chunk.index(b"\0")
            read += len(chunk)
    return read - len(rest) if (rest := decoder.getstate()[0]) else None


def _wrong_record(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8-sig") as file:
        line = file.readline(1 << 20)
    try:
        json.loads(line)
    except ValueError:
        yield "begins with a brace, but its first line is no JSON object", "one object per line"


def _wrong_header(path: Path) -> Iterator[tuple[str, str]]:
    header = _header(path)
    for name, count in Counter(header).items():
        if count > 1:
            yield f"has {count} columns called {name!r}", "give each column its own name"
    if any(not name.strip() for name in header[1:]):
        yield "has a column without a name", "give each column a name"


def separator(path: Path) -> str:
    """What stands between the columns of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline(1 << 20)
    return max(_SEPARATORS, key=line.count)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader([file.readline(1 << 20)], delimiter=separator(path)), [])


def read(path: Path) -> pandas.DataFrame:
    """The rows of the file, at most a million. Raises `ValueError` where they cannot be read."""
    import pandas

    try:
        match table_format(path):
            case TableFormat.PARQUET:
                return _plain(pandas.read_parquet(path).head(ROWS))
            case TableFormat.JSONL:
                return pandas.read_json(path, lines=True, nrows=ROWS)
        return pandas.read_csv(path, sep=separator(path), nrows=ROWS, encoding="utf-8-sig")
    except Exception as error:  # whatever pandas and the readers behind it raise on bytes that they do not like
        raise ValueError(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from None


def _plain(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The rows without what only pandas knows: categories as values, whole numbers that may be missing as floats."""
    import pandas

    for name, kind in frame.dtypes.items():
        if isinstance(kind, pandas.CategoricalDtype):
            frame[name] = frame[name].astype(kind.categories.dtype)
        elif isinstance(kind, pandas.Int64Dtype | pandas.Float64Dtype):
            frame[name] = frame[name].astype("float64" if frame[name].isna().any() else kind.numpy_dtype)
    return frame
