"""Statistics of a data set that monitors compare with, and from which no row can be read back.

Kept are counts, quantiles and frequent categories. Not kept are the smallest and the largest value, a category of fewer
than `FEWEST` rows, and anything of a column that tells nearly every row apart. The format is described in
docs/reference/baseline.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas

FEWEST: Final = 10
"""Rows that share a category, lie in a bin, or lie beyond a quantile, before it is written down."""
CATEGORIES: Final = 50
"""Categories of a column that are written down, the most frequent first."""
QUANTILES: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the rows below each quantile that is written down."""
_BINS: Final = 10
"""Bins that numbers are counted in, where there are rows enough."""
_APART: Final = 0.9
"""Share of distinct values from which a column tells rows apart, as names and numbers of customers do."""

Statistics = dict[str, Any]


def describe(frame: pandas.DataFrame, sections: dict[str, list[str]], source: str) -> Statistics:
    """The baseline of the columns in `sections` (`features`, `target`, `predictions`) of `frame`.

    `source` is the digest of the file that the rows come from.
    """
    described = {name: {column: _column(frame[column]) for column in columns} for name, columns in sections.items()}
    return {"apiVersion": "hybridml/v1", "kind": "baseline", "rows": len(frame), "source": source, **described}


def _column(values: pandas.Series[Any]) -> Statistics:
    present = values.dropna()
    distinct = int(present.map(_hashable).nunique())
    kind = _kind(values)
    counts = {"type": kind, "count": len(present), "missing": int(values.isna().sum()), "distinct": distinct}
    if len(present) < FEWEST or (_discrete(kind, present) and _tells_apart(len(present), distinct)):
        return counts
    if kind in ("category", "boolean"):
        return {**counts, **_categories(present)}
    return {**counts, **(_numbers(present) if kind in ("number", "integer") else {})}


def _kind(values: pandas.Series[Any]) -> str:
    from pandas.api import types

    if types.is_bool_dtype(values):
        return "boolean"
    if types.is_integer_dtype(values):
        return "integer"
    if types.is_float_dtype(values):
        return "number"
    return "time" if types.is_datetime64_any_dtype(values) else "category"


def _discrete(kind: str, present: pandas.Series[Any]) -> bool:
    """Whether values may be names or numbers of something; whole numbers become floats where one is missing."""
    return kind in ("category", "integer") or (kind == "number" and bool((present % 1 == 0).all()))


def _tells_apart(count: int, distinct: int) -> bool:
    return distinct > CATEGORIES and distinct >= _APART * count


def _categories(present: pandas.Series[Any]) -> Statistics:
    counted = present.map(str).value_counts()
    frequent = counted[counted >= FEWEST].head(CATEGORIES)
    ordered = sorted(frequent.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return {
        "categories": {str(name): int(count) for name, count in ordered},
        "other": int(counted.sum() - frequent.sum()),
    }


def _numbers(present: pandas.Series[Any]) -> Statistics:
    import numpy

    finite = present.astype("float64")
    finite = finite[numpy.isfinite(finite)]
    if len(finite) < FEWEST:
        return {}
    beyond = FEWEST / len(finite)
    inner = [share for share in QUANTILES if beyond <= share <= 1 - beyond]
    parts = min(_BINS, len(finite) // FEWEST)
    edges = sorted({_rounded(finite.quantile(part / parts)) for part in range(1, parts)})
    bins = numpy.bincount(numpy.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1)
    return {
        "mean": _rounded(finite.mean()),
        "std": _rounded(finite.std(ddof=0)),
        "quantiles": {str(share): _rounded(finite.quantile(share)) for share in inner},
        "bins": {"edges": edges, "counts": [int(count) for count in bins]},
    }


def _rounded(value: float) -> float:
    """Nine digits: more would be noise, and would tell single values."""
    return 0.0 if not math.isfinite(value) or value == 0 else float(f"{value:.9g}")


def _hashable(value: Any) -> Any:
    return value if value.__hash__ else str(value)
