"""Trains the models that the `local` stack serves, on data sets that ship inside scikit-learn.

    python examples/train.py [--project FOLDER]

Writes only files: each model in MLflow's format under `.hybridml/models/<endpoint>/<version>`, and their digests
in `.hybridml/digests.yaml`, which the loader of specifications merges. Two trainings on one machine predict alike,
bit for bit. A model that is there and has its digest is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # sums in one order, so that trainings agree

from hybridml.spec.digest import NotAnArtifact, digest
from ruamel.yaml import YAML

SEED = 20_240_229
Digests = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True)
class Recipe:
    """How one version is trained."""

    endpoint: str
    version: str
    data: Callable[..., Any]
    estimator: Callable[[], Any]


def main() -> None:
    """Train what is missing and write the digests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(__file__).resolve().parent.parent, help="project root")
    train(parser.parse_args().project / ".hybridml")


def train(state: Path) -> Digests:
    """Trains every recipe under the folder `state`; answers and writes the digests."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    known, digests = read_digests(state), Digests()
    for recipe in recipes():
        folder = state / "models" / recipe.endpoint / recipe.version
        expected = known.get(recipe.endpoint, {}).get(recipe.version, {}).get("sha256")
        if expected is None or actual(folder) != expected:
            print(f"training {recipe.endpoint} version {recipe.version}")
            _publish(recipe, folder)
        digests.setdefault(recipe.endpoint, {})[recipe.version] = {"sha256": digest(folder)}
    if digests != known:
        _write_digests(state, digests)
    return digests


def recipes() -> list[Recipe]:
    """Churn is a binary classifier in two versions, wine a multi-class one."""
    from sklearn.datasets import load_breast_cancer, load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def linear() -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000, random_state=SEED))

    def kernel() -> Any:
        return make_pipeline(StandardScaler(), SVC(C=2.0, random_state=SEED))

    return [
        Recipe("churn", "3", load_breast_cancer, linear),
        Recipe("churn", "4", load_breast_cancer, kernel),
        Recipe("wine", "1", load_wine, linear),
    ]


def accuracy(recipe: Recipe) -> float:
    """Share of right answers on the quarter of the data that the model has not seen."""
    model, _, held_out = _fit(recipe)
    return float(model.score(*held_out))


def actual(folder: Path) -> str | None:
    """Digest of what lies in `folder`; None where nothing does."""
    try:
        return digest(folder)
    except NotAnArtifact:
        return None


def read_digests(state: Path) -> Digests:
    """What the last training wrote; empty before the first."""
    file = state / "digests.yaml"
    return (YAML(typ="safe").load(file.read_text()) or {}) if file.exists() else {}


def _fit(recipe: Recipe) -> tuple[Any, Any, tuple[Any, Any]]:
    """The model, the data it saw, and the data it did not."""
    from sklearn.model_selection import train_test_split

    features, labels = recipe.data(return_X_y=True, as_frame=True)
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        features, labels, test_size=0.25, random_state=SEED, stratify=labels
    )
    return recipe.estimator().fit(seen, seen_labels), seen, (held_out, held_out_labels)


def _publish(recipe: Recipe, folder: Path) -> None:
    """Saves the model beside its place and moves it there whole."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    model, seen, _ = _fit(recipe)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as beside:
        fresh = Path(beside) / "model"
        signature = infer_signature(seen, model.predict(seen))
        mlflow.sklearn.save_model(
            model,
            str(fresh),
            signature=signature,
            input_example=seen.head(2),
            serialization_format="skops",
            pip_requirements=_requirements(),
        )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _requirements() -> list[str]:
    """What loading the model needs; written down rather than looked up, which would start another process."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "skops", "numpy", "pandas")]


def _write_digests(state: Path, digests: Mapping[str, object]) -> None:
    """Renames the file into place, so that a reader sees the old or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=state, prefix=".digests-", delete=False) as fresh:
        YAML(typ="safe").dump(digests, fresh)
    Path(fresh.name).replace(state / "digests.yaml")


if __name__ == "__main__":
    main()
