"""Durations as the resources spell them: `250ms`, `10s`, `2m`, `1h`."""

from __future__ import annotations

import re
from typing import Final

PATTERN: Final = r"\d+(ms|s|m|h)"
LIKE: Final = "a whole number with a unit: 250ms, 10s, 2m, 1h"
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """`2m` → 120.0."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    if found is None:
        raise ValueError(f"{text!r} is not {LIKE}")
    return int(found[1]) * _SECONDS[found[2]]
