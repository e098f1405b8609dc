"""What `hybridml rollout status`, `promote` and `abort` do, through the folder of an endpoint's rollouts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from hybridml.cli import deployed, output, place
from hybridml.cli.options import Format
from hybridml.errors import HybridMLError

if TYPE_CHECKING:
    from hybridml.provider.rollout_folder import Command, RolloutFolder

ACKNOWLEDGED_WITHIN: Final = 60.0
"""Seconds that a guard may take to do what is asked of it."""
State = Literal["running", "interrupted", "ended", "none"]
_POLL = 0.1
_DONE = {"promote": "promoted", "abort": "aborted"}


def status(project: Path | None, stack: str | None, endpoint: str, format_: Format) -> None:
    """Prints the rollout under way, or how the last one ended. Errors: `HybridMLError` when there is none to show."""
    folder = folder_of(project, stack, endpoint)
    found = _Found.of(endpoint, folder)
    output.write(output.as_json(found.document()) if format_ is Format.JSON else _text(found, folder))


def steer(project: Path | None, stack: str | None, endpoint: str, command: Command, format_: Format) -> None:
    """Asks the guard, and waits until the rollout has ended so.

    Errors: `HybridMLError` when no rollout runs, when it ended otherwise, or when nobody acknowledges.
    """
    folder = folder_of(project, stack, endpoint)
    state = _state(folder)
    if state == "interrupted":
        raise HybridMLError(_interrupted(endpoint))
    if state != "running":
        raise HybridMLError(f"No rollout of {endpoint} is under way.{_last(folder)}")
    folder.ask(command)
    outcome = _acknowledged(folder, endpoint)
    if outcome.get("verdict") != command:
        raise HybridMLError(f"The rollout of {endpoint} ended otherwise before that: {_sentence(outcome)}")
    if format_ is Format.JSON:
        output.write(output.as_json(_Found.of(endpoint, folder).document()))
    else:
        output.write(f"{_DONE[command]}: {endpoint}, {outcome.get('title')}\n")


def folder_of(project: Path | None, stack: str | None, endpoint: str) -> RolloutFolder:
    """Where the rollouts of an endpoint lie. Errors: `HybridMLError` when it is not deployed on this machine."""
    from hybridml.provider.rollout_folder import RolloutFolder

    here = place.find(project)
    name = here.one(stack)
    endpoints = deployed.require(here, name).endpoints
    if endpoint not in endpoints:
        known = ", ".join(sorted(endpoints)) or "none"
        raise HybridMLError(f"The stack {name} has no endpoint {endpoint!r}; it has {known}.")
    where = endpoints[endpoint].get("rollout")
    if not where:
        raise HybridMLError(
            f"{endpoint} is on target {endpoints[endpoint].get('target')}, where no guard of ours rolls versions out. "
            "Watch and steer its rollouts with the tools of that platform."
        )
    return RolloutFolder(Path(str(where)))


def _state(folder: RolloutFolder) -> State:
    if folder.planned():
        return "running" if folder.guarded() or folder.watched() else "interrupted"
    return "ended" if folder.outcome() else "none"


def _interrupted(endpoint: str) -> str:
    return f"{endpoint}: a rollout was interrupted, and nobody watches it; `hybridml up` puts back what served before"


def _acknowledged(folder: RolloutFolder, endpoint: str) -> Mapping[str, Any]:
    deadline = time.monotonic() + ACKNOWLEDGED_WITHIN
    while time.monotonic() < deadline:
        if (outcome := folder.outcome()) is not None:
            return outcome
        time.sleep(_POLL)
    raise HybridMLError(
        f"The guard of {endpoint} did not do it within {ACKNOWLEDGED_WITHIN:g} s; its log says why: {folder.guard}/log"
    )


def _last(folder: RolloutFolder) -> str:
    outcome = folder.outcome()
    return f" The last one: {_sentence(outcome)}" if outcome else ""


def _sentence(outcome: Mapping[str, Any]) -> str:
    ended = f"{outcome.get('title')}, {outcome.get('verdict')}, {outcome.get('ended')}"
    return f"{ended}: {outcome.get('reason')}."


def _text(found: _Found, folder: RolloutFolder) -> str:
    from hybridml.provider.rollout_folder import UNREADABLE

    try:
        return found.text()
    except UNREADABLE as error:
        raise HybridMLError(f"{folder.path} holds what no rollout wrote ({error!r}); remove progress.json") from None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the folder says."""

    endpoint: str
    state: State
    """`interrupted` when everything ended in the middle of it, as when the machine goes down."""
    look: Mapping[str, Any]
    """The latest look, empty without one."""
    outcome: Mapping[str, Any]
    """How the last rollout ended, empty without one."""

    @classmethod
    def of(cls, endpoint: str, folder: RolloutFolder) -> _Found:
        state, outcome, look = _state(folder), folder.outcome(), folder.progress()
        return cls(endpoint=endpoint, state=state, look=look or {}, outcome=outcome or {})

    def document(self) -> dict[str, Any]:
        """The stable JSON."""
        ended = {key: value for key, value in self.outcome.items() if key not in {"history", "new"}}
        return {
            "version": 1,
            "endpoint": self.endpoint,
            "state": self.state,
            "look": self.look or None,
            "outcome": ended or None,
        }

    def text(self) -> str:
        """For people."""
        if self.state == "none":
            return f"{self.endpoint}: no version has been rolled out under guard yet\n"
        if self.state == "ended":
            return f"{self.endpoint}: {_sentence(self.outcome)}\n" + _gates(_judged(self.look))
        if self.state == "interrupted":
            return f"{_interrupted(self.endpoint)}\n" + _gates(_judged(self.look))
        if not self.look:
            return f"{self.endpoint}: a rollout begins\n"
        return f"{look_text(self.endpoint, self.look)}\n" + _gates(_judged(self.look))


def look_text(endpoint: str, look: Mapping[str, Any]) -> str:
    """One look at a rollout: which versions, where it stands, and what happens."""
    step = f"step {look['step'] + 1} of {look['steps']}, {look['percent']:g} %"
    return f"{endpoint}: {look.get('title')}, {step}, {look['elapsed']:.0f} s: {look['note']}"


def _judged(look: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    gates: Sequence[Mapping[str, Any]] = (look.get("judgement") or {}).get("gates", ())
    return gates


def _gates(gates: Sequence[Mapping[str, Any]]) -> str:
    if not gates:
        return ""
    rows = [("GATE", "VARIANT", "VERDICT", "OBSERVED", "INTERVAL", "LIMIT", "REQUESTS")]
    rows += [
        (
            str(gate["gate"]),
            str(gate["variant"]),
            str(gate["verdict"]),
            _number(gate["observed"]),
            f"{_number(gate['low'])} to {_number(gate['high'])}",
            _number(gate["limit"]),
            str(gate["requests"]),
        )
        for gate in gates
    ]
    return "\n" + output.table(rows)


def _number(value: Any) -> str:
    return "-" if value is None else f"{float(value):.4g}"
