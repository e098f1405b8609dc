"""Carries a rollout out: moves traffic, looks at the gates, and restores the split when it ends badly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

from hybridml.errors import HybridMLError
from hybridml.rollout.counts import Counts, Pair
from hybridml.rollout.plan import RolloutPlan
from hybridml.rollout.verdict import Judgement, Verdict, judge

POLL: Final = 1.0
"""Most seconds between two questions whether somebody asks for something."""
RESTORES: Final = 10
"""How often restoring the split is tried, a second apart."""
REMEMBERED: Final = 1000
"""Looks that an outcome keeps, the latest."""

Asked = Literal["promote", "abort", "orphaned"]
"""What a person asked for; `orphaned` says that whoever began the rollout is gone."""
Cause = Literal["gates", "person", "orphaned", "error"]
"""What ended a rollout."""


class NotRestored(HybridMLError):  # noqa: N818 - says what happened
    """The split could not be restored: the new version still gets traffic."""


class TrafficMover(Protocol):
    """Moves the traffic of the variants whose version changes."""

    def move(self, percent: float) -> None:
        """Give the new versions `percent` of their variants' weight: 0 all old, 100 all new. Repeating is harmless."""


class MetricSource(Protocol):
    """Measures the versions."""

    def read(self) -> Mapping[str, Pair]:
        """What each changing variant answered since counting began; counters only grow, or begin again from zero."""


class Clock(Protocol):
    """Time, so that a test can simulate it."""

    def now(self) -> float:
        """Seconds since any moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Steering(Protocol):
    """What is asked of a rollout from outside."""

    def asked(self) -> Asked | None:
        """What is asked now; None lets it go on."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One look at a rollout."""

    step: int
    """Index of the step, from 0."""
    steps: int
    """How many steps there are."""
    percent: float
    """Percent of the variant's weight that the new version has."""
    elapsed: float
    """Seconds since the step began."""
    judgement: Judgement | None
    """What the gates say; None when nothing could be measured, or before the first look."""
    note: str
    """One sentence: what happens."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        judgement = self.judgement.to_mapping() if self.judgement else None
        return {**self.__dict__, "judgement": judgement}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a rollout ended."""

    verdict: Verdict
    """`promote` or `abort`."""
    step: int
    """Index of the step in which it ended."""
    cause: Cause
    """Who decided: the gates, a person, nobody being there, or something that failed."""
    reason: str
    """One sentence: what decided."""
    history: tuple[Progress, ...]
    """Every look, the latest last; of a long rollout the last thousand."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        history = [look.to_mapping() for look in self.history]
        return {
            "verdict": str(self.verdict),
            "step": self.step,
            "cause": self.cause,
            "reason": self.reason,
            "history": history,
        }


def drive(
    plan: RolloutPlan,
    mover: TrafficMover,
    source: MetricSource,
    *,
    clock: Clock,
    steering: Steering,
    progress: Callable[[Progress], None],
) -> Outcome:
    """Carry out `plan`, and tell `progress` of every look; at the end the new versions have everything, or nothing.

    On abort, on an exception and when orphaned, `mover.move(0)` comes first, the reason after. A source that fails
    holds the step, and is given up at `max_bake` like any step that is not passed. What is no `Exception` (ctrl-C, the
    end of the process) restores the split and goes on its way. Errors: `NotRestored` when the split could not be
    restored.
    """
    run = _Run(plan, mover, source, clock, steering, progress)
    try:
        end = run.steps()
        if end.verdict is Verdict.PROMOTE:
            mover.move(100)
            return run.outcome(end)
    except Exception as error:
        said = str(error) if isinstance(error, HybridMLError) else f"{type(error).__name__}: {error}"
        end = _End(Verdict.ABORT, "error", said)
    except BaseException:
        run.restore("the rollout was ended")
        raise
    run.restore(end.reason)
    return run.outcome(end)


class _End(NamedTuple):
    """What ends a step or a rollout."""

    verdict: Verdict
    cause: Cause
    reason: str


@dataclass
class _Run:
    """A rollout under way."""

    plan: RolloutPlan
    mover: TrafficMover
    source: MetricSource
    clock: Clock
    steering: Steering
    progress: Callable[[Progress], None]
    step: int = 0
    history: deque[Progress] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def steps(self) -> _End:
        """Go from step to step until the rollout ends."""
        for step, percent in enumerate(self.plan.steps):
            self.step = step
            self.mover.move(percent)
            end = self._bake(percent)
            if end:
                return end
        said = "every step is passed" if self.plan.steps else "all at once, as asked"
        return _End(Verdict.PROMOTE, "gates", said)

    def _bake(self, percent: float) -> _End | None:
        """Look until the step ends; None when it is passed."""
        began, tally = self.clock.now(), _Tally(self.source)
        self._tell(percent, 0.0, None, f"{percent:g} % for {self.plan.bake:g} s")
        while True:
            asked = self._wait(began)
            if asked:
                return _steered(asked)
            elapsed = self.clock.now() - began
            judgement = self._look(tally, elapsed)
            self._tell(percent, elapsed, judgement, judgement.reason)
            if judgement.verdict is Verdict.ABORT:
                return _End(Verdict.ABORT, "gates", judgement.reason)
            if judgement.verdict is Verdict.PROMOTE:
                return None

    def _look(self, tally: _Tally, elapsed: float) -> Judgement:
        if tally.read():
            return judge(self.plan, self.step, elapsed, tally.pairs)
        verdict = Verdict.HOLD if elapsed < self.plan.max_bake else Verdict.ABORT
        return Judgement(verdict=verdict, gates=(), reason=f"step {self.step + 1}: nothing measured: {tally.error}")

    def _wait(self, began: float) -> Asked | None:
        """Sleep until the next look, or until somebody asks for something. The end of a step is a look too."""
        now = self.clock.now()
        ends = [began + end for end in (self.plan.bake, self.plan.max_bake) if began + end > now]
        until = min([now + self.plan.interval, *ends])
        while not (asked := self.steering.asked()) and (left := until - self.clock.now()) > 0:
            self.clock.sleep(min(POLL, left))
        return asked

    def _tell(self, percent: float, elapsed: float, judgement: Judgement | None, note: str) -> None:
        look = Progress(
            step=self.step,
            steps=len(self.plan.steps),
            percent=percent,
            elapsed=elapsed,
            judgement=judgement,
            note=note,
        )
        self.history.append(look)
        self.progress(look)

    def restore(self, why: str) -> None:
        """Give the old versions everything back, whatever it takes; who interrupts that is heard afterwards."""
        interrupt: BaseException | None = None
        failed: BaseException | None = None
        for attempt in range(RESTORES):
            try:
                if attempt:
                    self.clock.sleep(POLL)
                self.mover.move(0)
                break
            except Exception as error:
                failed = error
            except BaseException as error:
                failed = interrupt = error
        else:
            raise NotRestored(f"{why}; and the split could not be restored: {failed}") from failed
        if interrupt:
            raise interrupt

    def outcome(self, end: _End) -> Outcome:
        """What came of it."""
        return Outcome(
            verdict=end.verdict, step=self.step, cause=end.cause, reason=end.reason, history=tuple(self.history)
        )


def _steered(asked: Asked) -> _End:
    if asked == "promote":
        return _End(Verdict.PROMOTE, "person", "promoted by a person")
    if asked == "abort":
        return _End(Verdict.ABORT, "person", "aborted by a person")
    return _End(Verdict.ABORT, "orphaned", "the run that began it is gone")


class _Tally:
    """What a step measured: the growth of the counters since it began, over restarts of whoever counts."""

    def __init__(self, source: MetricSource) -> None:
        self._source = source
        self._last: Mapping[str, Pair] | None = None
        self.pairs: dict[str, Pair] = {}
        self.error = ""
        self.read()

    def read(self) -> bool:
        """Read the source; False, with `error` set, when that fails."""
        try:
            now = dict(self._source.read())
        except Exception as error:
            self.error = str(error) or type(error).__name__
            return False
        if self._last is not None:
            grown = {name: pair.since(self._last.get(name)) for name, pair in now.items()}
            self.pairs |= {name: self.pairs.get(name, Pair(candidate=Counts())) + pair for name, pair in grown.items()}
        self._last = {**(self._last or {}), **now}
        return True
