"""The training script: it writes files and digests, and nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hybridml.spec.digest import digest

pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'hybridml[local]'")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train.py"


@pytest.fixture(scope="module")
def training() -> ModuleType:
    """The script as a module."""
    described = importlib.util.spec_from_file_location("hybridml_example_train", EXAMPLE)
    assert described and described.loader
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(training: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder after one training."""
    state = tmp_path_factory.mktemp("first") / ".hybridml"
    training.train(state)
    return state


def test_digests_are_those_of_the_folders(training: ModuleType, trained: Path) -> None:
    """Every version is there, and its digest covers all of its bytes."""
    written = training.read_digests(trained)

    assert {name: sorted(versions) for name, versions in written.items()} == {"churn": ["3", "4"], "wine": ["1"]}
    for name, versions in written.items():
        for version, known in versions.items():
            assert known == {"sha256": digest(trained / "models" / name / version)}


def test_only_files_below_the_state_folder_are_written(trained: Path) -> None:
    """Models and digests, nothing beside them, and nothing left from the work."""
    assert sorted(entry.name for entry in trained.iterdir()) == ["digests.yaml", "models"]
    assert [entry.name for entry in trained.parent.iterdir()] == [".hybridml"]
    assert not list(trained.glob("models/*/.training-*"))


def test_two_trainings_predict_alike_bit_for_bit(
    training: ModuleType, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Scores of both models agree in every bit, over the whole data set."""
    import mlflow.sklearn

    again = tmp_path_factory.mktemp("second") / ".hybridml"
    training.train(again)

    for recipe in training.recipes():
        features = recipe.data(as_frame=True).data
        one, two = (
            mlflow.sklearn.load_model(str(state / "models" / recipe.endpoint / recipe.version))
            for state in (trained, again)
        )
        assert one.decision_function(features).tobytes() == two.decision_function(features).tobytes()
        assert one.predict(features).tobytes() == two.predict(features).tobytes()


def test_training_again_keeps_what_is_right(training: ModuleType, trained: Path) -> None:
    """A second training changes no byte."""
    before = training.read_digests(trained)

    assert training.train(trained) == before


def test_a_damaged_model_is_trained_anew(training: ModuleType, tmp_path: Path) -> None:
    """A model that no longer has its digest is replaced, and the new digest is written."""
    state = tmp_path / ".hybridml"
    training.train(state)
    (state / "models" / "wine" / "1" / "requirements.txt").write_text("tampered")

    written = training.train(state)

    assert written["wine"]["1"]["sha256"] == digest(state / "models" / "wine" / "1")
    assert (state / "models" / "wine" / "1" / "requirements.txt").read_text() != "tampered"


def test_the_models_are_good(training: ModuleType) -> None:
    """Each is right on at least 95 of 100 cases that it has not seen."""
    assert all(training.accuracy(recipe) >= 0.95 for recipe in training.recipes())


def test_the_models_hold_no_pickle(trained: Path) -> None:
    """Loading them runs no code of whoever saved them."""
    assert {path.name for path in trained.glob("models/*/*/model.*")} == {"model.skops"}
