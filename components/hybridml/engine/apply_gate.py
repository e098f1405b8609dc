"""Who may still begin something: everybody, until one step of the run fails or a person ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from hybridml.errors import HybridMLError, Interrupted, ResourceError

_NUDGE_SECONDS = 0.2


class Stopped(ResourceError):  # noqa: N818 - says what happened
    """Nothing new is begun: another step of this run failed."""


@dataclass(slots=True)
class Gate:
    """Lets requests in until one fails, and waits for those that are in."""

    failures: list[HybridMLError] = field(default_factory=list)
    """Everything that went wrong, in the order in which it did."""
    _inside: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    @contextmanager
    def request(self) -> Iterator[None]:
        """Frame one request. The first failure closes the gate; each is kept."""
        with self._changed:
            if self._closed:
                raise Stopped("Not begun: the run is ending")
            self._inside += 1
        try:
            yield
        except HybridMLError as error:
            self.close(error)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, error: HybridMLError | None = None) -> None:
        """Let nothing in any more."""
        with self._changed:
            self._closed = True
            if error is not None and not isinstance(error, Stopped):
                self.failures.append(error)

    @property
    def closed(self) -> bool:
        """Whether nothing new may begin."""
        return self._closed

    def drain(self) -> None:
        """Wait until nobody is inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside == 0)


@contextmanager
def interruptible(
    gate: Gate, announce: Callable[[str], None], cancel: Callable[[], None], kill: Callable[[], None]
) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the run in order, and the second end it at once.

    In order: nothing new begins, `cancel` asks the plugins to stop waiting, what is under way ends and is recorded.
    At once: `kill` ends the plugins, so that no answer is waited for any more; what they were asked stays pending.
    Signals reach the main thread alone; anywhere else this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends, main, over = (signal.SIGINT, signal.SIGTERM), threading.get_ident(), threading.Event()
    before = {number: signal.getsignal(number) for number in (*ends, signal.SIGURG)}

    def tell() -> None:
        announce("Interrupted: ending what is under way; once more ends it at once")
        cancel()
        # A signal that comes just before the main thread waits for a lock is noticed only once another wakes it.
        while not over.wait(_NUDGE_SECONDS):
            signal.pthread_kill(main, signal.SIGURG)

    def end_at_once(number: int, frame: FrameType | None) -> None:
        for each in ends:
            signal.signal(each, before[each])
        kill()
        signal.raise_signal(number)

    def end(number: int, frame: FrameType | None) -> None:
        for each in ends:
            signal.signal(each, end_at_once)
        gate.close(Interrupted("The run was interrupted. What was under way has ended and is recorded; `up` goes on."))
        threading.Thread(target=tell, daemon=True).start()

    for number in ends:
        signal.signal(number, end)
    signal.signal(signal.SIGURG, lambda *_: None)
    try:
        yield
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
