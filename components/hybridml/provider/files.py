"""Files and folders that appear in one step, complete and durable, or not at all."""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from hybridml.errors import ResourceError

_MARK = ".hybridml-part"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_SEARCH = {stat.S_IRUSR: stat.S_IXUSR, stat.S_IRGRP: stat.S_IXGRP, stat.S_IROTH: stat.S_IXOTH}


def place(path: Path, fill: Callable[[Path], None], mode: int) -> None:
    """Let `fill` write a file or folder beside `path`, then move it to `path` in one step, replacing what is there."""
    make_folder(path.parent)
    _clean(path)
    part = path.parent / f".{path.name}.{secrets.token_hex(4)}{_MARK}"
    try:
        fill(part)
        set_mode(part, mode)
        _sync(part)
        _swap(part, path)
    finally:
        remove(part)
    _sync_one(path.parent)


def make_folder(path: Path) -> None:
    """Make the folder `path`, and those missing above it, for their owner alone."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _clean(path: Path) -> None:
    """Remove what a killed run left beside `path`; what belongs to a neighbour with a longer name stays."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}*{_MARK}"):
        if re.fullmatch(r"\.[0-9a-f]{8}(\.old)?", leftover.name[len(path.name) + 1 : -len(_MARK)]):
            remove(leftover)


def write_text(part: Path, text: str) -> None:
    """Write `text` to the new file `part`, readable by its owner alone."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


def copy(source: Path, part: Path) -> None:
    """Copy the file or folder `source`; a symbolic link or device inside it is refused, since it may lead outside."""
    for entry in (source, *_inside(source)):
        target, kind = part / entry.relative_to(source), entry.lstat().st_mode
        if stat.S_ISDIR(kind):
            target.mkdir(mode=0o700)
        elif stat.S_ISREG(kind):
            copy_file(entry, target)
        else:
            raise ResourceError(f"{entry} is neither a file nor a folder; links and devices are not followed")


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of `source` to the new file `target`, readable by its owner alone; neither may be a link."""
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as read:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as write:
            shutil.copyfileobj(read, write, 1 << 20)


def remove(path: Path) -> None:
    """Remove a file or folder; a link is removed, never what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def set_mode(path: Path, mode: int) -> None:
    """Give each file below `path` the permissions `mode`, each folder also search permission where it is readable."""
    for entry in (path, *_inside(path)):
        entry.chmod(folder_mode(mode) if entry.is_dir() else mode)


def observed_mode(path: Path, mode: int) -> int:
    """The permissions of the first file below `path` that does not have `mode`, or `mode`."""
    for entry in (path, *_inside(path)):
        wanted = folder_mode(mode) if entry.is_dir() else mode
        if (found := stat.S_IMODE(entry.lstat().st_mode)) != wanted:
            return found
    return mode


def folder_mode(mode: int) -> int:
    """`0640` → `0750`: a folder that is readable can also be searched; its owner always can."""
    return mode | stat.S_IRWXU | sum(search for reads, search in _SEARCH.items() if mode & reads and not mode & search)


def _inside(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from sorted(path.rglob("*"))


def _sync(path: Path) -> None:
    for entry in (*_inside(path), path):
        _sync_one(entry)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(part: Path, path: Path) -> None:
    """Rename `part` to `path`; where a folder is in the way, the two change places so that `path` always exists."""
    try:
        part.rename(path)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}:
            raise
        _exchange(part, path)


def _exchange(part: Path, path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 and renameat2(_AT_FDCWD, bytes(part), _AT_FDCWD, bytes(path), _RENAME_EXCHANGE) == 0:
        return
    aside = part.with_name(f"{part.name[: -len(_MARK)]}.old{_MARK}")
    path.rename(aside)
    part.rename(path)
    remove(aside)
