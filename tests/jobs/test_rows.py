"""Rows as a model wants them: columns and types of its signature."""

from __future__ import annotations

from typing import Any

import pytest
from hybridml.jobs.rows import frame

types = pytest.importorskip("mlflow.types", reason="mlflow is not installed: pip install 'hybridml[local]'")


def schema(**columns: str) -> Any:
    """A signature's columns; a name that ends in an underscore is optional."""
    return types.Schema(
        [types.ColSpec(kind, name.rstrip("_"), required=not name.endswith("_")) for name, kind in columns.items()]
    )


def test_text_becomes_what_the_signature_says() -> None:
    """Numbers, truth and moments of a CSV file get their types; other columns are left out."""
    asked = schema(x="double", n="long", yes="boolean", when="datetime", word="string")
    row = {"x": "1", "n": "2", "yes": "True", "when": "2026-01-02", "word": "3", "other": "4"}

    made = frame([row], asked)

    assert [made[name].dtype.kind for name in ("x", "n", "yes", "when")] == ["f", "i", "b", "M"]
    assert made["word"].tolist() == ["3"]
    assert "other" not in made


def test_whole_numbers_of_json_become_fractions() -> None:
    """A column of numbers is one type, whatever single lines say."""
    assert str(frame([{"x": 1}, {"x": 2.5}], schema(x="double"))["x"].dtype) == "float64"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"x": "word", "n": 1}, "x is not float64"),
        ({"x": "1", "n": None}, "n is not int64"),
        ({"x": "1", "n": 1, "yes": "maybe"}, "yes is not bool"),
        ({"n": 1}, "has no x"),
        ({"x": "1", "n": "1.5"}, "n is not int64: 1.5 is beyond it"),
        ({"x": "1", "n": 1, "small": "3000000000"}, "small is not int32: 3000000000 is beyond it"),
    ],
)
def test_what_is_not_is_named(row: dict[str, Any], reason: str) -> None:
    """A value of another type and a missing column each name the column."""
    with pytest.raises(ValueError, match=reason):
        frame([row], schema(x="double", n="long", yes_="boolean", small_="integer"))


def test_a_missing_number_and_a_missing_optional_column_are_allowed() -> None:
    """What the model takes without is not asked for."""
    made = frame([{"x": None}, {"x": "2"}], schema(x="double", n_="long"))

    assert made["x"].isna().tolist() == [True, False]


def test_without_a_signature_numbers_are_guessed() -> None:
    """A column that holds only numbers is one; any other stays as it is."""
    made = frame([{"x": "1", "word": "a"}, {"x": "2.5", "word": "3"}], None)

    assert made["x"].tolist() == [1.0, 2.5]
    assert made["word"].tolist() == ["a", "3"]
