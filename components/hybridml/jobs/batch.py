"""Predicts the rows of files: `python -m hybridml.jobs.batch --model FOLDER --input FILES --output FOLDER ...`.

The files of one run lie in a folder of OUTPUT that is named after what determines them: input, model, shards, format.
Each shard becomes a part, renamed into place whole, so a run that was killed goes on with the shard it was at, and one
that has nothing new to do does nothing. A row that cannot be predicted goes to `errors.jsonl` with its file and number;
the others go on. `OUTPUT/latest.json` is the manifest of the newest complete run.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import HybridMLError
from hybridml.jobs.inputs import Digested, digested
from hybridml.jobs.parts import ERRORS, Part, Parts, write_json
from hybridml.jobs.rows import Row, Shard, format_of, frame, shards

if TYPE_CHECKING:
    import numpy
    import pandas
    from mlflow.pyfunc import PyFuncModel

LATEST: Final = "latest.json"
"""The manifest of the newest complete run, in the output folder."""
MANIFEST: Final = "manifest.json"
"""The manifest of a complete run, in that run's folder."""
_LONGEST = 300

Predict = Callable[[list[Row]], list[dict[str, Any]]]
"""One prediction, by column, for each of the rows; raises for rows that the model does not take."""


class BatchFailed(HybridMLError):  # noqa: N818 - says what happened
    """A batch prediction could not be made."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted."""

    model: Path
    """Folder of the model, in MLflow's format."""
    model_sha256: str
    """Its digest, as whoever asks has verified it."""
    version: str
    """Its name."""
    input: str
    """Absolute path of the files; `*` stands for any part of a name."""
    output: Path
    """Folder for runs and the newest manifest."""
    format: str | None
    """`csv`, `jsonl` or `parquet`; None for what the suffixes say."""
    shard_rows: int
    """Rows of a part."""
    settings: str = ""
    """Digest of whatever else determines the result, such as variables of the environment."""


def run(task: Task, load: Callable[[Path], Predict] | None = None) -> dict[str, Any]:
    """Predict whatever is not predicted yet; the manifest. Raises `HybridMLError`.

    `load` makes predictions of the model's folder; the model is loaded only when there is something to predict.
    """
    before = digested(task.input)
    if not before.entries:
        raise BatchFailed(f"no file matches {task.input}; put the input there, or correct batch.input")
    if taken := before.below(task.output):
        raise BatchFailed(f"{taken} is input and lies in the output folder; give batch.output a folder of its own")
    found = replace(task, format=format_of(list(before.paths), task.format))
    folder = task.output / _key(found, before)
    with _alone(task.output):
        manifest = _complete(folder) or _predict(found, before, folder, load or loaded)
        if manifest["rows"] and not manifest["predicted"]:
            raise BatchFailed(f"none of the {manifest['rows']} rows could be predicted; {_first_reason(folder)}")
        write_json(task.output / LATEST, {**manifest, "folder": folder.name})
    return manifest


def _key(task: Task, files: Digested) -> str:
    """Name of the run's folder: the same for the same rows, model and form of the result."""
    determined = [files.sha256, task.model_sha256, task.version, task.format, task.shard_rows, task.settings]
    return hashlib.sha256(json.dumps(determined).encode()).hexdigest()[:16]


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Hold the output folder; the kernel lets go of it when this process ends, however it does."""
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(output / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(descriptor, output)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, output: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BatchFailed(f"another batch prediction writes to {output}; let it end first") from None


def latest(output: Path) -> dict[str, Any]:
    """Counts and end of the newest complete run below `output`; empty before the first."""
    try:
        said = json.loads((output / LATEST).read_text(encoding="utf-8"))
        return {key: said[key] for key in ("rows", "predicted", "failed", "finished")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _complete(folder: Path) -> dict[str, Any] | None:
    """The manifest of a run that has predicted something and whose parts are all there, byte for byte."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        parts = Parts(folder, manifest["format"])
        there = all(parts.holds(Part(**part)) for part in manifest["parts"])
        there = there and bool(manifest["predicted"] or not manifest["rows"])
        return manifest if there and (not manifest["errors"] or (folder / manifest["errors"]).exists()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _predict(task: Task, files: Digested, folder: Path, load: Callable[[Path], Predict]) -> dict[str, Any]:
    parts, made, predict = Parts(folder, str(task.format)), [], None
    numbered = enumerate(s for file in files.paths for s in shards(file, str(task.format), task.shard_rows))
    for index, shard in numbered:
        part = parts.find(index)
        if part is None:
            predict = predict or load(task.model)
            part = _part(parts, index, shard, files.name(shard.file), predict)
        made.append(part)
    if digested(task.input) != files:
        shutil.rmtree(folder, ignore_errors=True)  # its parts may be of other rows than its name says
        raise BatchFailed(f"{task.input} changed while it was read; run again")
    manifest = _manifest(task, files, made, parts.errors(made))
    write_json(folder / MANIFEST, manifest)
    return manifest


def _part(parts: Parts, index: int, shard: Shard, name: str, predict: Predict) -> Part:
    predicted, failed = outcomes(shard.rows, predict)
    rows = [{"file": name, "row": number, **_beside(values)} for number, values in predicted]
    errors = [{"file": name, "row": number, "error": reason} for number, reason in sorted([*failed, *shard.broken])]
    return parts.write(index, rows, errors)


def _beside(values: dict[str, Any]) -> dict[str, Any]:
    """What the model says, under names that leave `file` and `row` to the input."""
    return {f"prediction_{name}" if name in {"file", "row"} else name: value for name, value in values.items()}


Predicted = list[tuple[int, dict[str, Any]]]
Failed = list[tuple[int, str]]


def outcomes(rows: list[tuple[int, Row]], predict: Predict) -> tuple[Predicted, Failed]:
    """Predictions and failures by row number; where rows fail together, halves are tried until each stands alone."""
    if not rows:
        return [], []
    numbers = [number for number, _ in rows]
    try:
        return list(zip(numbers, predict([row for _, row in rows]), strict=True)), []
    except (Exception, SystemExit) as error:  # the model's own code may raise anything
        if len(rows) == 1:
            return [], [(numbers[0], _words(error))]
    middle = len(rows) // 2
    first, second = outcomes(rows[:middle], predict), outcomes(rows[middle:], predict)
    return first[0] + second[0], first[1] + second[1]


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:_LONGEST]


def loaded(folder: Path) -> Predict:
    """Predictions of the MLflow model in `folder`. Raises `BatchFailed` for one that cannot be loaded."""
    import mlflow.pyfunc

    try:
        model = mlflow.pyfunc.load_model(str(folder))
    except Exception as error:  # the model's own code may raise anything
        raise BatchFailed(f"the model {folder} cannot be loaded: {_words(error)}") from None
    schema = model.metadata.get_input_schema()
    return lambda rows: _answers(model, frame(rows, schema), len(rows))


def _answers(model: PyFuncModel, asked: Any, count: int) -> list[dict[str, Any]]:
    """What the model says, one mapping for each row, whatever form it says it in."""
    import numpy
    import pandas

    said = model.predict(asked)
    table = pandas.DataFrame(said) if isinstance(said, dict | pandas.DataFrame) else _table(numpy.asarray(said))
    if len(table) != count:
        raise ValueError(f"the model answered {len(table)} predictions for {count} rows")
    return [{str(name): value for name, value in record.items()} for record in table.to_dict(orient="records")]


def _table(values: numpy.ndarray[Any, Any]) -> pandas.DataFrame:
    """One column for one number per row, or one for each of several."""
    import pandas

    wide = values.ndim == 2  # noqa: PLR2004 - rows and columns
    names = [f"prediction_{position}" for position in range(values.shape[1])] if wide else ["prediction"]
    return pandas.DataFrame(list(values), columns=names)


def _manifest(task: Task, files: Digested, parts: list[Part], errors: str | None) -> dict[str, Any]:
    predicted, failed = sum(part.predicted for part in parts), sum(part.failed for part in parts)
    return {
        "version": 1,
        "input": {"sha256": files.sha256, "files": files.described()},
        "model": {"version": task.version, "sha256": task.model_sha256},
        "format": task.format,
        "shard_rows": task.shard_rows,
        "rows": predicted + failed,
        "predicted": predicted,
        "failed": failed,
        "parts": [part.described() for part in parts],
        "errors": errors,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _first_reason(folder: Path) -> str:
    errors = folder / ERRORS
    with errors.open(encoding="utf-8") as stream:
        first = json.loads(stream.readline())
    return f"row {first['row']} of {first['file']}: {first['error']}; all reasons: {errors}"


def parser() -> argparse.ArgumentParser:
    """The arguments of a task."""
    made = argparse.ArgumentParser(prog="hybridml.jobs.batch", description="Predict the rows of files.")
    made.add_argument("--model", type=Path, required=True)
    made.add_argument("--model-sha256", required=True)
    made.add_argument("--version", required=True)
    made.add_argument("--input", required=True)
    made.add_argument("--output", type=Path, required=True)
    made.add_argument("--format", choices=["csv", "jsonl", "parquet"])
    made.add_argument("--shard-rows", type=int, default=10_000)
    made.add_argument("--settings", default="", help="digest of whatever else determines the result")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict what the arguments name; the exit status."""
    task = Task(**vars(parser().parse_args(arguments)))
    os.umask(0o077)
    try:
        manifest = run(task)
    except (HybridMLError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{manifest['predicted']} rows predicted, {manifest['failed']} failed, in {task.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
