"""What the tests of specifications share."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec.project import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A small project on disk."""
    return Files(tmp_path)
