"""Files, folders and models that a batch prediction does not expect: no row is lost in silence, no row is made up."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import HybridMLError
from hybridml.jobs import batch
from hybridml.jobs.batch import Predict, Task, run

pandas = pytest.importorskip("pandas")


def task(folder: Path, name: str, text: str | bytes, **over: Any) -> Task:
    """A task over one file."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    asked: dict[str, Any] = {
        "model": folder / "model",
        "model_sha256": "5" * 64,
        "version": "1",
        "input": str(folder / "in" / name),
        "output": folder / "out",
        "format": None,
        "shard_rows": 100,
    }
    return Task(**asked | over)


def saying(*answers: dict[str, Any]) -> Any:
    """A model that says what it is told to, a row after the other."""
    return lambda _: lambda rows: list(answers[: len(rows)])


def echo(_: Path) -> Predict:
    return lambda rows: [{"prediction": row["x"]} for row in rows]


def written(folder: Path, name: str) -> list[Path]:
    return sorted((folder / "out").glob(f"*/{name}"))


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in written(folder, name) for line in path.read_text().splitlines()]


def test_a_quote_that_never_ends_refuses_the_file(tmp_path: Path) -> None:
    """The rest of the file would be one value, and its rows lost without a word."""
    with pytest.raises(HybridMLError, match=r"a\.csv is not csv: unexpected end"):
        run(task(tmp_path, "a.csv", 'x\n1\n"2\n3\n4\n'), echo)


def test_a_misplaced_quote_costs_one_row(tmp_path: Path) -> None:
    """It is no value that anybody wrote; the lines after it are read on."""
    manifest = run(task(tmp_path, "a.csv", 'x,y\n1,a\n2,"b"c\n3,"d"\n'), echo)

    assert (manifest["predicted"], manifest["failed"]) == (2, 1)
    (failed,) = lines(tmp_path, "errors.jsonl")
    assert failed["row"] == 2 and failed["error"].startswith("is not CSV")


def test_values_may_be_long_and_hold_line_ends(tmp_path: Path) -> None:
    """A picture in base64 is longer than the reader's usual limit; a quoted line end belongs to its value."""
    manifest = run(task(tmp_path, "a.csv", f'\ufeffx,y\n1,{"a" * 200_000}\n2,"b\n""c"""\n'), echo)

    assert (manifest["rows"], manifest["predicted"]) == (2, 2)


@pytest.mark.parametrize("line", [b'{"x": "\xff"}', b'{"x": ' + b"[" * 100_000, b'{"x": ' + b"1" * 5000 + b"}"])
def test_a_line_that_is_no_json_costs_one_row(tmp_path: Path, line: bytes) -> None:
    """Bytes that are no text, nesting without end and numbers without end, too."""
    manifest = run(task(tmp_path, "a.jsonl", b'{"x": 1}\n' + line + b'\n{"x": 3}\n'), echo)

    assert [row["row"] for row in lines(tmp_path, "part-*.jsonl")] == [1, 3]
    assert manifest["failed"] == 1


def test_the_models_columns_do_not_hide_whose_row_it_is(tmp_path: Path) -> None:
    """`file` and `row` are the input's; what the model calls so is beside them."""
    run(task(tmp_path, "a.csv", "x\n1\n"), saying({"row": 99, "file": "z", "p": 1}))

    (path,) = written(tmp_path, "part-*.csv")
    assert path.read_text() == "file,row,prediction_row,prediction_file,p\na.csv,1,99,z,1\n"


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_column_that_only_some_rows_have_is_written(tmp_path: Path, format_: str) -> None:
    """What the first row does not say is said of the others all the same."""
    text = {"csv": "x\n1\n2\n", "jsonl": '{"x": 1}\n{"x": 2}\n'}[format_]
    run(task(tmp_path, f"a.{format_}", text), saying({"a": 1}, {"a": 1, "b": "word"}))

    assert "word" in written(tmp_path, "part-*")[0].read_text()


def test_json_lines_keep_every_digit_and_every_text(tmp_path: Path) -> None:
    """Numbers come back as they were, what is no number is null, half a character is no end of the run."""
    exact = [0.12345678901234568, 1e-300, 2**60]
    moment = pandas.Timestamp("2026-01-02T03:04:05Z")
    said = [*exact, float("nan"), float("inf"), "\ud800", {"a": [float("nan")]}, moment, pandas.NaT]
    rows = "".join(f'{{"x": {number}}}\n' for number in range(len(said)))
    run(task(tmp_path, "a.jsonl", rows), saying(*({"p": value} for value in said)))

    found = [row["p"] for row in lines(tmp_path, "part-*.jsonl")]
    assert found == [*exact, None, None, "\ud800", {"a": [None]}, "2026-01-02T03:04:05+00:00", None]


def test_predictions_that_parquet_cannot_hold_are_named(tmp_path: Path) -> None:
    """Values of two types in one column are one line, and the way out."""
    asked = task(tmp_path, "a.parquet", b"")
    pandas.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / "in" / "a.parquet")

    with pytest.raises(HybridMLError, match=r"cannot be written as Parquet: .*; predict from \.jsonl or \.csv"):
        run(asked, saying({"p": 1}, {"p": "word"}))


def test_a_result_that_was_tampered_with_is_made_again(tmp_path: Path) -> None:
    """A complete run counts as such only with the bytes that its manifest names."""
    asked = task(tmp_path, "a.csv", "x\n1\n")
    run(asked, echo)
    (path,) = written(tmp_path, "part-00000.csv")
    before = path.read_text()
    path.write_text("file,row,prediction\n")

    run(asked, echo)

    assert path.read_text() == before


def test_parts_of_rows_that_changed_meanwhile_are_forgotten(tmp_path: Path) -> None:
    """When the old rows come back, they do not get the predictions of the others."""
    asked, source = task(tmp_path, "a.csv", "x\n1\n2\n", shard_rows=1), tmp_path / "in" / "a.csv"

    def changing(_: Path) -> Predict:
        source.write_text("x\n7\n8\n")
        return lambda rows: [{"prediction": 7} for _ in rows]

    with pytest.raises(HybridMLError, match="changed while it was read"):
        run(asked, changing)
    source.write_text("x\n1\n2\n")
    run(asked, echo)

    assert written(tmp_path, "part-00000.csv")[0].read_text() == "file,row,prediction\na.csv,1,1\n"


def test_a_run_that_failed_throughout_is_tried_again(tmp_path: Path) -> None:
    """What the model missed may be there now: a file, a variable, a service."""
    asked = task(tmp_path, "a.csv", "x\n1\n2\n", shard_rows=1)

    def failing(_: Path) -> Predict:
        return lambda rows: [{"p": 1 / 0} for _ in rows]

    with pytest.raises(
        HybridMLError, match=r"none of the 2 rows .* ZeroDivisionError: .*; all reasons: .*errors\.jsonl"
    ):
        run(asked, failing)

    assert run(asked, echo)["predicted"] == 2
    assert not written(tmp_path, "errors.jsonl")


def test_output_is_not_input(tmp_path: Path) -> None:
    """A run that would read its own results next time is refused, with the way out."""
    with pytest.raises(HybridMLError, match=r"in/a\.csv is input and lies in the output folder; give batch\.output"):
        run(task(tmp_path, "a.csv", "x\n1\n", output=tmp_path / "in"), echo)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.csv"]


def test_a_full_disk_is_named_and_what_is_complete_is_kept(tmp_path: Path) -> None:
    """No half of a file is left, and the next run goes on where room ended."""
    asked = task(tmp_path, "a.csv", "x\n" + "1\n" * 50 + f"{10**99}\n" * 50, shard_rows=50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(HybridMLError, match=r"part-00001\.csv cannot be written: .*; what is complete is kept"):
            run(asked, echo)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert [path.name for path in written(tmp_path, "part-*")] == ["part-00000.csv"]
    assert not list((tmp_path / "out").rglob("*.part"))
    told: list[str] = []
    assert run(asked, lambda _: lambda rows: [told.append(row["x"]) or {"p": 1} for row in rows])["predicted"] == 100
    assert set(told) == {str(10**99)}


def test_only_a_star_is_a_pattern(tmp_path: Path) -> None:
    """A project may lie in a folder whose name has brackets."""
    folder = tmp_path / "copy [1]?"
    (folder / "in").mkdir(parents=True)

    manifest = run(task(folder, "a.csv", "x\n1\n", input=str(folder / "in" / "*.csv")), echo)

    assert [entry["file"] for entry in manifest["input"]["files"]] == ["a.csv"]


def test_a_model_that_ends_the_program_only_fails_its_row(tmp_path: Path) -> None:
    """`sys.exit(0)` inside a model would otherwise look like a run that ended well."""

    def leaving(_: Path) -> Predict:
        return lambda rows: sys.exit(0) if "2" in [row["x"] for row in rows] else [{"p": 1} for _ in rows]

    assert run(task(tmp_path, "a.csv", "x\n1\n2\n"), leaving)["failed"] == 1


@pytest.mark.parametrize("wrong", ["output", "model"])
def test_the_command_shows_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    """An output that is a file and a model that is none are status 1 and one line."""
    pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'hybridml[local]'")
    asked = task(tmp_path, "a.csv", "x\n1\n")
    if wrong == "output":
        asked.output.write_text("a file")
    paths = ["--model", str(asked.model), "--input", asked.input, "--output", str(asked.output)]

    assert batch.main([*paths, "--model-sha256", "5" * 64, "--version", "1"]) == 1

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(asked.output if wrong == "output" else asked.model) in said
