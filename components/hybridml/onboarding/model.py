"""What every loaded model can do, and what the environment needs for each kind of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from hybridml.onboarding.formats import Kind

if TYPE_CHECKING:
    import pandas

PACKAGES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.MLFLOW: ("mlflow",),
    Kind.SKOPS: ("mlflow", "scikit-learn", "skops"),
    Kind.JOBLIB: ("mlflow", "scikit-learn", "skops", "joblib"),
    Kind.PICKLE: ("mlflow", "scikit-learn", "skops", "joblib"),
    Kind.ONNX: ("mlflow", "onnx", "onnxruntime"),
    Kind.XGBOOST: ("mlflow", "xgboost"),
    Kind.LIGHTGBM: ("mlflow", "lightgbm"),
}
"""What the environment needs to wrap a model of each kind that the server of this machine can load."""
EXAMPLE: Final = "serving_input_example.json"
"""A request that every saved MLflow model with an input example brings along."""
_MODULES: Final = {"scikit-learn": "sklearn"}


def lacking(kind: Kind) -> list[str]:
    """Packages for `kind` that this environment does not have."""
    return [package for package in PACKAGES[kind] if find_spec(_MODULES.get(package, package)) is None]


class Refused(ValueError):  # noqa: N818 - says what happened
    """The model was understood and cannot be taken; the text says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a saved model says about itself."""

    signature: Any
    example: Any
    made_up: bool
    """Whether the example is nobody's row; then it also replaces one that the model has."""

    @property
    def keywords(self) -> dict[str, Any]:
        """As MLflow's `save_model` takes it."""
        return {"signature": self.signature, "input_example": self.example}


class Model(Protocol):
    """A loaded model."""

    @property
    def columns(self) -> Sequence[str] | None:
        """Names of what it takes, where it knows them."""

    @property
    def width(self) -> int | None:
        """How many columns it takes, where it knows."""

    @property
    def flavour(self) -> str:
        """What it is, for people."""

    @property
    def pickled(self) -> bool:
        """Whether what `save` writes runs code when it is loaded."""

    def request(self, frame: pandas.DataFrame) -> Any:
        """The rows of `frame` as it takes them: a table with names, or numbers alone."""

    def predict(self, request: Any) -> Any:
        """What it answers, by its own library."""

    def example(self) -> pandas.DataFrame | None:
        """Rows that it brings along itself, where it does."""

    def save(self, folder: Path, described: Described) -> None:
        """Saves it in MLflow's format, with signature and input example."""


class TakesTables:
    """Takes tables as they are."""

    def request(self, frame: pandas.DataFrame) -> Any:
        """The table itself."""
        return frame

    def example(self) -> pandas.DataFrame | None:
        """None: it brings no rows along."""
        return None


def requirements(kind: Kind) -> list[str]:
    """What loading the model needs; written down rather than looked up, which would start another process."""
    return [_pinned(package) for package in (*PACKAGES[kind], "numpy", "pandas")]


def _pinned(package: str) -> str:
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:  # one that goes by several names, such as xgboost-cpu
        names = packages_distributions().get(_MODULES.get(package, package), [])
        return f"{names[0]}=={version(names[0])}" if names else package
