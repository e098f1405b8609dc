"""What Pulumi knows an asset or archive by: the SHA-256 of its content.

Of an archive of files that is the digest of a tar stream (sdk/go/common/resource/archive/archive.go and Go's
archive/tar): every file once, folder by folder, mode 0600, nothing else said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hybridml.engine.values import ARCHIVE_SIGNATURE, SIGNATURE, Value, reveal

_BLOCK: Final = 512
_NAME: Final = 100
"""Bytes of the longest name that needs no extended header."""
_PACKED: Final = (".tar", ".tgz", ".tar.gz", ".zip", ".jar")
_IGNORED: Final = ".pulumi"


def digest(asset: Mapping[str, Value], folder: Path) -> str | None:
    """The digest of an asset or archive whose paths are relative to `folder`; None for what cannot be read here."""
    try:
        if asset.get(SIGNATURE) != ARCHIVE_SIGNATURE:
            content = _content(asset, folder)
            return None if content is None else hashlib.sha256(content).hexdigest()
        path = folder / str(asset["path"]) if asset.get("path") else None
        if path is not None and path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest() if path.name.endswith(_PACKED) else None
        files = _files(asset, folder)
    except OSError:
        return None
    return None if files is None else _of_tar(files)


def _content(asset: Mapping[str, Value], folder: Path) -> bytes | None:
    text = reveal(asset.get("text"))
    if isinstance(text, str) and not asset.get("path"):
        return text.encode()
    path = folder / str(asset["path"]) if asset.get("path") else None
    return path.read_bytes() if path is not None and path.is_file() else None


def _files(archive: Mapping[str, Value], folder: Path) -> dict[str, bytes] | None:
    """The files of an archive by name, in the order in which Pulumi packs them; None when one is out of reach."""
    if archive.get("path"):
        root = folder / str(archive["path"])
        return _of_folder(root) if root.is_dir() else None
    if not isinstance(archive.get("assets"), Mapping):
        return None
    found: dict[str, bytes] = {}
    for name, member in sorted(archive["assets"].items()):
        inside = _members(name, member, folder) if isinstance(member, Mapping) else None
        if inside is None:
            return None
        found |= {inner: content for inner, content in inside.items() if inner not in found}
    return found


def _members(name: str, member: Mapping[str, Value], folder: Path) -> dict[str, bytes] | None:
    if member.get(SIGNATURE) == ARCHIVE_SIGNATURE:
        files = _files(member, folder)
        return None if files is None else {f"{name}/{inner}": content for inner, content in files.items()}
    content = _content(member, folder)
    return None if content is None else {name: content}


def _of_folder(root: Path) -> dict[str, bytes]:
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    kept = sorted((path for path in paths if _IGNORED not in path.parts), key=lambda path: path.parts)
    return {path.as_posix(): (root / path).read_bytes() for path in kept}


def _of_tar(files: Mapping[str, bytes]) -> str | None:
    found = hashlib.sha256()
    for name, content in files.items():
        if len(name.encode()) > _NAME or not name.isascii():
            return None
        found.update(_header(name, len(content)))
        found.update(content + bytes(-len(content) % _BLOCK))
    found.update(bytes(2 * _BLOCK))
    return found.hexdigest()


def _header(name: str, size: int) -> bytes:
    """A header of POSIX's ustar format (IEEE 1003.1, pax, "ustar Interchange Format")."""
    parts: Iterable[bytes] = (
        name.encode().ljust(_NAME, b"\0"),
        b"0000600\0" + b"0000000\0" * 2,
        f"{size:011o}\0".encode() + b"00000000000\0",
        b" " * 8,
        b"0" + bytes(_NAME),
        b"ustar\x0000" + bytes(64),
        b"0000000\0" * 2,
    )
    block = b"".join(parts).ljust(_BLOCK, b"\0")
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]
