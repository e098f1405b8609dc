"""The events of a run on stdout, one JSON object on each line: what `--json` asks for."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

import typer

from hybridml.engine.event_stream import EventStream, Result
from hybridml.errors import HybridMLError, Interrupted

if TYPE_CHECKING:
    from hybridml.engine.apply_events import Event
    from hybridml.engine.project import Config

_SECRET = "[secret]"  # noqa: S105 - what is shown in place of one


class Stream:
    """What of a run is written to stdout. Nobody who stops reading stops the run."""

    def __init__(self, *, reading: bool) -> None:
        self._events = EventStream(self._write, now=time.time, reading=reading)
        self._out = _own_stdout()
        self._lost: OSError | None = None
        """Why events could not be written; a reader that went away wants none."""
        self._over = False
        self.result: Result = "succeeded"
        """How the run is taken to end when nothing is raised."""

    def begin(self, config: Config) -> None:
        """The run begins, with this configuration."""
        hidden = config.secret_keys | config.opaque
        self._events.begin({key: _SECRET if key in hidden else text for key, text in sorted(config.values.items())})

    def listen(self, event: Event) -> None:
        """What the embedded engine says."""
        self._events.listen(event)

    def forward(self, run: Callable[[int], int]) -> int:
        """Runs Pulumi, which is given a descriptor to write its own events to; its exit status."""
        reading, writing = os.pipe()
        copying = threading.Thread(target=self._copy, args=(reading,), daemon=True)
        copying.start()
        try:
            status = run(writing)
        finally:
            os.close(writing)
            copying.join()
        self.result = "failed" if status else "succeeded"
        return status

    def end(self, result: Result, message: str = "") -> None:
        """The run is over, and its last events say how, unless Pulumi's already did."""
        if not self._over:
            self._events.end(result, message)
        with suppress(OSError):
            self._out.close()

    def check(self) -> None:
        """Errors: `HybridMLError` when events were lost, to a full disk say."""
        if self._lost is not None:
            raise _unwritable(self._lost.strerror or str(self._lost))

    def _copy(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError):
                    self._forward(json.loads(line))

    def _forward(self, event: Any) -> None:
        if isinstance(event, Mapping):
            self._events.follow(event.get("sequence"))
            self._over = "cancelEvent" in event
            self._write(event)

    def _write(self, event: Mapping[str, Any]) -> None:
        try:
            self._out.write(json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str) + "\n")
            self._out.flush()
        except OSError as error:
            self._lost = None if isinstance(error, BrokenPipeError) else error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())
            os.close(nowhere)


def _own_stdout() -> IO[str]:
    """Stdout through a descriptor of its own: while a program runs, what it prints to stdout goes elsewhere.

    What UTF-8 cannot say is written as JSON says it. Errors: `HybridMLError` when stdout is closed.
    """
    if sys.stdout is None:
        raise _unwritable("it is closed; nothing was begun")
    sys.stdout.flush()
    return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="backslashreplace")


def _unwritable(why: str) -> HybridMLError:
    return HybridMLError(f"The events cannot be written to stdout: {why}")


@contextmanager
def opened(wanted: bool, *, reading: bool = False) -> Iterator[Stream | None]:
    """The stream of one run, ended with how the block ends; None where nobody asked for one."""
    if not wanted:
        yield None
        return
    stream = Stream(reading=reading)
    try:
        yield stream
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        stream.end("interrupted", str(error) or "The run was interrupted.")
        raise
    except HybridMLError as error:
        stream.end("failed", str(error))
        raise
    except Exception as error:
        stream.end("failed", f"The run ended in a way that hybridml does not know: {type(error).__name__}")
        raise
    stream.end(stream.result)
    stream.check()
