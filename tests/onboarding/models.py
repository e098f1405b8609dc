"""Small models and data, as a user would have saved them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
from sklearn.linear_model import LogisticRegression

ROWS = 60


def customers(rows: int = ROWS) -> pandas.DataFrame:
    """Numbers, whole numbers, and what is to be predicted."""
    return pandas.DataFrame(
        {
            "age": [20.5 + number % 40 for number in range(rows)],
            "contracts": [number % 3 for number in range(rows)],
            "churned": [(number % 40 > 20) ^ (number % 3 == 0) for number in range(rows)],
        }
    )


def classifier(table: pandas.DataFrame, **settings: Any) -> LogisticRegression:
    """A model that knows the names of its columns."""
    return LogisticRegression(max_iter=1_000, **settings).fit(table[["age", "contracts"]], table["churned"])


def saved(folder: Path, **settings: Any) -> tuple[Path, Path]:
    """A skops file and the CSV file of its data."""
    import skops.io

    table = customers()
    table.to_csv(folder / "train.csv", index=False)
    skops.io.dump(classifier(table, **settings), folder / "model.skops")
    return folder / "model.skops", folder / "train.csv"
