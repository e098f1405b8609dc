"""What a folder holds: a model that MLflow or TensorFlow saved, or weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hybridml.onboarding.flavours import runs_code
from hybridml.onboarding.formats import Found, Kind, NotAModel, find

_MOST: Final = 20_000
"""Files that no model has."""
_DESCRIPTION: Final = 1 << 20
"""Bytes that no description of an MLflow model comes near."""

_GRAPHS: Final = frozenset({"saved_model.pb", "saved_model.pbtxt"})
_PROGRAMS: Final = {
    Kind.PICKLE: "the pickle",
    Kind.JOBLIB: "the pickle",
    Kind.PYTORCH: "the pickle",
    Kind.KERAS: "the Keras model",
}


def find_folder(folder: Path) -> Found:
    """The model in `folder`. Raises `NotAModel` with what is there instead."""
    names = {entry.name for entry in os.scandir(folder)}
    if not names:
        raise NotAModel("is an empty folder")
    if "MLmodel" in names:
        return _mlflow(folder)
    if names & _GRAPHS:
        return Found(kind=Kind.SAVEDMODEL, path=folder)
    if any(name.endswith(".safetensors") for name in names):
        return Found(kind=Kind.SAFETENSORS, path=folder)
    raise NotAModel("is a folder that holds no model of MLflow or TensorFlow; name the file of the model in it")


def _mlflow(folder: Path) -> Found:
    flavours = _description(folder / "MLmodel").get("flavors")
    if not isinstance(flavours, dict) or not isinstance(python := flavours.get("python_function"), dict):
        raise NotAModel("is an MLflow model without the python_function flavour, which the server needs")
    files = list(_files(folder))
    code = [f"the code in {python['code']}/"] if python.get("code") else []
    code += [f"the program {python['model_code_path']}"] if python.get("model_code_path") else []
    code += [f"{what} {file.relative_to(folder).as_posix()}" for file in files if (what := _program(file))]
    code += [what] if (what := runs_code(flavours)) and not code else []
    return Found(kind=Kind.MLFLOW, path=folder, code=tuple(code))


def _description(file: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    content = b""
    if file.is_file():
        with file.open("rb") as opened:
            content = opened.read(_DESCRIPTION + 1)
    try:
        described = YAML(typ="safe", pure=True).load(content.decode("utf-8")) if len(content) <= _DESCRIPTION else None
    except (YAMLError, ValueError, RecursionError):
        described = None
    if not isinstance(described, dict):
        raise NotAModel("is an MLflow model whose MLmodel file cannot be read")
    return described


def _files(folder: Path) -> Iterator[Path]:
    """Every file of the model. Raises `NotAModel` for links, which may lead out of it, and for too many files."""
    found = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            found += 1
            if path.is_symlink():
                raise NotAModel(f"holds a link, {path.relative_to(folder)}; copy what it leads to into the folder")
            if found > _MOST:
                raise NotAModel(f"holds more than {_MOST} files")
        yield from (Path(place, name) for name in files)


def _program(file: Path) -> str:
    """What a file of the model is, where it is seen that loading it runs code; `runs_code` holds where it is not seen.

    Layers of Keras and graphs of TensorFlow may be programs (SECURITY.md of TensorFlow: models are programs).
    """
    if file.name in _GRAPHS:
        return "the graph"
    try:
        return _PROGRAMS.get(find(file).kind, "")
    except NotAModel:
        return ""
