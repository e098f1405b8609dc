"""The first bytes and the outer structure of model files. Reads what it must and follows no instruction in it."""

from __future__ import annotations

import json
import lzma
import os
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final

_HEADER: Final = 100_000_000
"""Largest header of a safetensors file, in bytes (safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""
_NAMES: Final = 100_000
"""Files in an archive that no model comes near."""
_UNPACKED: Final = 1 << 30
_SWELLS: Final = 100
"""Bytes that an archive may always unpack to, and how often its size it may be beyond them."""
_GRAPH, _IR_VERSION, _OPSET = 7, 1, 8
"""Fields of ONNX's ModelProto (onnx/onnx.proto)."""
_NEWEST_IR: Final = 64


def zip_names(path: Path) -> frozenset[str] | None:
    """Names of the files in an archive; None where it cannot be read to its end."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    return frozenset(names[:_NAMES])


def zip_swells(path: Path) -> bool:
    """Whether an archive says that it unpacks to more than 1 GiB and a hundred times its size."""
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    return size > max(_UNPACKED, _SWELLS * path.stat().st_size)


def zip_head(path: Path, name: str) -> bytes:
    """The first bytes of a file in an archive; none where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            return file.read(4096)
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, OSError, zlib.error, lzma.LZMAError):
        return b""


def looks_like_json(head: bytes) -> bool:
    """Whether a JSON object begins here."""
    return head.lstrip()[:1] == b"{" and head.lstrip()[1:].lstrip()[:1] in (b'"', b"}")


def is_xgboost_json(path: Path) -> bool:
    """Whether the JSON object is a model: XGBoost writes `learner` and `version`, one of them first."""
    with path.open("rb") as file:
        start = file.read(4096).lstrip()[1:].lstrip()
    return start.startswith((b'"learner"', b'"version"')) and (b'"learner"' in start or _has_learner(path))


def _has_learner(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"learner"' in file.read(65536)


def ends_with(path: Path, mark: bytes) -> bool:
    """Whether the last bytes that are no white space are `mark`."""
    return _tail(path, 512).rstrip(b"\0 \t\r\n").endswith(mark)


def is_lightgbm_whole(path: Path) -> bool:
    """Whether the text of a booster goes on to its end."""
    return b"end of trees" in _tail(path, 1 << 20)


def _tail(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - length))
        return file.read(length)


def looks_like_safetensors(head: bytes) -> bool:
    """Whether eight bytes of length and a JSON object begin here."""
    return len(head) > 9 and 2 <= int.from_bytes(head[:8], "little") <= _HEADER and head[8:9] == b"{"  # noqa: PLR2004


def safetensors_whole(path: Path) -> bool:
    """Whether the tensors that the header names end where the file does."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
        size = file.seek(0, os.SEEK_END)
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        return bool(8 + length + max(ends, default=0) == size)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return False


def looks_like_onnx(head: bytes) -> bool:
    """Whether a protobuf message begins here with the version of ONNX's format."""
    return len(head) > 2 and head[0] == _IR_VERSION << 3 and 1 <= head[1] <= _NEWEST_IR  # noqa: PLR2004


def onnx_whole(path: Path) -> bool | None:
    """Whether the message goes on to the end of the file; None where it is no ONNX model."""
    seen: set[int] = set()
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        while (at := file.tell()) < size:
            field = _field(file)
            if field is None or file.tell() > size:
                return False if {_GRAPH, _OPSET} & seen or at > 2 else None  # noqa: PLR2004 - more than the version
            seen.add(field)
    return True if {_IR_VERSION, _GRAPH} <= seen else None


def _field(file: BinaryIO) -> int | None:
    """The number of the field that begins here, skipped over; None where none does (protobuf's wire types)."""
    tag = _varint(file)
    if tag is None or not tag >> 3:
        return None
    if tag & 7 == 0:
        return tag >> 3 if _varint(file) is not None else None
    if tag & 7 in (1, 5):
        file.seek(8 if tag & 7 == 1 else 4, os.SEEK_CUR)
        return tag >> 3
    length = _varint(file) if tag & 7 == 2 else None  # noqa: PLR2004 - length-delimited
    if length is None:
        return None
    file.seek(length, os.SEEK_CUR)
    return tag >> 3


def _varint(file: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 63, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return value
    return None
