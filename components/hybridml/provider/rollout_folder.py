"""The folder of one endpoint's rollouts: what is to be done, how it goes, how it went, and who watches.

plan.json       what the guard is to do, and the way back; only while a rollout is under way
began           the guard has touched the traffic
progress.json   the latest look
command.json    what a person asks for
outcome.json    how the last rollout ended
history.jsonl   one line for each rollout that ended
client          locked for as long as whoever began the rollout lives
guard/          the supervised guard: its lock, status and log
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from hybridml.errors import HybridMLError, ResourceError
from hybridml.provider import processes, supervisor
from hybridml.provider.envoy_files import Configuration, EnvoyFiles
from hybridml.provider.files import make_folder, place, remove, write_text
from hybridml.proxy import ServedVariant, moving
from hybridml.rollout.plan import RolloutPlan

Command = Literal["promote", "abort"]
COMMANDS: Final[tuple[Command, ...]] = ("promote", "abort")
_PRIVATE = 0o600
_POLL, _LOCKED_WITHIN = 0.1, 5.0
_PLAN, _BEGAN, _PROGRESS, _COMMAND = "plan.json", "began", "progress.json", "command.json"
UNDER_WAY: Final = _PLAN
"""File of the folder that is there while a rollout is under way."""
UNREADABLE: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a mapping raises that is not what was written."""
_OUTCOME, _HISTORY, _CLIENT, _GUARD = "outcome.json", "history.jsonl", "client", "guard"


@dataclass(frozen=True, kw_only=True)
class Undertaking:
    """One rollout as the guard is told to do it."""

    endpoint: str
    policy: RolloutPlan
    files: EnvoyFiles
    before: Configuration
    """What Envoy serves when the rollout is aborted: what it served before, to nobody whom `after` shuts out."""
    after: Configuration
    """What it is to serve at the end."""
    old: Mapping[str, ServedVariant]
    new: Mapping[str, ServedVariant]
    began: str = ""
    """When it began, as RFC 3339 says it."""

    @property
    def moving(self) -> dict[str, tuple[ServedVariant, ServedVariant]]:
        """Each variant that changes: from what to what."""
        return {name: (old, self.new[name]) for name, old in moving(self.old, self.new).items() if old is not None}

    @property
    def title(self) -> str:
        """`champion 3 → 4`; revisions where the version keeps its name."""
        return ", ".join(f"{name} {_arrow(old, new)}" for name, (old, new) in sorted(self.moving.items()))

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "endpoint": self.endpoint,
            "policy": self.policy.to_mapping(),
            "directory": str(self.files.folder),
            "admin": str(self.files.admin) if self.files.admin else None,
            "timeout": self.files.timeout,
            "before": self.before.to_mapping(),
            "after": self.after.to_mapping(),
            "old": {name: vars(variant) for name, variant in self.old.items()},
            "new": {name: vars(variant) for name, variant in self.new.items()},
            "began": self.began,
        }

    @classmethod
    def from_mapping(cls, said: Mapping[str, Any]) -> Self:
        """What `to_mapping` wrote. Errors: those of `UNREADABLE` for anything else."""
        admin = Path(said["admin"]) if said["admin"] else None
        return cls(
            endpoint=said["endpoint"],
            policy=RolloutPlan.from_mapping(said["policy"]),
            files=EnvoyFiles(folder=Path(said["directory"]), admin=admin, timeout=float(said["timeout"])),
            before=Configuration(**said["before"]),
            after=Configuration(**said["after"]),
            old={name: ServedVariant(**variant) for name, variant in said["old"].items()},
            new={name: ServedVariant(**variant) for name, variant in said["new"].items()},
            began=said["began"],
        )


def _arrow(old: ServedVariant, new: ServedVariant) -> str:
    if old.version != new.version:
        return f"{old.version} → {new.version}"
    return f"{old.revision} → {new.revision}"


def now() -> str:
    """The time of day, UTC, as RFC 3339 says it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass(frozen=True)
class RolloutFolder:
    """Reads and writes the folder; every file appears whole."""

    path: Path

    # --- the plan -----------------------------------------------------------------------------------------------------

    def begin(self, undertaking: Undertaking) -> None:
        """Write down what is to be done, and forget what was said of the rollout before."""
        make_folder(self.path)
        for name in (_BEGAN, _PROGRESS, _COMMAND, _OUTCOME):
            remove(self.path / name)
        self._write(_PLAN, undertaking.to_mapping())

    def undertaking(self) -> Undertaking | None:
        """The rollout that is under way, or was when everything ended; None without one.

        Errors: `ResourceError` when its plan cannot be read.
        """
        said = self._read(_PLAN)
        if said is None:
            return None
        try:
            return Undertaking.from_mapping(said)
        except UNREADABLE as error:
            raise ResourceError(f"{self.path / _PLAN} is not the plan of a rollout ({error!r}); remove it") from None

    def forget(self) -> None:
        """Nothing is under way any more."""
        for name in (_PLAN, _BEGAN, _COMMAND):
            remove(self.path / name)

    def planned(self) -> bool:
        """Whether a rollout is under way, or was when everything ended."""
        return (self.path / _PLAN).exists() and self.outcome() is None

    def touched(self) -> bool:
        """Whether a guard has begun to move traffic."""
        return (self.path / _BEGAN).exists()

    def touch(self) -> None:
        """Say so, before the first move."""
        (self.path / _BEGAN).touch(mode=_PRIVATE)

    # --- how it goes --------------------------------------------------------------------------------------------------

    def report(self, progress: Mapping[str, Any]) -> None:
        """Write the latest look."""
        self._write(_PROGRESS, {**progress, "time": now()})

    def progress(self) -> dict[str, Any] | None:
        """The latest look at the rollout that is under way, or was the last one."""
        return self._read(_PROGRESS)

    def finish(self, undertaking: Undertaking, outcome: Mapping[str, Any]) -> None:
        """Write how it ended. With the outcome it is over, whoever is killed then; nobody takes the plan up again."""
        frame = {"endpoint": undertaking.endpoint, "title": undertaking.title, "began": undertaking.began}
        done = {**frame, "ended": now(), "new": {n: vars(v) for n, v in undertaking.new.items()}, **outcome}
        self._write(_OUTCOME, done)
        with os.fdopen(os.open(self.path / _HISTORY, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE), "a") as lines:
            lines.write(json.dumps({key: value for key, value in done.items() if key not in {"history", "new"}}) + "\n")
        remove(self.path / _PLAN)

    def outcome(self) -> dict[str, Any] | None:
        """How the last rollout ended; None while one is under way, or when there was none."""
        return self._read(_OUTCOME)

    # --- commands -----------------------------------------------------------------------------------------------------

    def ask(self, command: Command) -> None:
        """Ask the guard to promote or to abort. Errors: `HybridMLError` where the folder cannot be written."""
        try:
            self._write(_COMMAND, {"command": command, "time": now()})
        except OSError as error:
            raise HybridMLError(
                f"{self.path} cannot be written ({error.strerror}); ask as the user who runs the stack"
            ) from None

    def asked(self) -> Command | None:
        """What a person asks for."""
        said = (self._read(_COMMAND) or {}).get("command")
        return next((command for command in COMMANDS if command == said), None)

    # --- who lives ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def client(self) -> Iterator[None]:
        """Be the one who changes what serves; the kernel tells the guard when this process is gone.

        Errors: `ResourceError` when another one is in the middle of a rollout, and does not end within seconds.
        """
        make_folder(self.path)
        descriptor = os.open(self.path / _CLIENT, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)
        try:
            _lock(descriptor, self.path)
            yield
        finally:
            os.close(descriptor)

    def watched(self) -> bool:
        """Whether whoever began the rollout lives."""
        return processes.locked(self.path / _CLIENT)

    @property
    def guard(self) -> Path:
        """The folder of the supervised guard."""
        return self.path / _GUARD

    def guarded(self) -> bool:
        """Whether a guard lives."""
        return processes.held(self.guard)

    def _write(self, name: str, said: Mapping[str, Any]) -> None:
        place(self.path / name, lambda part: write_text(part, json.dumps(said, indent=1)), _PRIVATE)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            said = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise HybridMLError(f"{self.path / name} cannot be read: {error}; remove it") from None
        return said if isinstance(said, dict) else None


def _lock(descriptor: int, path: Path) -> None:
    """Take the lock; a plugin whose engine was killed holds it for a moment still."""
    deadline = time.monotonic() + _LOCKED_WITHIN
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, supervisor.lock_request(fcntl.F_WRLCK))
            return
        except (BlockingIOError, PermissionError):
            if time.monotonic() >= deadline:
                raise ResourceError(
                    f"another run is in the middle of a rollout in {path}; wait for its end, or end it"
                ) from None
            time.sleep(_POLL)
