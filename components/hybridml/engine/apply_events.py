"""What a run says while it works, and what it counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hybridml.engine.drift import Difference, Drift

if TYPE_CHECKING:
    from hybridml.engine.state import ResourceState

Change = Literal["create", "update", "replace", "delete", "same"]
"""What became of a resource."""
CHANGES: Final[tuple[Change, ...]] = ("create", "update", "replace", "delete", "same")
WAITING_SECONDS: Final = 5.0
"""How often a run says what it still waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A provider is asked to do something."""

    urn: str
    operation: str
    """`create`, `update`, `delete`, `read` or `configure`."""
    reasons: tuple[str, ...] = ()
    """Inputs that changed."""
    properties: tuple[Difference, ...] = ()
    """What of the inputs changes, property by property, as far as it is known."""
    before: ResourceState | None = None
    """What is recorded."""
    after: ResourceState | None = None
    """What is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """The provider answered."""

    urn: str
    operation: str
    seconds: float
    error: str = ""
    """Empty when it succeeded; holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Steps that are still under way, said every few seconds."""

    steps: tuple[tuple[str, str, float], ...]
    """URN, operation, seconds since it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth knowing that is no step: a lock taken over, a step of a killed run done again."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What becomes of a resource in this run is known."""

    urn: str
    change: Change
    before: ResourceState | None = None
    after: ResourceState | None = None
    """As it is recorded now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A component, or the stack itself, has said its outputs."""

    state: ResourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """A resource was found to be another than the state recorded."""

    drift: Drift


COMPARE: Final = "compare"
"""What is done to a resource before it is known whether anything is to be done."""
Event: TypeAlias = StepStarted | StepFinished | Settled | Completed | Waiting | Drifted | Note
Progress: TypeAlias = Callable[[Event], None]
"""Is called with every event, one at a time, from any thread."""


def silent(event: Event) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Journalist:
    """Tells the listener what happens, counts changes, and says now and then what is waited for."""

    progress: Progress
    _changes: dict[str, Change] = field(default_factory=dict)
    _drift: dict[str, Drift] = field(default_factory=dict)
    _under_way: dict[tuple[str, str], float] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)

    def say(self, event: Event) -> None:
        """Tell the listener."""
        with self._guard:
            self.progress(event)

    def note(self, text: str) -> None:
        """Tell the listener something that is no step."""
        self.say(Note(text=text))

    def count(
        self, urn: str, change: Change, *, before: ResourceState | None = None, after: ResourceState | None = None
    ) -> None:
        """Record and tell what became of a resource; the first word on it that is not `same` is counted."""
        with self._guard:
            if self._changes.get(urn, "same") == "same":
                self._changes[urn] = change
        self.say(Settled(urn=urn, change=change, before=before, after=after))

    def drifted(self, drift: Drift) -> None:
        """Record, and tell the listener, that a resource is not what was recorded of it."""
        with self._guard:
            self._drift[drift.urn] = drift
        self.say(Drifted(drift=drift))

    @property
    def drift(self) -> tuple[Drift, ...]:
        """Everything found to have drifted, sorted by URN."""
        with self._guard:
            return tuple(self._drift[urn] for urn in sorted(self._drift))

    @property
    def changes(self) -> Mapping[Change, int]:
        """How many resources each change happened to."""
        with self._guard:
            seen = list(self._changes.values())
        return {change: seen.count(change) for change in CHANGES}

    @contextmanager
    def step(
        self,
        urn: str,
        operation: str,
        reasons: tuple[str, ...] = (),
        properties: tuple[Difference, ...] = (),
        *,
        before: ResourceState | None = None,
        after: ResourceState | None = None,
    ) -> Iterator[None]:
        """Frame a provider's call."""
        began = time.monotonic()
        self.say(
            StepStarted(
                urn=urn, operation=operation, reasons=reasons, properties=properties, before=before, after=after
            )
        )
        error = ""
        try:
            with self.under_way(urn, operation):
                yield
        except BaseException as problem:
            error = str(problem) or type(problem).__name__
            raise
        finally:
            self.say(StepFinished(urn=urn, operation=operation, seconds=time.monotonic() - began, error=error))

    @contextmanager
    def under_way(self, urn: str, operation: str) -> Iterator[None]:
        """Frame what is worth a word only when it takes long."""
        self._under_way[urn, operation] = time.monotonic()
        try:
            yield
        finally:
            self._under_way.pop((urn, operation), None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say every few seconds what is waited for, until the block ends."""
        ticker = threading.Thread(target=self._tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            self._done.set()
            ticker.join()

    def _tick(self) -> None:
        while not self._done.wait(WAITING_SECONDS):
            now, under_way = time.monotonic(), dict(self._under_way)
            stepping = {urn for urn, name in under_way if name != COMPARE}
            steps = tuple(
                sorted(
                    (urn, name, now - began)
                    for (urn, name), began in under_way.items()
                    if name != COMPARE or urn not in stepping
                )
            )
            if steps:
                self.say(Waiting(steps=steps))
