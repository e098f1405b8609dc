"""Estimators of scikit-learn, kept as skops or as a pickle."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridml.onboarding.formats import Kind
from hybridml.onboarding.model import Described, Model, Refused, TakesTables, requirements

_LIBRARIES = ("numpy", "scipy", "sklearn")


def from_skops(path: Path, trusted: Sequence[str]) -> Model:
    """The estimator in a skops file, types of `trusted` allowed. Raises `Refused` with those that are not."""
    from skops import io

    unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted))
    if unknown:
        raise Refused(
            f"holds types that skops does not know: {', '.join(unknown)}",
            "look at each, and allow it: " + " ".join(f"--trust-type {name}" for name in unknown),
        )
    return _Estimator(_estimator(io.load(path, trusted=list(trusted))), path, tuple(trusted))


def from_pickle(path: Path, trusted: Sequence[str]) -> Model:
    """Loads the pickle once; where skops can hold the model, it is not a pickle from here on.

    Types of scikit-learn, NumPy and SciPy are allowed then: whoever made the pickle is trusted, and these are no code.
    """
    import joblib
    from skops import io

    model = _estimator(joblib.load(path))
    try:
        needed = io.get_untrusted_types(data=io.dumps(model))
    except Exception:  # whatever skops cannot hold
        return _Estimator(model, None, (), pickled=True)
    strange = [name for name in needed if name not in trusted and name.partition(".")[0] not in _LIBRARIES]
    return _Estimator(model, None, tuple(needed), pickled=bool(strange))


@dataclass
class _Estimator(TakesTables):
    """An estimator of scikit-learn."""

    model: Any
    source: Path | None
    """The skops file whose bytes are served as they are; None where there is none yet."""
    trusted: Sequence[str]
    pickled: bool = False

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
            pip_requirements=requirements(Kind.SKOPS),
            **described.keywords,
        )
        if self.source is not None:
            shutil.copyfile(self.source, folder / "model.skops")


def _estimator(model: Any) -> Any:
    if not callable(getattr(model, "predict", None)):
        raise Refused(f"holds a {type(model).__name__}, which has no predict", "save the fitted model itself")
    return model


def _class_of(model: Any) -> str:
    steps = getattr(model, "steps", None)
    name = type(model).__name__
    return f"{name} of {', '.join(type(step).__name__ for _, step in steps)}" if steps else name
