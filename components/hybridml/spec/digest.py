"""The digest of an artifact: one number over every byte that is served. Standard library only.

A file has its own SHA-256. A folder has the SHA-256 of the lines that `sha256sum` prints for its files,
`<digest>  <path from the folder, with slashes>`, sorted by path; what is empty (a folder in it) does not count.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

_CHUNK: Final = 1 << 20


class NotAnArtifact(ValueError):  # noqa: N818 - says what it is not
    """The path holds something whose bytes cannot be pinned: a link, a socket, an unreadable file, nothing."""


def digest(path: Path) -> str:
    """SHA-256 of the file or folder at `path`, as 64 hexadecimal digits.

    Raises `NotAnArtifact` for a path that is missing, unreadable or an empty folder, and for links and special
    files anywhere in it: what they lead to may change without the digest.
    """
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            return _text_digest("".join(lines(path)))
        return _file_digest(path)
    except OSError as error:
        raise NotAnArtifact(f"{error.filename or path}: {error.strerror or error}") from None


def lines(folder: Path) -> list[str]:
    """A line `<digest>  <path>` with its line end for each file below `folder`, sorted by path.

    Raises `NotAnArtifact` as `digest` does.
    """
    files = sorted(_walk(folder, PurePosixPath()), key=lambda pair: str(pair[0]).encode())
    if not files:
        raise NotAnArtifact(f"{folder}: the folder holds no file")
    return [f"{_file_digest(file)}  {name}\n" for name, file in files]


def _walk(folder: Path, below: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if "\n" in entry.name or "\\" in entry.name or not entry.name.isprintable():
                raise NotAnArtifact(f"{folder}: a file name holds a character that is not printable, or a backslash")
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, below / entry.name)
            else:
                yield below / entry.name, folder / entry.name


def _file_digest(path: Path) -> str:
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        raise NotAnArtifact(f"{path}: {'a link' if stat.S_ISLNK(kind) else 'not a regular file'}")
    running = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - opened without following links
        while chunk := file.read(_CHUNK):
            running.update(chunk)
    return running.hexdigest()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
