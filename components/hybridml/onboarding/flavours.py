"""Which models of MLflow load without running anything that their author put inside.

What is not on this list runs code: a loader may be any module, and a pickle may look like anything but one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_Described = Mapping[str, Any]

_PLAIN: Final = re.compile(r"\w[\w.-]*", re.ASCII)
"""A file of the folder itself; elsewhere lies another description, or none, and MLflow then takes it for a pickle."""
_CLASSES: Final = re.compile(
    r"(sklearn(\.\w+)*|lightgbm\.(basic|sklearn)|collections)\.[A-Z]\w*|numpy\.dtype", re.ASCII
)
"""Types that skops may be told to trust: classes of these libraries, no functions."""
_XGBOOST: Final = re.compile(r"xgboost\.(core|sklearn)\.[A-Z]\w*", re.ASCII)
_LIGHTGBM: Final = "lightgbm.basic.Booster"


def runs_code(flavours: _Described) -> str:
    """What of a model with these flavours runs when it is loaded; empty where nothing does.

    `flavours` has a `python_function`, which is a mapping.
    """
    python = flavours["python_function"]
    loader = str(python.get("loader_module"))
    if loader not in _DATA:
        return f"its loader, {loader!r}"
    described = flavours.get(loader.removeprefix("mlflow."))
    where = [
        python.get(_DATA[loader]),
        *([described["data"]] if isinstance(described, dict) and "data" in described else []),
    ]
    if not isinstance(described, dict) or not all(isinstance(name, str) and _PLAIN.fullmatch(name) for name in where):
        return f"what its MLmodel file has {loader} load"
    return (
        ""
        if _KEPT[loader](described)
        else f"what {loader} loads, which it keeps neither as skops nor in its own format"
    )


def _skops(described: _Described) -> bool:
    trusted = described.get("skops_trusted_types") or []
    classes = isinstance(trusted, list) and all(_CLASSES.fullmatch(str(name)) for name in trusted)
    return described.get("serialization_format") == "skops" and classes


def _xgboost(described: _Described) -> bool:
    return _XGBOOST.fullmatch(str(described.get("model_class", "xgboost.core.Booster"))) is not None


def _lightgbm(described: _Described) -> bool:
    return described.get("model_class", _LIGHTGBM) == _LIGHTGBM or _skops(described)


_DATA: Final[Mapping[str, str]] = {
    "mlflow.sklearn": "model_path",
    "mlflow.xgboost": "data",
    "mlflow.lightgbm": "data",
    "mlflow.catboost": "data",
    "mlflow.onnx": "data",
}
"""Loaders that may run nothing, and the field that names the file."""
_KEPT: Final[Mapping[str, Callable[[_Described], bool]]] = {
    "mlflow.sklearn": _skops,
    "mlflow.xgboost": _xgboost,
    "mlflow.lightgbm": _lightgbm,
    "mlflow.catboost": lambda _: True,
    "mlflow.onnx": lambda _: True,
}
"""Whether what a loader loads is no program."""
