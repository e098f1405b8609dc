"""Runs a batch prediction at its times: `python -m hybridml.jobs.recurring --cron "0 3 * * *" ... -- BATCH ARGUMENTS`.

Stays until it is stopped. Each run is a process of its own, so that a model's memory is given back and a crash ends
one run only; two runs never overlap: a moment that passes during a run, or while nothing runs here, is passed over.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_LONGEST_SLEEP = 30.0
"""Seconds; a clock that is set, or a machine that slept, is noticed after them."""


def moments(cron: str, timezone: str, now: Callable[[], datetime]) -> Iterator[datetime]:
    """The next moment of `cron` after now, asked anew each time."""
    from cronsim import CronSim

    while True:
        yield next(CronSim(cron, now().astimezone(ZoneInfo(timezone))))


def wait(moment: datetime, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
    """Return at `moment`, by the clock on the wall."""
    while (left := (moment - now()).total_seconds()) > 0:
        sleep(min(left, _LONGEST_SLEEP))


def predict(arguments: Sequence[str], timeout: float) -> str:
    """Run one batch prediction to its end; how it ended, in words. One that is stopped takes its workers along."""
    argv = [sys.executable, "-m", "hybridml.jobs.batch", *arguments]
    with subprocess.Popen(argv, process_group=0) as running:
        try:
            status = running.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return f"did not end within {timeout:g} s and was stopped"
    return "ended well" if status == 0 else f"failed with status {status}"


def _now() -> datetime:
    return datetime.now(UTC)


def main(arguments: Sequence[str] | None = None) -> None:
    """Predict at each moment, and say so, one line each."""
    parser = argparse.ArgumentParser(prog="hybridml.jobs.recurring", description="Predict the rows of files at times.")
    parser.add_argument("--cron", required=True)
    parser.add_argument("--timezone", default="UTC")
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("batch", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    for moment in moments(asked.cron, asked.timezone, _now):
        _say(f"next at {moment.isoformat(timespec='minutes')}")
        wait(moment, _now, time.sleep)
        _say(predict(asked.batch[1:], asked.timeout))


def _say(text: str) -> None:
    sys.stdout.write(f"{_now().isoformat(timespec='seconds')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
