"""Tries a model out: wrapped and served as this machine will serve it, it has to answer as it does by itself."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from hybridml.errors import ConfigurationError, HybridMLError, Problem
from hybridml.onboarding import programs
from hybridml.onboarding.wrapping import Answer, Request

_CLOSE: Final = 1e-6
"""How far a served number may be from the model's own, as a share of it: numbers travel as JSON."""


def tried(
    request: Request, server: Sequence[str], scratch: Path, *, seconds: float, say: Callable[[str], None]
) -> Answer:
    """What wrapping the model gave; `scratch` then holds the wrapped model and the statistics of its data.

    `server` is the argument list of the model server, see `programs.ask`; `say` is told what is under way.

    Errors: `ConfigurationError` with what is wrong with model or data; `HybridMLError` when a program dies, takes
    longer than `seconds`, or the served model answers otherwise.
    """
    _room(Path(request.model), scratch)
    say(f"{Path(request.model).name} is {request.kind.called}; loading it")
    answer = programs.wrap(request, scratch, seconds)
    if answer.problems:
        raise ConfigurationError([Problem(**problem) for problem in answer.problems])
    if answer.ignored:
        say(f"columns that the model does not take are left out: {', '.join(answer.ignored)}")
    say(f"{answer.flavour}: serving it to see that it answers as it should")
    served, _ = programs.ask(server, {}, scratch, seconds)
    own = json.loads((scratch / "predicted.json").read_text(encoding="utf-8"))["predictions"]
    if not alike(served, own):
        raise HybridMLError(
            f"{Path(request.model).name} answers otherwise once it is wrapped and served than by itself, on the same "
            "rows. Nothing was written. Save it with mlflow, with a signature, and add that folder."
        )
    return answer


def alike(served: Any, own: Any) -> bool:
    """Whether two values of JSON are the same, numbers to within a millionth."""
    if isinstance(served, dict) and isinstance(own, dict):
        return served.keys() == own.keys() and all(alike(served[key], own[key]) for key in own)
    if isinstance(served, list) and isinstance(own, list):
        return len(served) == len(own) and all(map(alike, served, own))
    if isinstance(served, int | float) and isinstance(own, int | float):
        return math.isclose(served, own, rel_tol=_CLOSE, abs_tol=_CLOSE) or (math.isnan(served) and math.isnan(own))
    return bool(served == own)


def _room(model: Path, scratch: Path) -> None:
    """Errors: `ConfigurationError` where the disk has no room for two copies."""
    files = [file for file in model.rglob("*") if file.is_file()] if model.is_dir() else [model]
    size = sum(file.stat().st_size for file in files)
    free = shutil.disk_usage(scratch).free
    if size * 2 > free:
        message = f"{model.name} has {size >> 20} MiB, and the project's disk has room for {free >> 20}"
        raise ConfigurationError([Problem(path="--model", message=message, fix="make room for two copies of it")])
