"""Which columns of a data set are what a model takes, and which one is what it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import Problem
from hybridml.onboarding.baseline import FEWEST
from hybridml.onboarding.tables import OPTION

if TYPE_CHECKING:
    import pandas

_SHOWN: Final = 12
"""Names that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The columns of a data set by what they are for."""

    features: tuple[str, ...]
    target: str | None = None
    ignored: tuple[str, ...] = ()


def choose(
    names: Sequence[str] | None, width: int | None, frame: pandas.DataFrame | None, target: str | None
) -> Chosen | list[Problem]:
    """The columns that a model which knows its `names`, or how many it takes, finds in `frame`; or what is wrong.

    Without a frame, what the model itself says is all there is.
    """
    if frame is None:
        return _by_itself(names, width, target)
    there = [str(column) for column in frame.columns]
    frame.columns = there
    features = list(names) if names is not None else [column for column in there if column != target]
    problems = [*_no_rows(frame), *_target(target, there), *_missing(features, there)]
    problems += _width(width, features, names, target)
    problems += [_empty(name) for name in features if name in there and len(frame) and frame[name].isna().all()]
    if problems:
        return problems
    ignored = tuple(column for column in there if column not in features and column != target)
    return Chosen(features=tuple(features), target=target, ignored=ignored)


def _by_itself(names: Sequence[str] | None, width: int | None, target: str | None) -> Chosen | list[Problem]:
    if target is not None:
        return [Problem(path="--target", message="names a column of no file", fix="give the data as well: --data FILE")]
    if names is None and width is None:
        message = "the model does not say what it takes"
        return [Problem(path=OPTION, message=message, fix="give the data it was trained on: --data FILE")]
    return Chosen(features=tuple(names) if names is not None else tuple(f"x{number}" for number in range(width or 0)))


def _no_rows(frame: pandas.DataFrame) -> Iterator[Problem]:
    if not len(frame):
        yield Problem(path=OPTION, message="the data has columns and no row", fix="give the data it was trained on")


def _target(target: str | None, there: Sequence[str]) -> Iterator[Problem]:
    if target is not None and target not in there:
        yield Problem(path="--target", message=f"the data has no column {target!r}", fix=f"it has {_listed(there)}")


def _missing(features: Sequence[str], there: Sequence[str]) -> Iterator[Problem]:
    lacking = [name for name in features if name not in there]
    if lacking:
        message = f"the model takes columns that the data does not have: {_listed(lacking)}"
        yield Problem(path=OPTION, message=message, fix=f"the data has {_listed(there)}")


def _width(
    width: int | None, features: Sequence[str], names: Sequence[str] | None, target: str | None
) -> Iterator[Problem]:
    if names is not None or width is None or len(features) == width:
        return
    message = f"the model takes {width} columns, and the data has {len(features)}: {_listed(features)}"
    if target is None and len(features) == width + 1:
        yield Problem(path=OPTION, message=message, fix="say which one it predicts: --target COLUMN")
    else:
        yield Problem(path=OPTION, message=message, fix="give the columns it was trained on, in their order")


def _empty(name: str) -> Problem:
    message = f"column {name!r} has no value in any row, so nobody can tell what it holds"
    return Problem(path=OPTION, message=message, fix="give data in which it has values")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def made_up(features: Sequence[str]) -> pandas.DataFrame:
    """A row of zeros, for a model that says no more than how many numbers it takes."""
    import pandas

    return pandas.DataFrame([[0.0] * len(features)], columns=list(features))


def typical(rows: pandas.DataFrame) -> pandas.DataFrame:
    """One row that nobody gave: of each column the median, or the most frequent value if enough rows share it."""
    import pandas

    values = {name: [_typical(rows[name])] for name in rows.columns}
    return pandas.DataFrame(values).astype(rows.dtypes.to_dict())


def _typical(values: pandas.Series[Any]) -> Any:
    from pandas.api import types

    if types.is_bool_dtype(values):
        return False
    if types.is_numeric_dtype(values):
        return values.quantile(interpolation="nearest") if len(values) >= FEWEST else 0
    if types.is_datetime64_any_dtype(values):
        return "2000-01-01"
    counted = values.value_counts()
    return counted.index[0] if len(counted) and counted.iloc[0] >= FEWEST else ""
