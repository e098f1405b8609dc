"""Long work says what it waits for."""

from __future__ import annotations

import threading

import pytest
from hybridml.engine import apply_events
from hybridml.engine.apply_events import COMPARE, Event, Journalist, Waiting


def test_a_provider_that_does_not_answer_a_check_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only looked at is said when it takes long, and not beside the step that follows from it."""
    monkeypatch.setattr(apply_events, "WAITING_SECONDS", 0.05)
    told, events = threading.Condition(), list[Event]()

    def listen(event: Event) -> None:
        with told:
            events.append(event)
            told.notify_all()

    def waited(urn: str, what: str) -> bool:
        return any(isinstance(e, Waiting) and [step[:2] for step in e.steps] == [(urn, what)] for e in events)

    journalist = Journalist(listen)
    with journalist.watching(), journalist.under_way("a", COMPARE):
        with told:
            assert told.wait_for(lambda: waited("a", COMPARE), timeout=10)
        with journalist.step("a", "create"), told:
            assert told.wait_for(lambda: waited("a", "create"), timeout=10)
