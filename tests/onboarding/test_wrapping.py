"""A model on disk becomes a folder that the server of this machine loads, with everything that is known of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import mlflow.pyfunc
import mlflow.sklearn
import pytest
import skops.io
from hybridml.onboarding import formats
from hybridml.onboarding.formats import Kind, find
from hybridml.onboarding.trial import alike
from hybridml.onboarding.wrapping import Answer, Request, wrap
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .models import classifier, customers, saved


def _wrapped(folder: Path, model: Path, **asked: Any) -> Answer:
    given = {"kind": find(model).kind, "model": str(model), "data": str(folder / "train.csv"), "target": "churned"}
    return wrap(Request(**{**given, **asked}), folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `model.skops` and `train.csv`."""
    saved(tmp_path)
    return tmp_path


def _described(folder: Path) -> Any:
    return mlflow.pyfunc.load_model(str(folder / "model")).metadata


def test_a_skops_file_is_served_as_it_is(folder: Path) -> None:
    """Its bytes, with a signature from the data, one row as example, and a baseline."""
    answer = _wrapped(folder, folder / "model.skops")

    assert (answer.problems, answer.columns, answer.target) == ((), ("age", "contracts"), "churned")
    assert answer.flavour == "scikit-learn, LogisticRegression"
    assert (folder / "model" / "model.skops").read_bytes() == (folder / "model.skops").read_bytes()
    assert _described(folder).signature.inputs.to_dict() == [
        {"type": "double", "name": "age", "required": True},
        {"type": "long", "name": "contracts", "required": True},
    ]
    example = json.loads((folder / "model" / "serving_input_example.json").read_text(encoding="utf-8"))
    assert example["dataframe_split"]["data"] == [[20.5, 0]]
    statistics = json.loads((folder / "baseline.json").read_text(encoding="utf-8"))
    assert [list(statistics[part]) for part in ("features", "target", "predictions")] == [
        ["age", "contracts"],
        ["churned"],
        ["prediction"],
    ]


def test_what_it_predicts_by_itself_is_what_mlflow_predicts(folder: Path) -> None:
    """The first rows, asked of the folder, give what the model gave."""
    _wrapped(folder, folder / "model.skops")
    own = json.loads((folder / "predicted.json").read_text(encoding="utf-8"))["predictions"]
    rows = customers()[["age", "contracts"]].head(len(own))

    assert alike(mlflow.pyfunc.load_model(str(folder / "model")).predict(rows).tolist(), own)


def test_a_pickle_becomes_skops(folder: Path) -> None:
    """Loaded once, on purpose; what is served runs no code of it."""
    joblib.dump(classifier(customers()), folder / "model.joblib")

    answer = _wrapped(folder, folder / "model.joblib")

    assert (answer.problems, answer.pickled) == ((), False)
    assert not find(folder / "model").runs_code


def test_a_forest_becomes_skops_too(folder: Path) -> None:
    """Types of the library itself that skops does not vouch for are allowed with the pickle that was trusted."""
    forest = RandomForestClassifier(2).fit(customers()[["age", "contracts"]], customers()["churned"])
    joblib.dump(forest, folder / "model.joblib")

    answer = _wrapped(folder, folder / "model.joblib")

    assert (answer.problems, answer.pickled) == ((), False)
    assert not find(folder / "model").runs_code
    assert mlflow.pyfunc.load_model(str(folder / "model")).metadata.flavors["sklearn"]["skops_trusted_types"]


def test_a_pickle_that_skops_cannot_hold_stays_one(folder: Path) -> None:
    """And says so."""
    model = make_pipeline(FunctionTransformer(lambda table: table), classifier(customers()))
    model.fit(customers()[["age", "contracts"]], customers()["churned"])
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))

    answer = _wrapped(folder, folder / "model.pkl")

    assert (answer.problems, answer.pickled) == ((), True)
    assert find(folder / "model").runs_code


def test_types_that_skops_does_not_know_are_named(folder: Path) -> None:
    """Nothing of them is loaded until each is allowed."""
    model = make_pipeline(FunctionTransformer(formats.find), classifier(customers()))
    skops.io.dump(model, folder / "odd.skops")

    (problem,) = _wrapped(folder, folder / "odd.skops").problems

    assert "holds types that skops does not know: hybridml.onboarding.formats.find" in problem["message"]
    assert problem["fix"].endswith("--trust-type hybridml.onboarding.formats.find")


def test_no_row_is_copied_where_none_may_be(folder: Path) -> None:
    """The example is made up from what is typical."""
    _wrapped(folder, folder / "model.skops", example=False)

    example = json.loads((folder / "model" / "serving_input_example.json").read_text(encoding="utf-8"))
    assert example["dataframe_split"]["data"] == [[35.5, 1]]


def test_without_data_the_model_says_what_it_takes(folder: Path) -> None:
    """Names from the model, zeros as a row, no baseline."""
    answer = _wrapped(folder, folder / "model.skops", data=None, target=None)

    assert (answer.problems, answer.columns) == ((), ("age", "contracts"))
    assert not (folder / "baseline.json").exists()


def test_a_folder_of_mlflow_is_completed(folder: Path) -> None:
    """It gets the signature and the example that it lacks."""
    mlflow.sklearn.save_model(
        classifier(customers()), str(folder / "mlflow"), serialization_format="skops", pip_requirements=["mlflow"]
    )

    answer = _wrapped(folder, folder / "mlflow")

    assert (answer.problems, answer.flavour, answer.pickled) == ((), "MLflow, sklearn", False)
    assert _described(folder).signature.inputs.input_names() == ["age", "contracts"]
    assert (folder / "model" / "serving_input_example.json").is_file()


def test_a_folder_of_mlflow_that_has_all_stays_as_it_is(folder: Path) -> None:
    """Byte for byte, and its own example is what it is asked where there are no data."""
    _wrapped(folder, folder / "model.skops")
    (folder / "model").rename(folder / "mlflow")

    answer = _wrapped(folder, folder / "mlflow", data=None, target=None)

    before = {path.name: path.read_bytes() for path in (folder / "mlflow").iterdir()}
    assert answer.problems == ()
    assert {path.name: path.read_bytes() for path in (folder / "model").iterdir()} == before


def test_an_example_of_mlflow_is_replaced_where_no_row_may_be_copied(folder: Path) -> None:
    """The rows that the folder brings along do not come into the project."""
    _wrapped(folder, folder / "model.skops")
    (folder / "model").rename(folder / "mlflow")

    _wrapped(folder, folder / "mlflow", example=False)

    examples = [(folder / "model" / name).read_text(encoding="utf-8") for name in ("input_example.json",)]
    assert not [text for text in examples if "20.5" in text]
    assert _described(folder).load_input_example(str(folder / "model")).to_dict("records") == [
        {"age": 35.5, "contracts": 1}
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"target": "left"}, "the data has no column 'left'"),
        ({"kind": Kind.MLFLOW}, "model.skops cannot be loaded: "),
    ],
)
def test_what_is_wrong_is_a_problem(asked: dict[str, Any], said: str, folder: Path) -> None:
    """Of the model, or of the data; nothing is wrapped."""
    problems = _wrapped(folder, folder / "model.skops", **asked).problems

    assert said in problems[0]["message"]
    assert not (folder / "model").exists()


def test_rows_that_the_model_cannot_take_are_a_problem(folder: Path) -> None:
    """In one line of the library's words, without the value that they quote."""
    customers().assign(age="Anna Smith").to_csv(folder / "train.csv", index=False)

    (problem,) = _wrapped(folder, folder / "model.skops").problems

    assert "cannot predict the rows of" in problem["message"]
    assert problem["message"].endswith("could not convert string to float: '…'")
    assert "\n" not in problem["message"]


@pytest.mark.parametrize(
    ("served", "own", "same"),
    [
        ([1, 0.1], [1, 0.1 + 1e-9], True),
        ([1, 0.1], [1, 0.2], False),
        ([float("nan")], [float("nan")], True),
        (["a"], ["a", "b"], False),
        ({"a": [1]}, {"a": [1.0]}, True),
        ({"a": 1}, {"b": 1}, False),
        ([None], [0.0], False),
    ],
)
def test_answers_are_compared_as_values(served: Any, own: Any, same: bool) -> None:
    """Numbers to within a millionth; everything else exactly."""
    assert alike(served, own) is same
