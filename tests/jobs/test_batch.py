"""Predictions over files: every row accounted for, whatever happens on the way."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import HybridMLError
from hybridml.jobs import batch
from hybridml.jobs.batch import Predict, Task, outcomes, run
from hypothesis import given, settings
from hypothesis import strategies as st

SHA = "5" * 64


class Doubling:
    """A model that doubles `x`, refuses what is no number, and remembers what it was asked."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.asked: list[int] = []
        self._left = fails_after

    def __call__(self, folder: Path) -> Predict:
        return self.predict

    def predict(self, rows: list[Any]) -> list[dict[str, Any]]:
        if self._left is not None:
            if self._left == 0:
                raise KeyboardInterrupt  # what no model raises, and nothing catches
            self._left -= 1
        self.asked.append(len(rows))
        return [{"prediction": float(row["x"]) * 2} for row in rows]


def task(folder: Path, **over: Any) -> Task:
    asked: dict[str, Any] = {
        "model": folder / "model",
        "model_sha256": SHA,
        "version": "1",
        "input": str(folder / "in" / "*.csv"),
        "output": folder / "out",
        "format": None,
        "shard_rows": 3,
    }
    return Task(**asked | over)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def column(*values: object) -> str:
    return "x\n" + "".join(f"{value}\n" for value in values)


def latest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "latest.json").read_text())
    return found


def predictions(folder: Path) -> dict[tuple[str, int], float]:
    """What the newest run says, by file and row."""
    manifest, found = latest(folder), {}
    for part in manifest["parts"]:
        with (folder / "out" / manifest["folder"] / part["file"]).open(newline="") as stream:
            for row in csv.DictReader(stream):
                found[row["file"], int(row["row"])] = float(row["prediction"])
    return found


def errors(folder: Path) -> dict[tuple[str, int], str]:
    manifest = latest(folder)
    if manifest["errors"] is None:
        return {}
    lines = (folder / "out" / manifest["folder"] / manifest["errors"]).read_text().splitlines()
    return {(line["file"], line["row"]): line["error"] for line in map(json.loads, lines)}


def test_every_row_is_predicted_and_counted(tmp_path: Path) -> None:
    """Parts of at most `shard_rows`, in the order of the files, and a manifest with digests and counts."""
    write(tmp_path, "b.csv", column(1, 2, 3, 4))
    write(tmp_path, "a.csv", column(5))
    model = Doubling()

    manifest = run(task(tmp_path), model)

    assert predictions(tmp_path) == {("a.csv", 1): 10, **{("b.csv", n): 2 * n for n in (1, 2, 3, 4)}}
    assert model.asked == [1, 3, 1]
    assert [part["predicted"] for part in manifest["parts"]] == [1, 3, 1]
    assert (manifest["rows"], manifest["predicted"], manifest["failed"]) == (5, 5, 0)
    assert manifest["model"] == {"version": "1", "sha256": SHA}
    assert [entry["file"] for entry in manifest["input"]["files"]] == ["a.csv", "b.csv"]


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    """A file is named from where the pattern begins to be open."""
    for day in ("mon", "tue"):
        (tmp_path / "in" / day).mkdir(parents=True)
        (tmp_path / "in" / day / "a.csv").write_text(column(1))

    run(task(tmp_path, input=str(tmp_path / "in" / "**" / "*.csv")), Doubling())

    assert set(predictions(tmp_path)) == {("mon/a.csv", 1), ("tue/a.csv", 1)}


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    """The same input and model are not predicted twice; the model is not even loaded."""
    write(tmp_path, "a.csv", column(1, 2))
    first = run(task(tmp_path), Doubling())

    again = Doubling()
    assert run(task(tmp_path), again) == first
    assert again.asked == []


@pytest.mark.parametrize("change", [{"model_sha256": "6" * 64}, {"shard_rows": 2}, {"version": "2"}, {"settings": "7"}])
def test_another_model_or_shape_is_another_run(tmp_path: Path, change: dict[str, Any]) -> None:
    """What determines the result names the folder of the run; the earlier run stays beside it."""
    write(tmp_path, "a.csv", column(1, 2))
    run(task(tmp_path), Doubling())
    before = latest(tmp_path)["folder"]

    run(task(tmp_path, **change), Doubling())

    assert latest(tmp_path)["folder"] != before
    assert (tmp_path / "out" / before / "manifest.json").exists()


def test_changed_input_is_predicted_again_and_the_old_one_is_remembered(tmp_path: Path) -> None:
    """Other rows are another run; when the old rows come back, so does their result, without the model."""
    path = write(tmp_path, "a.csv", column(1))
    run(task(tmp_path), Doubling())
    path.write_text(column(7))
    run(task(tmp_path), Doubling())
    assert predictions(tmp_path) == {("a.csv", 1): 14}

    path.write_text(column(1))
    again = Doubling()
    run(task(tmp_path), again)

    assert (predictions(tmp_path), again.asked) == ({("a.csv", 1): 2}, [])


def test_a_bad_row_does_not_lose_the_rest(tmp_path: Path) -> None:
    """Rows that are none and rows that the model refuses are named with file, number and reason."""
    write(tmp_path, "a.csv", "x,y\n1,1\nword,1\n3\n4,1\n\n5,1\n")

    manifest = run(task(tmp_path, shard_rows=100), Doubling())

    assert predictions(tmp_path) == {("a.csv", 1): 2, ("a.csv", 4): 8, ("a.csv", 5): 10}
    assert errors(tmp_path) == {
        ("a.csv", 2): "ValueError: could not convert string to float: 'word'",
        ("a.csv", 3): "has 1 values for 2 columns",
    }
    assert (manifest["rows"], manifest["predicted"], manifest["failed"]) == (5, 3, 2)


def test_rows_that_all_fail_fail_the_run(tmp_path: Path) -> None:
    """When nothing could be predicted, the first reason is the error, all are kept, and the last result stays."""
    write(tmp_path, "a.csv", column("one", "two"))

    with pytest.raises(HybridMLError, match=r"none of the 2 rows could be predicted; row 1 of a\.csv: ValueError"):
        run(task(tmp_path), Doubling())

    assert not (tmp_path / "out" / "latest.json").exists()
    (kept,) = (tmp_path / "out").glob("*/errors.jsonl")
    assert len(kept.read_text().splitlines()) == 2


@pytest.mark.parametrize("text", ["", "x\n", "\ufeffx\n"])
def test_no_rows_are_a_result(tmp_path: Path, text: str) -> None:
    """An empty file is predicted at once: nothing."""
    write(tmp_path, "a.csv", text)

    manifest = run(task(tmp_path), Doubling())

    assert (manifest["rows"], manifest["parts"], manifest["errors"]) == (0, [], None)


def test_no_file_is_an_error(tmp_path: Path) -> None:
    """An input that is not there is named, and nothing is written."""
    with pytest.raises(HybridMLError, match=r"no file matches .*\.csv"):
        run(task(tmp_path), Doubling())

    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was complete is kept, what was not is made again, and the result is the one of an undisturbed run."""
    write(tmp_path, "a.csv", column(*range(10)))
    with pytest.raises(KeyboardInterrupt):
        run(task(tmp_path), Doubling(fails_after=2))
    assert not (tmp_path / "out" / "latest.json").exists()

    rest = Doubling()
    run(task(tmp_path), rest)

    assert rest.asked == [3, 1]
    assert predictions(tmp_path) == {("a.csv", n + 1): 2 * n for n in range(10)}


def test_a_part_that_was_tampered_with_is_made_again(tmp_path: Path) -> None:
    """A part counts as complete only with the bytes that were written."""
    write(tmp_path, "a.csv", column(1, 2))
    folder = tmp_path / "out" / latest_after(tmp_path)
    (folder / "manifest.json").unlink()
    (folder / "part-00000.csv").write_text("file,row,prediction\n")

    run(task(tmp_path), Doubling())

    assert predictions(tmp_path) == {("a.csv", 1): 2, ("a.csv", 2): 4}


def latest_after(folder: Path) -> str:
    run(task(folder), Doubling())
    return str(latest(folder)["folder"])


def test_jsonl_keeps_types_and_names_broken_lines(tmp_path: Path) -> None:
    """JSON lines in, JSON lines out; a line that is no object is a failed row."""
    write(tmp_path, "a.jsonl", '{"x": 1}\nnot json\n[1]\n{"x": 2.5}\n')

    manifest = run(task(tmp_path, input=str(tmp_path / "in" / "*.jsonl"), shard_rows=9), Doubling())

    (part,) = manifest["parts"]
    lines = (tmp_path / "out" / latest(tmp_path)["folder"] / part["file"]).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": "a.jsonl", "row": 1, "prediction": 2.0},
        {"file": "a.jsonl", "row": 4, "prediction": 5.0},
    ]
    assert set(errors(tmp_path)) == {("a.jsonl", 2), ("a.jsonl", 3)}


def test_parquet_is_read_and_written(tmp_path: Path) -> None:
    """Columns and types of a Parquet file arrive as they are, and the predictions are Parquet too."""
    pandas = pytest.importorskip("pandas")
    (tmp_path / "in").mkdir()
    pandas.DataFrame({"x": [1.5, 2.5]}).to_parquet(tmp_path / "in" / "a.parquet")

    manifest = run(task(tmp_path, input=str(tmp_path / "in")), Doubling())

    made = pandas.read_parquet(tmp_path / "out" / latest(tmp_path)["folder"] / manifest["parts"][0]["file"])
    assert made.to_dict(orient="records") == [
        {"file": "a.parquet", "row": 1, "prediction": 3.0},
        {"file": "a.parquet", "row": 2, "prediction": 5.0},
    ]


@pytest.mark.parametrize(
    ("name", "text", "over", "reason"),
    [
        ("a.csv", "x,x\n1,2\n", {}, "two columns of the same name"),
        ("a.csv", "x\n\udce9\n", {}, "is not csv"),
        ("a.txt", "x\n1\n", {"input": "{in}/a.txt"}, r"\.txt does not say one format; set batch\.format"),
        ("a.parquet", "x\n1\n", {"input": "{in}/a.parquet"}, "is not parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, text: str, over: dict[str, str], reason: str
) -> None:
    """A whole file that is not what it says ends the run with its name."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(text.encode(errors="surrogateescape"))
    asked = {key: value.replace("{in}", str(tmp_path / "in")) for key, value in over.items()}

    with pytest.raises(HybridMLError, match=reason):
        run(task(tmp_path, **asked), Doubling())


def test_two_runs_do_not_write_at_once(tmp_path: Path) -> None:
    """A second run on the same output is refused by name while the first works."""
    write(tmp_path, "a.csv", column(1))
    refused: list[str] = []

    def load(folder: Path) -> Predict:
        with pytest.raises(HybridMLError) as error:
            run(task(tmp_path), Doubling())
        refused.append(str(error.value))
        return Doubling().predict

    run(task(tmp_path), load)

    assert "another batch prediction writes to" in refused[0]


def test_input_that_changes_while_it_is_read_is_no_result(tmp_path: Path) -> None:
    """A manifest speaks of the bytes that were read, or there is none."""
    path = write(tmp_path, "a.csv", column(1))

    def load(folder: Path) -> Predict:
        path.write_text(column(2))
        return Doubling().predict

    with pytest.raises(HybridMLError, match="changed while it was read; run again"):
        run(task(tmp_path), load)
    assert not (tmp_path / "out" / "latest.json").exists()


def test_only_the_owner_reads_what_is_written(tmp_path: Path) -> None:
    """Predictions may be personal data: files are 0600, folders 0700."""
    write(tmp_path, "a.csv", column(1, "word"))
    run(task(tmp_path), Doubling())

    modes = {path: path.stat().st_mode & 0o077 for path in (tmp_path / "out").rglob("*")}
    assert not [path for path, others in modes.items() if others]


@given(bad=st.sets(st.integers(0, 40)), count=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_each_row_has_one_outcome(bad: set[int], count: int) -> None:
    """Whichever rows the model refuses: those are failures, all others are predicted, in order."""

    def predict(rows: list[Any]) -> list[dict[str, Any]]:
        if any(row["x"] in bad for row in rows):
            raise ValueError("refused")
        return [{"prediction": row["x"]} for row in rows]

    predicted, failed = outcomes([(number, {"x": number}) for number in range(count)], predict)

    assert [number for number, _ in failed] == sorted(bad & set(range(count)))
    assert [(number, row["prediction"]) for number, row in predicted] == [
        (number, number) for number in range(count) if number not in bad
    ]


def test_a_model_that_answers_too_little_is_not_believed() -> None:
    """Fewer answers than rows are failures, never rows shifted against each other."""
    predicted, failed = outcomes([(1, {}), (2, {})], lambda rows: [])

    assert (predicted, len(failed)) == ([], 2)


SLOW_MODEL = """\
import sys, time
from pathlib import Path
from hybridml.jobs import batch

def load(folder):
    def predict(rows):
        time.sleep(0.05)
        return [{"prediction": float(row["x"]) * 2} for row in rows]
    return predict

folder = Path(sys.argv[1])
batch.run(batch.Task(model=folder, model_sha256="5" * 64, version="1", input=str(folder / "in" / "*.csv"),
                     output=folder / "out", format=None, shard_rows=3), load)
"""


def test_sigkill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Killed again and again, the run ends with each row once, and never shows a result before it is complete."""
    write(tmp_path, "a.csv", column(*range(60)))
    kills = 0
    for delay in (0.15, 0.3, 0.5, 0.5):
        process = subprocess.Popen([sys.executable, "-c", SLOW_MODEL, str(tmp_path)])
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        if (tmp_path / "out" / "latest.json").exists():
            break
    subprocess.run([sys.executable, "-c", SLOW_MODEL, str(tmp_path)], check=True)

    assert kills >= 2
    assert predictions(tmp_path) == {("a.csv", n + 1): 2 * n for n in range(60)}
    assert not list((tmp_path / "out").rglob("*.part"))


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing input is status 1 and one line."""
    arguments = ["--model", "m", "--model-sha256", SHA, "--version", "1", "--output", str(tmp_path / "out")]
    mask = os.umask(0o022)
    try:
        assert batch.main([*arguments, "--input", str(tmp_path / "nowhere" / "*.csv")]) == 1
    finally:
        os.umask(mask)

    assert (
        capsys.readouterr().err
        == f"no file matches {tmp_path}/nowhere/*.csv; put the input there, or correct batch.input\n"
    )
