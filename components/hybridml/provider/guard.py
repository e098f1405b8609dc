"""The guard of a rollout: `python -m hybridml.provider.guard FOLDER`, supervised, and gone when it has done its work.

It outlives whoever began the rollout. When that one is gone, or the guard itself was killed and started again, the
traffic goes back to what served before; nobody has to do anything.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridml.errors import ResourceError
from hybridml.provider.envoy_rollout import EnvoyMover, EnvoySource
from hybridml.provider.rollout_folder import RolloutFolder, Undertaking
from hybridml.rollout.drive import Asked, Progress, drive
from hybridml.rollout.verdict import Verdict


@dataclass
class Watch:
    """The guard's clock, and its ear for what is asked of it."""

    folder: RolloutFolder
    _told: threading.Event = field(default_factory=threading.Event)

    def now(self) -> float:
        """Seconds of the clock that nobody sets."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, though not when the guard is told to end."""
        self._told.wait(seconds)

    def asked(self) -> Asked | None:
        """What a person asks for; `orphaned` when the guard is told to end, or whoever began the rollout is gone."""
        orphaned = self._told.is_set() or not self.folder.watched()
        return "orphaned" if orphaned else self.folder.asked()

    def tell(self, *_: object) -> None:
        """End: the handler of SIGTERM."""
        self._told.set()


def guard(folder: RolloutFolder, watch: Watch) -> None:
    """Carry out the rollout that the folder describes, or take back what a guard before this one has begun.

    Errors: whatever keeps the traffic from going back; the supervisor starts the guard again then.
    """
    doing = folder.undertaking()
    if doing is None or folder.outcome() is not None:
        folder.forget()
        return
    mover = EnvoyMover(doing)
    if folder.touched():
        mover.move(0)
        folder.finish(doing, _interrupted(folder))
        return
    folder.touch()
    outcome = drive(
        doing.policy,
        mover,
        EnvoySource(doing, mover),
        clock=watch,
        steering=watch,
        progress=lambda look: folder.report(_look(doing, look)),
    )
    if outcome.verdict is Verdict.PROMOTE:
        _finish(mover)
    folder.finish(doing, outcome.to_mapping())


def _finish(mover: EnvoyMover) -> None:
    """The traffic has moved, as Envoy said: what it no longer needs is no reason to move it back."""
    try:
        mover.finish()
    except (ResourceError, OSError) as error:
        sys.stderr.write(f"the clusters from before stay until the next change: {error}\n")


def _look(doing: Undertaking, look: Progress) -> dict[str, Any]:
    return {"endpoint": doing.endpoint, "title": doing.title, "began": doing.began, **look.to_mapping()}


def _interrupted(folder: RolloutFolder) -> dict[str, Any]:
    """The outcome of a rollout whose guard ended too soon: nobody watched, so the new version has proved nothing."""
    last = folder.progress() or {}
    reason = "the guard of the rollout was killed or failed in the middle of it; what served before serves again"
    return {
        "verdict": str(Verdict.ABORT),
        "step": last.get("step", 0),
        "cause": "error",
        "reason": reason,
        "history": [last] if last else [],
    }


def main() -> None:
    """Guard until the rollout has ended."""
    folder = RolloutFolder(Path(sys.argv[1]))
    watch = Watch(folder)
    signal.signal(signal.SIGTERM, watch.tell)
    signal.signal(signal.SIGINT, watch.tell)
    guard(folder, watch)


if __name__ == "__main__":
    main()
