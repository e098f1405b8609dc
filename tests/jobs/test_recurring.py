"""A batch prediction at its times."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hybridml.jobs import recurring
from hybridml.jobs.recurring import moments, predict, wait
from hybridml.provider.supervisor import start_time


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, now: datetime) -> None:
        self.time, self.slept = now, 0

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.slept += 1


def test_moments_are_those_of_the_time_zone() -> None:
    """03:00 in Berlin is 02:00 UTC in winter and 01:00 in summer."""
    clock = Clock(datetime(2026, 3, 28, 12, tzinfo=UTC))
    coming = moments("0 3 * * *", "Europe/Berlin", clock.now)
    found = []
    for _ in range(2):
        clock.time = next(coming).astimezone(UTC)
        found.append(clock.time)

    assert found == [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 30, 1, tzinfo=UTC)]


def test_a_moment_that_passed_during_a_run_is_passed_over() -> None:
    """After a run that took until 03:07, a quarter-hourly schedule goes on at 03:15."""
    clock = Clock(datetime(2026, 1, 5, 2, 50, tzinfo=UTC))
    coming = moments("*/5 * * * *", "UTC", clock.now)
    assert next(coming) == datetime(2026, 1, 5, 2, 55, tzinfo=UTC)

    clock.time = datetime(2026, 1, 5, 3, 7, tzinfo=UTC)

    assert next(coming) == datetime(2026, 1, 5, 3, 10, tzinfo=UTC)


def test_waiting_ends_at_the_moment_and_looks_at_the_clock_on_the_way() -> None:
    """A clock that was set is noticed: no sleep is longer than half a minute."""
    clock = Clock(datetime(2026, 1, 5, 2, 50, tzinfo=UTC))

    wait(datetime(2026, 1, 5, 2, 52, tzinfo=UTC), clock.now, clock.sleep)

    assert clock.time == datetime(2026, 1, 5, 2, 52, tzinfo=UTC)
    assert clock.slept == 4


def test_a_run_that_fails_is_said_and_the_next_comes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One failed run is a line in the log; what is to come is not touched."""
    arguments = ["--model", "m", "--model-sha256", "5", "--version", "1", "--input", str(tmp_path / "*.csv")]

    said = predict([*arguments, "--output", str(tmp_path / "out")], timeout=60)

    assert said == "failed with status 1"
    assert "no file matches" in capfd.readouterr().err


def test_a_run_that_takes_too_long_takes_its_workers_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the program nor what it started is left after its time."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/worker\nwait\n")
    program.chmod(0o700)
    monkeypatch.setattr(recurring.sys, "executable", str(program))

    assert predict([], timeout=0.5) == "did not end within 0.5 s and was stopped"

    worker = int((tmp_path / "worker").read_text())
    deadline = time.monotonic() + 5
    while start_time(worker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_runs_at_each_moment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It says when it will run and how it went, and goes on."""
    clock, asked = Clock(datetime(2026, 1, 5, 2, 50, tzinfo=UTC)), []

    def run(arguments: list[str], timeout: float) -> str:
        asked.append((arguments, timeout, clock.time))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return "ended well"

    monkeypatch.setattr(recurring, "_now", clock.now)
    monkeypatch.setattr("time.sleep", clock.sleep)
    monkeypatch.setattr(recurring, "predict", run)
    with pytest.raises(KeyboardInterrupt):
        recurring.main(["--cron", "0 3 * * *", "--timeout", "60", "--", "--model", "m"])

    assert asked == [(["--model", "m"], 60.0, datetime(2026, 1, day, 3, tzinfo=UTC)) for day in (5, 6)]
    assert "next at 2026-01-05T03:00+00:00" in capsys.readouterr().out
