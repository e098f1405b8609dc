"""Reads the instructions of a pickle without following one, to say what it would import."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickletools
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

_FAR: Final = 64 << 20
"""Bytes of a pickle that are looked at; names of classes stand near its beginning."""
_MOST: Final = 2_000_000
"""Instructions that are looked at."""
_FIRST: Final = (b"\x80", b"(", b"c", b"]", b"}")
"""What a pickle begins with: its protocol, or in the oldest ones a container or a class."""
_ARRAY: Final = "joblib.numpy_pickle.NumpyArrayWrapper"


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What a pickle would do."""

    names: tuple[str, ...]
    """Everything it would import, `module.name`, each once, in order."""
    joblib: bool
    """Whether joblib wrote it: arrays lie between its instructions, or it is compressed."""
    cut: bool
    """Whether it ends before its last instruction."""


def scan(path: Path) -> Scan | None:
    """What the pickle at `path` would do; None where there is none."""
    with path.open("rb") as file:
        opened = _opened(file)
        compressed = opened is not file
        try:
            head = opened.read(1)
            head += opened.read(_FAR) if head in _FIRST else b""
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
            return Scan(names=(), joblib=True, cut=True) if compressed else None
    if not head.startswith(_FIRST):
        return None
    return _scanned(head, compressed)


def _opened(file: IO[bytes]) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    """The file, or what is compressed in it, as joblib does."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith((b"\xfd7zXZ", b"]\x00\x00")):
        return lzma.LZMAFile(file)
    if head[:1] == b"\x78" and int.from_bytes(head[:2]) % 31 == 0:
        with suppress(zlib.error):
            return io.BytesIO(zlib.decompressobj().decompress(file.read(_FAR), _FAR))
    return file


def _scanned(head: bytes, compressed: bool) -> Scan | None:
    names: dict[str, None] = {}
    steps = _names(pickletools.genops(head))
    stopped = False
    try:
        for name in steps:
            stopped = name is None
            if name is not None:
                names[name] = None
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError):
        pass  # joblib's arrays, the end of what was read, or the end of the file
    joblib = compressed or _ARRAY in names
    if not stopped and not head.startswith(b"\x80"):
        return None  # text begins like the oldest pickles, but goes on otherwise
    cut = not stopped and _ARRAY not in names and len(head) < _FAR
    return Scan(names=tuple(names), joblib=joblib, cut=cut)


def _names(steps: Iterator[tuple[Any, Any, int | None]]) -> Iterator[str | None]:
    """Each import as it comes, and None at the end of a whole pickle."""
    texts: list[Any] = []
    memo: dict[int, Any] = {}
    for number, (step, argument, _) in enumerate(steps):
        if number > _MOST:
            return
        if step.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif step.name == "STACK_GLOBAL" and len(texts) > 1:
            yield f"{texts[-2]}.{texts[-1]}"
        elif step.name == "STOP":
            yield None
        elif "UNICODE" in step.name:
            texts.append(argument)
        elif step.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else None
        elif step.name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(argument)] = texts[-1] if texts else None
        elif step.name in ("BINGET", "LONG_BINGET", "GET"):
            texts.append(memo.get(int(argument)))
