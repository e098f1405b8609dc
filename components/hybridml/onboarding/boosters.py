"""Boosters of XGBoost and LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridml.onboarding.formats import Kind
from hybridml.onboarding.model import Described, Model, TakesTables, requirements


def xgboost_model(path: Path) -> Model:
    """The booster that XGBoost saved at `path`."""
    import xgboost

    return _Xgboost(xgboost.Booster(model_file=str(path)))


def lightgbm_model(path: Path) -> Model:
    """The booster that LightGBM saved at `path`."""
    import lightgbm

    return _Lightgbm(lightgbm.Booster(model_file=str(path)))


@dataclass
class _Xgboost(TakesTables):
    """A booster of XGBoost."""

    booster: Any
    pickled: bool = False

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

        mlflow.xgboost.save_model(
            self.booster,
            str(folder),
            model_format="ubj",
            pip_requirements=requirements(Kind.XGBOOST),
            **described.keywords,
        )


@dataclass
class _Lightgbm(TakesTables):
    """A booster of LightGBM."""

    booster: Any
    pickled: bool = False

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
            self.booster, str(folder), pip_requirements=requirements(Kind.LIGHTGBM), **described.keywords
        )
