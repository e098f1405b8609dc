"""Says what a program that takes long is doing, so that none hangs without a word."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hybridml.engine.source import SourceMap

PATIENCE_SECONDS: Final = 10.0
"""How long a program runs before something is said, and then each time again."""


@contextmanager
def watched(sources: SourceMap, say: Callable[[str], None]) -> Iterator[None]:
    """Until the block ends, tell from time to time where the calling thread is in the user's program."""
    done, thread = threading.Event(), threading.get_ident()
    ticker = threading.Thread(target=_tick, args=(done, thread, sources, say), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def _tick(done: threading.Event, thread: int, sources: SourceMap, say: Callable[[str], None]) -> None:
    passed = 0.0
    while not done.wait(PATIENCE_SECONDS):
        passed += PATIENCE_SECONDS
        place = sources.of_frame(sys._current_frames().get(thread))
        where = f"is at {sources.file(place[0])}:{place[1]}" if place else "awaits what has not come"
        say(f"the program has not ended after {passed:.0f} s; it {where}")
