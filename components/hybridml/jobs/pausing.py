"""How a model server learns that it will be paused: it says so when its health is asked, and requests go elsewhere."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "HYBRIDML_PAUSED"
"""Environment variable with the path of a file; while that file exists, the server is about to be stopped."""


def leaving() -> bool:
    """Whether this server is about to be stopped for a pause."""
    path = os.environ.get(VARIABLE)
    return path is not None and os.path.exists(path)  # noqa: PTH110 - asked for each health check
