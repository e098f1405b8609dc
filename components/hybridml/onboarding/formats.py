"""What a file or a folder holds, told from its content. Nothing in it is loaded, imported or run."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from hybridml.onboarding import binary, pickles


class Kind(StrEnum):
    """What a model is kept as."""

    MLFLOW = "mlflow"
    SKOPS = "skops"
    ONNX = "onnx"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    PICKLE = "pickle"
    JOBLIB = "joblib"
    PYTORCH = "pytorch"
    TORCHSCRIPT = "torchscript"
    SAFETENSORS = "safetensors"
    SAVEDMODEL = "savedmodel"
    TENSORRT = "tensorrt"
    GGUF = "gguf"
    KERAS = "keras"

    @property
    def called(self) -> str:
        """How a person calls it."""
        return _TITLES[self]


_TITLES: Final = {
    Kind.MLFLOW: "an MLflow model folder",
    Kind.SKOPS: "a skops file",
    Kind.ONNX: "an ONNX model",
    Kind.XGBOOST: "an XGBoost model",
    Kind.LIGHTGBM: "a LightGBM model",
    Kind.PICKLE: "a pickle",
    Kind.JOBLIB: "a joblib file",
    Kind.PYTORCH: "a PyTorch checkpoint",
    Kind.TORCHSCRIPT: "a TorchScript model",
    Kind.SAFETENSORS: "safetensors weights",
    Kind.SAVEDMODEL: "a TensorFlow SavedModel",
    Kind.TENSORRT: "a TensorRT engine",
    Kind.GGUF: "a GGUF model",
    Kind.KERAS: "a Keras model",
}


class NotAModel(ValueError):  # noqa: N818 - says what it is not
    """The path holds no model, or one that is cut short. The text says which."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model on disk."""

    kind: Kind
    path: Path
    code: tuple[str, ...] = ()
    """What in it runs when it is loaded; empty where loading runs nothing of it."""

    @property
    def runs_code(self) -> bool:
        """Whether loading it runs whatever code its author put inside."""
        return bool(self.code)


def find(path: Path) -> Found:
    """The model at `path`, a file or a folder. Raises `NotAModel` with what is there instead."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            from hybridml.onboarding.folders import find_folder

            return find_folder(path)
        if not stat.S_ISREG(mode):
            raise NotAModel("is neither a file nor a folder")
        return _file(path)
    except OSError as error:
        raise NotAModel(f"cannot be read: {error.strerror or error}") from None


def _file(path: Path) -> Found:
    if path.stat().st_size == 0:
        raise NotAModel("is empty")
    with path.open("rb") as file:
        head = file.read(512)
    for looks_like, holds in _CONTAINERS:
        if looks_like(head):
            return holds(path)
    kind = next((kind for kind, is_it in _MARKS.items() if is_it(head, path)), None)
    if kind is not None:
        return Found(kind=kind, path=path)
    scanned = pickles.scan(path)
    if scanned is None:
        raise NotAModel("holds no model that is known here")
    return _pickled(path, scanned)


def _pickled(path: Path, scanned: pickles.Scan) -> Found:
    if scanned.cut:
        raise NotAModel("is a pickle that is cut short")
    if not scanned.names:
        raise NotAModel("is a pickle of plain values, not of a model")
    kind = Kind.JOBLIB if scanned.joblib else Kind.PICKLE
    return Found(kind=kind, path=path, code=scanned.names)


def _zip(path: Path) -> Found:
    names = binary.zip_names(path)
    if names is None:
        raise NotAModel("is an archive that is cut short or damaged")
    if binary.zip_swells(path):
        raise NotAModel("is an archive that unpacks to more than a hundred times its size")
    if "schema.json" in names and b'"__loader__"' in binary.zip_head(path, "schema.json"):
        return Found(kind=Kind.SKOPS, path=path)
    tops = {name.partition("/")[2] for name in names}
    if "data.pkl" in tops and "constants.pkl" in tops:
        return Found(kind=Kind.TORCHSCRIPT, path=path)
    if "data.pkl" in tops:
        return Found(kind=Kind.PYTORCH, path=path, code=("data.pkl",))
    if {"config.json", "model.weights.h5"} <= names:
        return Found(kind=Kind.KERAS, path=path)
    raise NotAModel("is an archive that holds no model")


def _safetensors(path: Path) -> Found:
    if not binary.safetensors_whole(path):
        raise NotAModel("is a safetensors file that is cut short or damaged")
    return Found(kind=Kind.SAFETENSORS, path=path)


def _json(path: Path) -> Found:
    if not binary.is_xgboost_json(path):
        raise NotAModel("is JSON, but no model")
    if not binary.ends_with(path, b"}"):
        raise NotAModel("is an XGBoost model that is cut short")
    return Found(kind=Kind.XGBOOST, path=path)


def _lightgbm(path: Path) -> Found:
    if not binary.is_lightgbm_whole(path):
        raise NotAModel("is a LightGBM model that is cut short")
    return Found(kind=Kind.LIGHTGBM, path=path)


def _onnx(path: Path) -> Found:
    whole = binary.onnx_whole(path)
    if whole is None:
        raise NotAModel("holds no model that is known here")
    if not whole:
        raise NotAModel("is an ONNX model that is cut short")
    return Found(kind=Kind.ONNX, path=path)


_CONTAINERS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[Path], Found]], ...]] = (
    (lambda head: head.startswith(b"PK\x03\x04"), _zip),
    (binary.looks_like_safetensors, _safetensors),
    (binary.looks_like_json, _json),
    (lambda head: head.startswith(b"tree\nversion="), _lightgbm),
    (binary.looks_like_onnx, _onnx),
)
"""Formats whose content has to be looked into, to tell them apart and whole from cut short."""
_MARKS: Final[dict[Kind, Callable[[bytes, Path], bool]]] = {
    Kind.GGUF: lambda head, _: head.startswith(b"GGUF"),
    Kind.TENSORRT: lambda head, _: head[:4] in (b"ptrt", b"ftrt"),
    Kind.KERAS: lambda head, _: head.startswith(b"\x89HDF\r\n\x1a\n"),
    Kind.XGBOOST: lambda head, _: head.startswith((b"{L", b"{U", b"{i", b"{I", b"{l")) and b"learner" in head,
}
"""Formats that their first bytes tell."""
