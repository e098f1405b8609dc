"""Where results and diagnostics go, and how they are laid out."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hybridml.errors import HybridMLError, printable


def as_json(value: object) -> str:
    """`value` as the stable JSON of every command: indented, keys in the order they were given."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write(text: str, out: Path | None = None) -> None:
    """Writes a result to `out`, a file whole or not at all, or to stdout when there is no `out`.

    Errors: `HybridMLError` when it cannot be written; `BrokenPipeError` when the reader of stdout went away.
    """
    try:
        _to_stdout(text) if out is None else _to_file(text, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        where, fix = ("to stdout", "--out FILE") if out is None else (f"to {out}", "another --out FILE")
        reason = error.strerror or error
        raise HybridMLError(f"The result cannot be written {where}: {reason}. Write it elsewhere: {fix}") from error


def _to_stdout(text: str) -> None:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(_encodable(text).encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _to_file(text: str, out: Path) -> None:
    if out.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if out.exists() and not out.is_file():  # a device or a pipe: nothing may take its place
        out.write_text(_encodable(text), encoding="utf-8")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    file = Path(os.path.realpath(out))
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_text(_encodable(text), encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _encodable(text: str) -> str:
    """`text` with what UTF-8 cannot say, a file's name that is none say, as JSON says it: `\\udcff`."""
    return text.encode("utf-8", "backslashreplace").decode()


def coloured(out: Path | None) -> bool:
    """Whether a result may carry colours: only on a terminal, and not where NO_COLOR asks for none."""
    return out is None and sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def say(line: str) -> None:
    """Diagnostics or progress; names of anybody's files and columns in it steer no terminal."""
    sys.stderr.write(printable(line, keep="\n\t") + "\n")
    sys.stderr.flush()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns of equal width, two spaces apart; no trailing blanks."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)
