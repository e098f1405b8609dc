"""The gates of a rollout are watched or refused, whatever its strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Plans = Callable[..., Any]
ALL_AT_ONCE = {"strategy": "all-at-once"}
GATED = {"strategy": "blue-green", "abort_on": {"error_rate": 0.02}}


@pytest.mark.parametrize("kind", ["gcp", "kubernetes"])
def test_gates_that_nobody_would_watch_are_refused(refused: Callable[..., dict[str, str]], kind: str) -> None:
    """A rollout that is to be aborted needs somebody who aborts it, and keeps the old version for it."""
    assert set(refused(kind, {"rollout": GATED})) == {"rollout.strategy", "rollout.abort_on"}


@pytest.mark.parametrize(("kind", "rollout"), [("aws", GATED), ("gcp", ALL_AT_ONCE), ("kubernetes", ALL_AT_ONCE)])
def test_gates_that_are_watched_or_that_nobody_wrote_are_planned(plan: Plans, kind: str, rollout: object) -> None:
    """SageMaker has alarms for them; the defaults of `abort_on` ask nothing of the others."""
    plan(kind, {"rollout": rollout})
