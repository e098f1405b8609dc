"""How a run shows what it does: live on a terminal, one line per step in a pipe. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hybridml.cli import output
from hybridml.engine.apply_events import (
    Completed,
    Drifted,
    Event,
    Note,
    Progress,
    Settled,
    StepFinished,
    StepStarted,
    Waiting,
)
from hybridml.engine.drift import Drift

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_QUIET = frozenset({"configure", "read"})
"""Operations that change nothing; told only when they fail."""
_DONE = {"create": "created", "update": "updated", "delete": "deleted"}
_DOING = {"create": "creating", "update": "updating", "delete": "deleting"}


@contextmanager
def shown() -> Iterator[Progress]:
    """A listener for a run's events, for as long as the block lasts."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    board = _Board(console)
    with Live(get_renderable=board.render, console=console, refresh_per_second=8, transient=True):
        yield board.listen


def but_drift(listener: Progress, keep: Callable[[Drift], None]) -> Progress:
    """`listener` without drift, which `keep` gets: there it is the result, and told as such."""
    return lambda event: keep(event.drift) if isinstance(event, Drifted) else listener(event)


def line(event: Event) -> str:
    """The event as a line of text; empty when it is not worth one."""
    if isinstance(event, Note):
        return event.text
    if isinstance(event, Drifted):
        return drift_text(event.drift)
    if isinstance(event, Waiting):
        return f"waiting for {', '.join(f'{short(urn)} ({seconds:.0f} s)' for urn, _, seconds in event.steps)}"
    return "" if isinstance(event, Settled | Completed) else _step(event)


def _step(event: StepStarted | StepFinished) -> str:
    if isinstance(event, StepFinished) and event.error:  # why, the run's own error says at its end
        return f"failed to {event.operation} {short(event.urn)} after {event.seconds:.1f} s"
    if event.operation in _QUIET:
        return ""
    if isinstance(event, StepStarted):
        because = f" (changed: {', '.join(event.reasons)})" if event.reasons else ""
        return f"{_DOING.get(event.operation, event.operation)} {short(event.urn)}{because}"
    return f"{_DONE.get(event.operation, event.operation)} {short(event.urn)} in {event.seconds:.1f} s"


def drift_text(drift: Drift) -> str:
    """What of a resource is not as recorded: one line, and one for each property, old and new."""
    if drift.gone:
        return f"drift: {short(drift.urn)} is gone"
    outlook = f"; up would {drift.correction} it" if drift.correction else ""
    return "\n".join([f"drift: {short(drift.urn)}{outlook}", *(f"    {difference}" for difference in drift.properties)])


def short(urn: str) -> str:
    """Name and class of a resource: `churn-envoy (HostService)`."""
    *_, types, name = urn.split("::")
    return f"{name} ({types.rpartition('$')[2].rpartition(':')[2]})" if types else name


def _line(event: Event) -> None:
    text = line(event)
    if text:
        output.say(text)


class _Board:
    """What is under way, below what is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._under_way: dict[tuple[str, str], float] = {}

    def listen(self, event: Event) -> None:
        """Takes note of an event."""
        if isinstance(event, StepStarted):
            self._under_way[event.urn, event.operation] = time.monotonic()
            return
        if isinstance(event, StepFinished):
            self._under_way.pop((event.urn, event.operation), None)
        text = "" if isinstance(event, Waiting) else line(event)
        if text:
            failed = isinstance(event, StepFinished) and event.error
            self._console.print(text, style="red" if failed else "green", markup=False)

    def render(self) -> RenderableType:
        """The steps that are under way, longest first."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for (urn, operation), began in sorted(self._under_way.items(), key=lambda item: item[1]):
            if operation not in _QUIET:
                table.add_row(_DOING.get(operation, operation), short(urn), f"{now - began:.0f} s")
        return table
