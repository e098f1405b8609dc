"""The data file: read, laid against the model, and described without a row of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hybridml.onboarding import baseline, columns, tables
from hybridml.onboarding.columns import Chosen
from hypothesis import given, settings
from hypothesis import strategies as st

from .models import customers


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_with_any_common_separator(separator: str, tmp_path: Path) -> None:
    """With and without a byte order mark."""
    for encoding in ("utf-8", "utf-8-sig"):
        customers().to_csv(tmp_path / "data", sep=separator, index=False, encoding=encoding)

        assert tables.problems(tmp_path / "data") == []
        assert list(tables.read(tmp_path / "data").columns) == ["age", "contracts", "churned"]


@pytest.mark.parametrize(
    "write",
    [
        lambda table, path: table.to_parquet(path),
        lambda table, path: table.to_json(path, orient="records", lines=True),
    ],
)
def test_parquet_and_lines_of_json(write: Callable[[pandas.DataFrame, Path], None], tmp_path: Path) -> None:
    """Told from the content; the rows are those that were written."""
    write(customers(), tmp_path / "data")

    assert tables.problems(tmp_path / "data") == []
    pandas.testing.assert_frame_equal(tables.read(tmp_path / "data"), customers())


def test_what_only_pandas_knows_becomes_plain(tmp_path: Path) -> None:
    """Categories are their values; whole numbers stay whole unless one is missing."""
    table = pandas.DataFrame({"town": ["Bonn", "Köln"], "age": [1, 2], "years": [1, None]})
    table.astype({"town": "category", "age": "Int64", "years": "Int64"}).to_parquet(tmp_path / "data")

    read = tables.read(tmp_path / "data")

    assert [str(kind) for kind in read.dtypes[["age", "years"]]] == ["int64", "float64"]
    assert (read["town"].tolist(), read["town"].dtype) == (["Bonn", "Köln"], table["town"].dtype)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("name,café\n".encode("latin-1"), "is not UTF-8 text, from byte 8 on"),
        (b"a,b\n\x00\x00\n", "is not UTF-8 text, from byte 4 on"),
        (b"a,b,a\n1,2,3\n", "has 2 columns called 'a'"),
        (b"a,,b\n1,2,3\n", "has a column without a name"),
        (b"{not json\n", "its first line is no JSON object"),
        (b'{"a": ' + b"[" * 100_000, "cannot be read: maximum recursion depth"),
        (b"a" * 200_000, "cannot be read: field larger than field limit"),
        (b"a,b\n1,caf\xc3", "is not UTF-8 text, from byte 9 on"),
        (b"a,b\n" + b"1,2\n" * 262_143 + b"\xc3\x28\n", "is not UTF-8 text, from byte 1048576 on"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    """Before anything is loaded, with the option that names it."""
    (tmp_path / "data").write_bytes(content)

    found = tables.problems(tmp_path / "data")

    assert [problem.path for problem in found] == ["--data"]
    assert said in found[0].message


def test_no_file_a_folder_and_too_much(tmp_path: Path) -> None:
    """None of them is read."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(3 << 30)

    assert "No such file" in str(tables.problems(tmp_path / "missing"))
    assert "is no file" in str(tables.problems(tmp_path))
    assert "is larger than 2 GiB" in str(tables.problems(tmp_path / "huge"))


def test_a_damaged_parquet_file_is_said(tmp_path: Path) -> None:
    """In one line, without the traceback of a library."""
    (tmp_path / "data").write_bytes(b"PAR1" + b"\0" * 100)

    with pytest.raises(ValueError, match="Arrow") as raised:
        tables.read(tmp_path / "data")
    assert "\n" not in str(raised.value)


def _messages(chosen: Chosen | list[Any]) -> str:
    assert isinstance(chosen, list)
    return "\n".join(map(str, chosen))


def test_columns_are_found_by_name() -> None:
    """In the model's order; the target and what the model does not take are set apart."""
    table = customers()[["churned", "contracts", "age"]].assign(row=1)

    assert columns.choose(["age", "contracts"], 2, table, "churned") == Chosen(
        features=("age", "contracts"), target="churned", ignored=("row",)
    )


def test_columns_are_counted_where_the_model_knows_no_names() -> None:
    """All but the target, in the order of the file."""
    assert columns.choose(None, 2, customers(), "churned") == Chosen(features=("age", "contracts"), target="churned")
    assert "say which one it predicts: --target COLUMN" in _messages(columns.choose(None, 2, customers(), None))
    assert "the model takes 5 columns, and the data has 3" in _messages(columns.choose(None, 5, customers(), None))


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    """Missing columns, an unknown target, and a column without a value."""
    table = customers().assign(age=numpy.nan)

    said = _messages(columns.choose(["age", "region", "income"], 3, table, "left"))

    assert "takes columns that the data does not have: region, income" in said
    assert "the data has no column 'left'" in said
    assert "column 'age' has no value in any row" in said


def test_without_rows_and_without_data() -> None:
    """A header alone describes nothing; a model alone says what it knows."""
    assert "has columns and no row" in _messages(columns.choose(["age"], 1, customers(0), None))
    assert columns.choose(None, 2, None, None) == Chosen(features=("x0", "x1"))
    assert "does not say what it takes" in _messages(columns.choose(None, None, None, None))
    assert "names a column of no file" in _messages(columns.choose(["a"], 1, None, "b"))


def test_a_made_up_row_is_nobodys() -> None:
    """Of text the most frequent value that ten rows share, or nothing; types stay."""
    rows = pandas.DataFrame(
        {"age": range(20), "town": ["Bonn"] * 12 + list("abcdefgh"), "name": list("abcdefghij" * 2)}
    )

    made = columns.typical(rows)

    assert made.to_dict("records") == [{"age": 10, "town": "Bonn", "name": ""}]
    assert made.dtypes.to_dict() == rows.dtypes.to_dict()


def _described(**values: Any) -> dict[str, Any]:
    frame = pandas.DataFrame(values)
    features: dict[str, Any] = baseline.describe(frame, {"features": list(values)}, "ab")["features"]
    return features


def test_numbers_have_quantiles_and_bins() -> None:
    """A hundred numbers: ten bins of ten."""
    described = _described(age=[number + 0.5 for number in range(1, 101)] + [None])["age"]

    assert (described["type"], described["count"], described["missing"], described["distinct"]) == (
        "number",
        100,
        1,
        100,
    )
    assert described["quantiles"]["0.5"] == 51
    assert set(described["quantiles"]) == {"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"}
    assert described["bins"]["counts"] == [10] * 10


def test_categories_that_few_share_are_not_named() -> None:
    """They are counted together."""
    described = _described(town=["Bonn"] * 30 + ["Köln"] * 12 + ["Tiny"] * 9)["town"]

    assert (described["categories"], described["other"]) == ({"Bonn": 30, "Köln": 12}, 9)


@pytest.mark.parametrize(
    "values",
    [
        [f"customer {n}" for n in range(200)],
        list(range(10_000, 10_200)),
        [None, *range(10_000, 10_200)],
        [pandas.NA, *[f"customer {n}" for n in range(200)]],
        [1.5] * 9,
    ],
)
def test_columns_that_tell_rows_apart_are_only_counted(values: list[Any]) -> None:
    """Names, numbers of customers though one be missing, and columns with too few values."""
    assert set(_described(it=values)["it"]) == {"type", "count", "missing", "distinct"}


def test_odd_values_are_described() -> None:
    """Times, lists, infinities, booleans and nothing at all."""
    described = _described(
        time=pandas.to_datetime(["2026-01-01"] * 20),
        lists=[[1, 2]] * 20,
        infinite=[numpy.inf] * 20,
        nothing=[None] * 20,
        flag=[True, False] * 10,
    )

    assert [each["type"] for each in described.values()] == ["time", "category", "number", "category", "boolean"]
    assert json.loads(json.dumps(described, allow_nan=False)) == described


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=1, max_size=250))
def test_no_outer_value_is_written_down(values: list[float | None]) -> None:
    """Neither the smallest nor the largest number, unless ten rows have it; counts add up."""
    described = _described(it=pandas.Series(values, dtype="float64"))["it"]
    present = sorted(value for value in values if value is not None)
    written = [*described.get("quantiles", {}).values(), *described.get("bins", {}).get("edges", [])]

    assert described["count"] + described["missing"] == len(values)
    assert sum(described.get("bins", {}).get("counts", [len(present)])) == len(present)
    if written:
        assert sum(value <= min(written) + 1e-3 for value in present) >= 10
        assert sum(value >= max(written) - 1e-3 for value in present) >= 10
