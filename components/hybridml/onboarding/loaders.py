"""Models of each format behind one face: what they take, what they predict, and how MLflow saves them.

Runs in a process of its own: what is loaded here is the user's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from hybridml.onboarding.formats import Kind, find

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

    columns: Sequence[str] | None
    """Names of what it takes, where it knows them."""
    width: int | None
    """How many columns it takes, where it knows."""
    flavour: str
    """What it is, for people."""
    pickled: bool
    """Whether what `save` writes runs code when it is loaded."""

    def request(self, frame: pandas.DataFrame) -> Any:
        """The rows of `frame` as it takes them: a table with names, or numbers alone."""

    def predict(self, request: Any) -> Any:
        """What it answers, by its own library."""

    def example(self) -> pandas.DataFrame | None:
        """Rows that it brings along itself, where it does."""

    def save(self, folder: Path, described: Described) -> None:
        """Saves it in MLflow's format, with signature and input example."""


def load(kind: Kind, path: Path, trusted: Sequence[str]) -> Model:
    """The model at `path`. Raises `Refused`, or whatever its library raises."""
    match kind:
        case Kind.MLFLOW:
            return _Mlflow.load(path)
        case Kind.SKOPS:
            return _Sklearn.from_skops(path, trusted)
        case Kind.JOBLIB | Kind.PICKLE:
            return _Sklearn.from_pickle(path, trusted)
        case Kind.XGBOOST:
            return _Xgboost.load(path)
        case Kind.LIGHTGBM:
            return _Lightgbm.load(path)
        case Kind.ONNX:
            return _Onnx.load(path)
    raise Refused(f"is {kind.title}, which the server of this machine cannot load", "convert it to ONNX")


def _requirements(kind: Kind) -> list[str]:
    """Written down rather than looked up, which would start another process."""
    return [f"{name}=={version(name)}" for name in (*PACKAGES[kind], "numpy", "pandas")]


def _class_of(model: Any) -> str:
    steps = getattr(model, "steps", None)
    name = type(model).__name__
    return f"{name} of {', '.join(type(step).__name__ for _, step in steps)}" if steps else name


class _Named:
    """Takes tables as they are."""

    def request(self, frame: pandas.DataFrame) -> Any:
        return frame

    def example(self) -> pandas.DataFrame | None:
        return None


@dataclass
class _Sklearn(_Named):
    """An estimator of scikit-learn."""

    model: Any
    source: Path | None
    """The skops file whose bytes are served as they are; None where there is none yet."""
    trusted: Sequence[str]
    pickled: bool = False

    @classmethod
    def from_skops(cls, path: Path, trusted: Sequence[str]) -> _Sklearn:
        from skops import io

        unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted))
        if unknown:
            raise Refused(
                f"holds types that skops does not know: {', '.join(unknown)}",
                "look at each, and allow it: " + " ".join(f"--trust-type {name}" for name in unknown),
            )
        return cls(_estimator(io.load(path, trusted=list(trusted))), path, tuple(trusted))

    @classmethod
    def from_pickle(cls, path: Path, trusted: Sequence[str]) -> _Sklearn:
        """Loads the pickle once; where skops can hold the model, it is not a pickle from here on."""
        import joblib
        from skops import io

        model = _estimator(joblib.load(path))
        try:
            unknown = set(io.get_untrusted_types(data=io.dumps(model))) - set(trusted)
        except Exception:  # whatever skops cannot hold
            unknown = {"?"}
        return cls(model, None, tuple(trusted), pickled=bool(unknown))

    @property
    def columns(self) -> Sequence[str] | None:
        names = getattr(self.model, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    @property
    def width(self) -> int | None:
        number = getattr(self.model, "n_features_in_", None)
        return None if number is None else int(number)

    @property
    def flavour(self) -> str:
        return f"scikit-learn, {_class_of(self.model)}"

    def predict(self, request: Any) -> Any:
        return self.model.predict(request)

    def save(self, folder: Path, described: Described) -> None:
        import mlflow.sklearn

        mlflow.sklearn.save_model(
            self.model,
            str(folder),
            serialization_format="cloudpickle" if self.pickled else "skops",
            skops_trusted_types=None if self.pickled or not self.trusted else list(self.trusted),
            pip_requirements=_requirements(Kind.SKOPS),
            **described.keywords,
        )
        if self.source is not None:
            shutil.copyfile(self.source, folder / "model.skops")


def _estimator(model: Any) -> Any:
    if not callable(getattr(model, "predict", None)):
        raise Refused(f"holds a {type(model).__name__}, which has no predict", "save the fitted model itself")
    return model


@dataclass
class _Xgboost(_Named):
    """A booster of XGBoost."""

    booster: Any
    pickled: bool = False

    @classmethod
    def load(cls, path: Path) -> _Xgboost:
        import xgboost

        return cls(xgboost.Booster(model_file=str(path)))

    @property
    def columns(self) -> Sequence[str] | None:
        return self.booster.feature_names or None

    @property
    def width(self) -> int | None:
        return int(self.booster.num_features())

    flavour = "XGBoost, a booster"

    def predict(self, request: Any) -> Any:
        import xgboost

        return self.booster.predict(xgboost.DMatrix(request))

    def save(self, folder: Path, described: Described) -> None:
        import mlflow.xgboost

        requirements = _requirements(Kind.XGBOOST)
        mlflow.xgboost.save_model(
            self.booster, str(folder), model_format="ubj", pip_requirements=requirements, **described
        )


@dataclass
class _Lightgbm(_Named):
    """A booster of LightGBM."""

    booster: Any
    pickled: bool = False

    @classmethod
    def load(cls, path: Path) -> _Lightgbm:
        import lightgbm

        return cls(lightgbm.Booster(model_file=str(path)))

    @property
    def columns(self) -> Sequence[str] | None:
        names = list(self.booster.feature_name())
        return None if names == [f"Column_{number}" for number in range(len(names))] else names

    @property
    def width(self) -> int | None:
        return int(self.booster.num_feature())

    flavour = "LightGBM, a booster"

    def predict(self, request: Any) -> Any:
        return self.booster.predict(request)

    def save(self, folder: Path, described: Described) -> None:
        import mlflow.lightgbm

        mlflow.lightgbm.save_model(
            self.booster, str(folder), pip_requirements=_requirements(Kind.LIGHTGBM), **described
        )


@dataclass
class _Onnx(_Named):
    """An ONNX graph with one table of numbers as its input."""

    graph: Any
    session: Any
    pickled: bool = False
    columns: Sequence[str] | None = None
    flavour: str = "ONNX"

    @classmethod
    def load(cls, path: Path) -> _Onnx:
        import onnx
        import onnxruntime

        model = cls(onnx.load(str(path)), onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]))
        inputs = model.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:  # noqa: PLR2004
            shapes = ", ".join(f"{each.name}: {each.type} {each.shape}" for each in inputs)
            raise Refused(
                f"takes {shapes}, where the server of this machine gives one table of 32-bit numbers",
                "wrap it in a model of your own: mlflow.pyfunc.save_model",
            )
        return model

    @property
    def width(self) -> int | None:
        number = self.session.get_inputs()[0].shape[1]
        return number if isinstance(number, int) else None

    def request(self, frame: pandas.DataFrame) -> Any:
        return frame.to_numpy("float32")

    def predict(self, request: Any) -> Any:
        names = [output.name for output in self.session.get_outputs()]
        answers = self.session.run(names, {self.session.get_inputs()[0].name: request})
        return dict(zip(names, answers, strict=True))

    def save(self, folder: Path, described: Described) -> None:
        import mlflow.onnx

        mlflow.onnx.save_model(
            self.graph,
            str(folder),
            pip_requirements=_requirements(Kind.ONNX),
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
            **described.keywords,
        )


@dataclass
class _Mlflow:
    """A model that MLflow saved; the folder is copied, and completed where it lacks something."""

    path: Path
    model: Any
    pickled: bool

    @classmethod
    def load(cls, path: Path) -> _Mlflow:
        import mlflow.pyfunc

        return cls(path, mlflow.pyfunc.load_model(str(path)), find(path).runs_code)

    @property
    def _inputs(self) -> Any:
        signature = self.model.metadata.signature
        return signature.inputs if signature is not None else None

    @property
    def _tensor(self) -> Any:
        """The one table of numbers that it takes; None where it takes columns, or something else."""
        inputs = self._inputs
        tensors = inputs.inputs if inputs is not None and inputs.is_tensor_spec() else []
        return tensors[0] if len(tensors) == 1 and len(tensors[0].shape) == 2 else None  # noqa: PLR2004

    @property
    def columns(self) -> Sequence[str] | None:
        inputs = self._inputs
        if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
            return None
        return [str(name) for name in inputs.required_input_names()]

    @property
    def width(self) -> int | None:
        return int(self._tensor.shape[1]) if self._tensor is not None and self._tensor.shape[1] > 0 else None

    @property
    def flavour(self) -> str:
        flavours = [name for name in self.model.metadata.flavors if name != "python_function"]
        return f"MLflow, {', '.join(flavours) or 'python_function'}"

    def request(self, frame: pandas.DataFrame) -> Any:
        return frame if self._tensor is None else frame.to_numpy(self._tensor.type)

    def predict(self, request: Any) -> Any:
        return self.model.predict(request)

    def example(self) -> pandas.DataFrame | None:
        """Its saved example where that is a table; otherwise a row that has the types of its columns."""
        import pandas

        saved = self.model.metadata.load_input_example(str(self.path))
        if isinstance(saved, pandas.DataFrame):
            return saved
        if self.columns is None:
            return None
        blank = {str(spec.name): pandas.Series([_blank(spec.type.to_pandas())]) for spec in self._inputs.inputs}
        return pandas.DataFrame(blank)

    def save(self, folder: Path, described: Described) -> None:
        """Copies the folder; a signature of its own stays, an example of its own unless another one is made up."""
        import mlflow.models

        shutil.copytree(self.path, folder, symlinks=True)
        if self._inputs is None:
            mlflow.models.set_signature(str(folder), described.signature)
        if not (folder / EXAMPLE).is_file() or described.made_up:
            _exemplify(folder, described.example)


def _blank(kind: Any) -> Any:
    """Nothing of a type: an empty text, zero, false."""
    import numpy

    return "" if kind is numpy.dtype("O") else numpy.zeros(1, kind)[0]


def _exemplify(folder: Path, example: Any) -> None:
    """Gives a saved model an example, in place of one that it may have."""
    from mlflow.models import Model as Description
    from mlflow.models.utils import _Example

    description = Description.load(str(folder))
    saved = _Example(example)
    saved.save(str(folder))
    description.saved_input_example_info = saved.info
    description.save(str(folder / "MLmodel"))
