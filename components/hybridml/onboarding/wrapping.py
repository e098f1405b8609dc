"""A program of its own: loads a model, saves it as the server of this machine loads it, and describes its data.

    python -m hybridml.onboarding.wrapping FOLDER

FOLDER holds `request.json`. What comes out lies there too: `model/`, `asked.json` (a request with the first rows),
`predicted.json` (what the model itself answers to them), `baseline.json`, and last `answer.json`.
"""

from __future__ import annotations

import io
import json
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import Problem
from hybridml.onboarding import baseline, columns, loaders, tables
from hybridml.onboarding.formats import Kind
from hybridml.onboarding.model import Described, Model, Refused

if TYPE_CHECKING:
    import pandas

ROWS: Final = 20
"""Rows that the served model is asked, and has to answer as the model itself does."""
_DESCRIBED: Final = 100_000
"""Rows whose predictions go into the baseline, and that types are inferred from."""
_QUOTED: Final = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)")
_LONGEST: Final = 300
"""Characters of a library's message that are repeated."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be wrapped."""

    kind: Kind
    model: str
    """Path of the file or folder."""
    data: str | None = None
    """Path of the data file."""
    source: str = ""
    """Digest of the data file."""
    target: str | None = None
    """Column of the data that the model predicts."""
    example: bool = True
    """Whether one row of the data becomes the example; otherwise one is made up."""
    trusted: Sequence[str] = ()
    """Types that skops may load beyond its own."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it."""

    problems: Sequence[Mapping[str, Any]] = ()
    """Fields of `Problem`; where there is one, nothing else is said."""
    flavour: str = ""
    columns: Sequence[str] = ()
    target: str | None = None
    ignored: Sequence[str] = ()
    """Columns of the data that the model does not take."""
    pickled: bool = False
    """Whether what was saved runs code when it is loaded."""


def main() -> None:
    """Wraps what `request.json` in the folder asks for."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    request = Request(**{**asked, "kind": Kind(asked["kind"])})
    answer = wrap(request, folder)
    (folder / "answer.json").write_text(json.dumps(asdict(answer)), encoding="utf-8")


def wrap(request: Request, folder: Path) -> Answer:
    """Wraps what is asked for, in this process, and leaves the files in `folder`; what came of it."""
    name = Path(request.model).name
    try:
        model = loaders.load(request.kind, Path(request.model), request.trusted)
    except Refused as refused:
        return _refused(Problem(path="--model", message=f"{name} {refused}", fix=refused.fix))
    except Exception as error:  # whatever a library raises on bytes that it does not like
        fix = "load it with the library that saved it, in this environment, and save it again"
        return _refused(Problem(path="--model", message=f"{name} cannot be loaded: {_said(error)}", fix=fix))
    try:
        frame = tables.read(Path(request.data)) if request.data else None
    except ValueError as error:
        fix = "check it with pandas"
        return _refused(Problem(path=tables.OPTION, message=f"{request.data} cannot be read: {error}", fix=fix))
    chosen = columns.choose(model.columns, model.width, frame, request.target)
    if isinstance(chosen, list):
        return _refused(*chosen)
    try:
        return _wrapped(request, model, frame, chosen, folder)
    except Exception as error:  # whatever MLflow and the model's library raise when they save it
        fix = "save it with mlflow, with a signature, and add that folder"
        return _refused(Problem(path="--model", message=f"{name} cannot be wrapped: {_said(error)}", fix=fix))


def _wrapped(
    request: Request, model: Model, frame: pandas.DataFrame | None, chosen: columns.Chosen, folder: Path
) -> Answer:
    rows = _rows(model, frame, chosen)
    try:
        predicted = model.predict(model.request(rows))
    except Exception as error:
        return _refused(_unpredicted(error, request, chosen.features))
    _save(request, model, rows, predicted, folder)
    if frame is not None:
        _describe(frame, chosen, predicted, request.source, folder / "baseline.json")
    return Answer(
        flavour=model.flavour,
        columns=chosen.features,
        target=chosen.target,
        ignored=chosen.ignored,
        pickled=model.pickled,
    )


def _rows(model: Model, frame: pandas.DataFrame | None, chosen: columns.Chosen) -> pandas.DataFrame:
    if frame is not None:
        return frame[list(chosen.features)].head(_DESCRIBED)
    own = model.example()
    return own if own is not None else columns.made_up(chosen.features)


def _save(request: Request, model: Model, rows: pandas.DataFrame, predicted: Any, folder: Path) -> None:
    from mlflow.models import infer_signature

    example = rows.head(1) if request.example else columns.typical(rows)
    described = Described(
        signature=infer_signature(model.request(rows), predicted),
        example=model.request(example),
        made_up=not request.example,
    )
    model.save(folder / "model", described)
    first = model.request(rows.head(ROWS))
    (folder / "asked.json").write_text(_asked(first), encoding="utf-8")
    (folder / "predicted.json").write_text(_as_served(model.predict(first)), encoding="utf-8")


def _asked(rows: Any) -> str:
    """A request for the server with these rows."""
    from mlflow.models.utils import convert_input_example_to_serving_input

    return str(convert_input_example_to_serving_input(rows))


def _as_served(predicted: Any) -> str:
    """Predictions as the server writes them."""
    from mlflow.pyfunc import scoring_server

    text = io.StringIO()
    scoring_server.predictions_to_json(predicted, text)
    return text.getvalue()


def _describe(frame: pandas.DataFrame, chosen: columns.Chosen, predicted: Any, source: str, file: Path) -> None:
    import numpy
    import pandas

    sections = {"features": list(chosen.features)}
    if chosen.target:
        sections["target"] = [chosen.target]
    statistics = baseline.describe(frame, sections, source)
    answers = numpy.asarray(predicted) if not isinstance(predicted, dict | pandas.DataFrame) else numpy.empty((0, 0))
    if answers.ndim == 1:
        answered = baseline.describe(pandas.DataFrame({"prediction": answers}), {"predictions": ["prediction"]}, source)
        statistics["predictions"] = answered["predictions"]
    file.write_text(json.dumps(statistics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _unpredicted(error: Exception, request: Request, columns: Sequence[str]) -> Problem:
    if request.data is None:
        message = f"the model says too little of what it takes: a row of zeros fails with {_said(error)}"
        return Problem(path=tables.OPTION, message=message, fix="give the data it was trained on: --data FILE")
    message = f"the model cannot predict the rows of {request.data}: {_nameless(_said(error), columns)}"
    return Problem(path=tables.OPTION, message=message, fix="give rows as the model takes them")


def _nameless(text: str, columns: Sequence[str]) -> str:
    """The text without what it quotes, for that may be a value of a row; names of columns stay."""
    return _QUOTED.sub(lambda quoted: quoted[0] if quoted[0][1:-1] in columns else "'…'", text)


def _refused(*problems: Problem) -> Answer:
    return Answer(problems=[asdict(problem) for problem in problems])


def _said(error: Exception) -> str:
    """The first line of a library's message, cut short: more of it might be rows of the data."""
    first = (str(error).strip().splitlines() or [""])[0][:_LONGEST]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


if __name__ == "__main__":
    main()
