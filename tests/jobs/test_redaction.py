"""What of a request may be kept, in every form that MLflow takes."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hybridml.jobs.redaction import Redaction, UnnamedError
from hypothesis import given
from hypothesis import strategies as st

KEY = b"k" * 32
PRIVATE = Redaction(drop=frozenset({"email"}), hash=frozenset({"phone"}), key=lambda: KEY)


def hashed(name: str, value: Any) -> str:
    """Written out: HMAC-SHA256 over name and value, the first 32 hexadecimal digits."""
    return "hmac:" + hmac.new(KEY, json.dumps([name, value]).encode(), hashlib.sha256).hexdigest()[:32]


PHONE = hashed("phone", "555")
NAMED: dict[str, tuple[Any, Any]] = {
    "a table": (
        {"dataframe_split": {"index": ["a@b"], "columns": ["age", "email", "phone"], "data": [[1, "a@b", "555"]]}},
        {"dataframe_split": {"columns": ["age", "phone"], "data": [[1, PHONE]]}},
    ),
    "records": (
        {"dataframe_records": [{"age": 1, "email": "a@b", "phone": "555"}]},
        {"dataframe_records": [{"age": 1, "phone": PHONE}]},
    ),
    "named instances": (
        {"instances": [{"age": 1, "email": "a@b", "phone": "555"}]},
        {"instances": [{"age": 1, "phone": PHONE}]},
    ),
    "columns": (
        {"inputs": {"age": [1], "email": ["a@b"], "phone": ["555"]}},
        {"inputs": {"age": [1], "phone": [PHONE]}},
    ),
    "inputs by row": (
        {"inputs": [{"age": 1, "email": "a@b", "phone": "555"}]},
        {"inputs": [{"age": 1, "phone": PHONE}]},
    ),
    "one row of inputs": ({"inputs": {"age": 1, "email": "a@b"}}, {"inputs": {"age": 1}}),
    "inside another feature": (
        {"instances": [{"person": {"email": "a@b", "phone": "555", "age": 1}}]},
        {"instances": [{"person": {"phone": PHONE, "age": 1}}]},
    ),
    "parameters": (
        {"inputs": {"age": [1]}, "params": {"email": "a@b", "top": 3}},
        {"inputs": {"age": [1]}, "params": {"top": 3}},
    ),
    "what no model reads": ({"inputs": {"age": [1]}, "email": "a@b", "note": "a@b"}, {"inputs": {"age": [1]}}),
    "in another case": (
        {"instances": [{"age": 1, "Email": "a@b", "PHONE": "555", "in": {"EMAIL ": "a@b"}}]},
        {"instances": [{"age": 1, "PHONE": PHONE, "in": {}}]},
    ),
    "in another form of Unicode": (
        {"dataframe_split": {"columns": ["age", "\uff45mail", "phone\u00a0"], "data": [[1, "a@b", "555"]]}},
        {"dataframe_split": {"columns": ["age", "phone\u00a0"], "data": [[1, PHONE]]}},
    ),
    "nothing in a feature": ({"inputs": {"phone": [None]}}, {"inputs": {"phone": [None]}}),
    "the same column twice": (
        {"dataframe_split": {"columns": ["email", "age", "email"], "data": [["a@b", 1, "a@b"]]}},
        {"dataframe_split": {"columns": ["age"], "data": [[1]]}},
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_named_features_are_left_out_or_hashed(case: str) -> None:
    """A dropped feature is gone, of a hashed one the keyed hash is kept, the rest is as it was."""
    request, kept = NAMED[case]

    assert PRIVATE.inputs(request) == kept


UNNAMED: dict[str, Any] = {
    "instances": {"instances": [[1, "a@b"], [2, "c@d"]]},
    "inputs": {"inputs": [[1, "a@b"]]},
    "one unnamed row among named ones": {"instances": [{"age": 1}, ["a@b"]]},
    "a table without columns": {"dataframe_split": {"data": [["a@b"]]}},
    "a table with numbered columns": {"dataframe_split": {"columns": [0], "data": [["a@b"]]}},
    "a table with too long a row": {"dataframe_split": {"columns": ["age"], "data": [[1, "a@b"]]}},
    "a table that is none": {"dataframe_split": "a@b"},
    "rows that are none": {"dataframe_split": {"columns": ["age"], "data": ["a@b"]}},
    "two forms": {"instances": [], "inputs": {"email": "a@b"}},
    "another protocol": {"messages": [{"role": "user", "content": "a@b"}]},
    "parameters in a list": {"inputs": {"age": 1}, "params": ["a@b"]},
    "records in a table": {"dataframe_records": {"columns": ["email"], "data": [["a@b"]]}},
    "a list": ["a@b"],
    "a text": "a@b",
}


@pytest.mark.parametrize("case", UNNAMED)
def test_values_without_names_are_not_kept(case: str) -> None:
    """Nobody knows which of them is the personal one, so none is."""
    with pytest.raises(UnnamedError):
        PRIVATE.inputs(UNNAMED[case])


@pytest.mark.parametrize("case", [*NAMED, *UNNAMED])
def test_where_nothing_is_asked_everything_is_kept(case: str) -> None:
    """Without `drop` and `hash` a request is kept as it came, in whatever form."""
    request = NAMED[case][0] if case in NAMED else UNNAMED[case]

    assert Redaction().inputs(request) is request


KNOWN = Redaction(drop=frozenset({"email"}), known=frozenset({"age", "email", "person"}))
UNEXPECTED: dict[str, tuple[Any, Any]] = {
    "records": ({"instances": [{"age": 1, "E-Mail": "a@b"}]}, {"instances": [{"age": 1}]}),
    "columns": ({"inputs": {"age": [1], "E-Mail": ["a@b"]}}, {"inputs": {"age": [1]}}),
    "a table": (
        {"dataframe_split": {"columns": ["E-Mail", "age"], "data": [["a@b", 1]]}},
        {"dataframe_split": {"columns": ["age"], "data": [[1]]}},
    ),
    "inside a feature": ({"inputs": {"person": {"size": 2, "email": "a@b"}}}, {"inputs": {"person": {"size": 2}}}),
    "parameters": ({"inputs": {"age": 1}, "params": {"top": 3}}, {"inputs": {"age": 1}, "params": {"top": 3}}),
}


@pytest.mark.parametrize("case", UNEXPECTED)
def test_what_the_signature_does_not_name_is_not_kept(case: str) -> None:
    """MLflow passes over a column that the model does not know; it may be a private feature by another name."""
    request, kept = UNEXPECTED[case]

    assert KNOWN.inputs(request) == kept


def test_answers_that_repeat_the_question_are_cleaned() -> None:
    """A model that answers with the row it was given does not undo the redaction."""
    answer = {"predictions": [{"email": "a@b", "phone": "555", "score": 0.5}]}

    assert PRIVATE.outputs(answer) == {"predictions": [{"phone": PHONE, "score": 0.5}]}


def test_a_table_in_an_answer_or_a_feature_is_a_table() -> None:
    """pandas writes one as columns and rows; one with private columns that names no cell is not kept."""
    table = {"index": ["a@b"], "columns": ["Email", "phone", "age"], "data": [["a@b", "555", 1]], "note": 3}
    plain = {"columns": ["age"], "data": [[1]], "index": [7]}

    assert PRIVATE.outputs({"predictions": [table]}) == {
        "predictions": [{"columns": ["phone", "age"], "data": [[PHONE, 1]], "note": 3}]
    }
    assert PRIVATE.inputs({"inputs": {"person": table, "other": plain}})["inputs"]["other"] == plain
    for ragged in ({"columns": ["email"], "data": [["a@b", 1]]}, {"columns": ["email", 1], "data": [["a@b", 1]]}):
        with pytest.raises(UnnamedError):
            PRIVATE.outputs({"predictions": ragged})


def test_equal_values_of_different_features_have_different_hashes() -> None:
    """Two features cannot be joined by their hashes."""
    both = Redaction(hash=frozenset({"a", "b"}), key=lambda: KEY).inputs({"inputs": {"a": "x", "b": "x"}})

    assert both["inputs"]["a"] != both["inputs"]["b"]


def test_a_number_has_one_hash_however_it_is_written() -> None:
    """A customer 7 is a customer 7.0; what is no number is another."""
    kept = PRIVATE.inputs({"inputs": {"phone": [7, 7.0, 7e0, "7", True, float("nan")]}})["inputs"]["phone"]

    assert len({*kept[:3]}) == 1
    assert len({*kept}) == 4


def test_a_name_that_is_written_otherwise_is_found_in_drop_and_hash() -> None:
    """It is the settings' spelling that counts no more than the request's."""
    private = Redaction(drop=frozenset({"E-Mail"}), hash=frozenset({"STRASSE"}), key=lambda: KEY)

    kept = private.inputs({"inputs": {"e-mail": "a@b", "stra\u00dfe": "x"}})["inputs"]

    assert kept == {"stra\u00dfe": hashed("strasse", "x")}


def test_another_key_gives_another_hash() -> None:
    """Who has not got the key cannot find a value by trying."""
    other = Redaction(hash=frozenset({"phone"}), key=lambda: b"other")

    assert other.inputs({"inputs": {"phone": "555"}})["inputs"]["phone"] not in (PHONE, "555")


_NAMES = st.sampled_from(["email", "Email", "phone", "PHONE ", "age", "columns", "data"])
_VALUES = st.recursive(
    st.just("planted") | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)
_ROWS = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=3), max_size=3)
_TABLES = st.fixed_dictionaries(
    {"columns": st.lists(_NAMES, max_size=3), "data": st.lists(st.lists(_VALUES, max_size=3))}
)
_FORMS = st.sampled_from(["dataframe_records", "instances", "inputs", "dataframe_split"])


@given(st.dictionaries(_FORMS, _ROWS | _VALUES | _TABLES, min_size=1, max_size=2))
def test_no_private_value_survives_under_its_name(request: dict[str, Any]) -> None:
    """Whatever a request looks like: what is kept has no dropped name, and no hashed one with its plain value."""
    try:
        kept = PRIVATE.inputs(request)
    except UnnamedError:
        return

    for name, value in [*_pairs(kept), *_cells(kept.get("dataframe_split"))]:
        assert name.casefold() != "email"
        assert name.casefold().strip() != "phone" or "planted" not in json.dumps(value)


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """Every name and what stands under it, at any depth."""
    if isinstance(value, list):
        return [pair for each in value for pair in _pairs(each)]
    return [*value.items(), *_pairs(list(value.values()))] if isinstance(value, dict) else []


def _cells(table: Any) -> list[tuple[str, Any]]:
    """Every cell of a table and the name of its column."""
    return [pair for row in table["data"] for pair in zip(table["columns"], row, strict=True)] if table else []
