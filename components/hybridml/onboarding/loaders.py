"""Loads a model with the library of its format; in a process of its own, for what is loaded is the user's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybridml.onboarding.boosters import lightgbm_model, xgboost_model
from hybridml.onboarding.estimators import from_pickle, from_skops
from hybridml.onboarding.formats import Kind
from hybridml.onboarding.graphs import onnx_model
from hybridml.onboarding.model import Model, Refused
from hybridml.onboarding.saved import mlflow_model


def load(kind: Kind, path: Path, trusted: Sequence[str]) -> Model:
    """The model at `path`. Raises `Refused`, or whatever its library raises."""
    match kind:
        case Kind.MLFLOW:
            return mlflow_model(path)
        case Kind.SKOPS:
            return from_skops(path, trusted)
        case Kind.JOBLIB | Kind.PICKLE:
            return from_pickle(path, trusted)
        case Kind.XGBOOST:
            return xgboost_model(path)
        case Kind.LIGHTGBM:
            return lightgbm_model(path)
        case Kind.ONNX:
            return onnx_model(path)
    raise Refused(f"is {kind.called}, which the server of this machine cannot load", "convert it to ONNX")
