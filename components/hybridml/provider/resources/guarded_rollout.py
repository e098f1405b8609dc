"""`GuardedRollout`: which versions an Envoy serves; a changed one takes over step by step, or is taken back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import hybridml
from hybridml.errors import ResourceError
from hybridml.provider import durations, processes
from hybridml.provider.envoy_files import Configuration, EnvoyFiles
from hybridml.provider.files import remove
from hybridml.provider.resource import Changes, HalfMade, Resource
from hybridml.provider.rollout_folder import UNREADABLE, RolloutFolder, Undertaking, now
from hybridml.provider.shape import Failure, wanted
from hybridml.provider.supervisor import Task
from hybridml.proxy import ServedVariant, callers_of_both, marked, variants_of
from hybridml.rollout.plan import RolloutPlan
from hybridml.rollout.verdict import Verdict

AT_ONCE: Final = "at-once"
"""The verdict where nothing was compared: a first deployment, changed weights, `all-at-once`."""
_POLL = 0.1
_APPEARS_WITHIN = 20.0
_COMES_BACK_WITHIN = 5.0
_RESTORES_WITHIN = 120.0
"""Seconds that a guard may take to put the traffic back; it needs far less unless Envoy hangs."""
_STARTS = 3
"""How often a guard that has not touched anything is started again."""
_ABSOLUTE: dict[str, Any] = {"pattern": r"/[^\0]*", "like": "an absolute path"}
_KEPT_LOOKS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvoyProxy:
    """The Envoy that serves them."""

    directory: str = wanted(**_ABSOLUTE)
    clusters: str = wanted()
    routes: str = wanted()
    admin: str | None = wanted(None, **_ABSOLUTE)
    timeout: str = wanted("15s", pattern=durations.PATTERN, like=durations.LIKE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuardedRolloutInputs:
    """What is asked for."""

    folder: str = wanted(**_ABSOLUTE)
    endpoint: str = wanted(minimum=1)
    variants: Mapping[str, ServedVariant] = wanted(minimum=1)
    policy: str = wanted()
    envoy: EnvoyProxy = wanted()  # noqa: RUF009 - `wanted` makes a dataclass field


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuardedRolloutState(GuardedRolloutInputs):
    """What is there."""

    serving: Mapping[str, ServedVariant]
    version: str
    verdict: str
    report: str


def _clusters_are_named(inputs: GuardedRolloutInputs) -> Iterator[Failure]:
    yield from _named("envoy.clusters", inputs.envoy.clusters)


def _one_route_configuration(inputs: GuardedRolloutInputs) -> Iterator[Failure]:
    failures = list(_named("envoy.routes", inputs.envoy.routes))
    yield from failures
    if not failures and len(json.loads(inputs.envoy.routes)) != 1:
        yield Failure(path="envoy.routes", reason="must hold one route configuration: Envoy reads no second one")


def _weights_are_percent(inputs: GuardedRolloutInputs) -> Iterator[Failure]:
    for name, variant in inputs.variants.items():
        if not 0 <= variant.weight <= 100:  # noqa: PLR2004 - percent
            yield Failure(path=f"variants.{name}.weight", reason=f"must be 0 to 100, not {variant.weight}")


def _policy_is_a_plan(inputs: GuardedRolloutInputs) -> Iterator[Failure]:
    try:
        _policy(inputs)
    except (*UNREADABLE, RecursionError) as error:
        yield Failure(path="policy", reason=f"must be a rollout plan in JSON: {error!r}")


def _named(path: str, text: str) -> Iterator[Failure]:
    try:
        messages = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        yield Failure(path=path, reason=f"must be JSON: {error}")
        return
    if not isinstance(messages, list) or not all(map(_has_a_name, messages)):
        yield Failure(path=path, reason="must be a JSON list of objects that have a `name`")
        return
    names = [each["name"] for each in messages]
    if len(set(names)) != len(names):
        yield Failure(path=path, reason="must not use a name twice")


def _has_a_name(message: object) -> bool:
    return isinstance(message, dict) and isinstance(name := message.get("name"), str) and name != ""


class GuardedRollout(Resource[GuardedRolloutInputs, GuardedRolloutState]):
    """Clusters and routes of one Envoy; a variant whose revision changes is moved as its policy says.

    What serves is read from Envoy's own files, never from what was asked for before: after an abort, a kill or a
    restart the next update begins from there. Everything but a changed revision moves at once. The loop runs in a
    guard of its own, which this process only follows. Errors: HalfMade when a rollout is aborted: what served before
    serves again, verdict and numbers are in the state; ResourceError with Envoy's reason when it refuses a change.
    """

    inputs = GuardedRolloutInputs
    state = GuardedRolloutState
    rules = (_clusters_are_named, _one_route_configuration, _weights_are_percent, _policy_is_a_plan)
    foresight: ClassVar[Mapping[str, Any]] = {
        "serving": lambda inputs: inputs.variants,
        "version": lambda inputs: _configuration(inputs).version,
    }

    def identity(self, state: GuardedRolloutState) -> str:
        """The endpoint's name."""
        return state.endpoint

    def diff(self, state: GuardedRolloutState, old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
        """As for every resource; another watched folder is another Envoy."""
        changes = super().diff(state, old, new)
        elsewhere = _directory(old) != _directory(new)
        return dataclasses.replace(changes, replaces=changes.replaces | {"envoy"}) if elsewhere else changes

    def create(self, inputs: GuardedRolloutInputs) -> GuardedRolloutState:
        """Serve at once: there is nothing yet to compare with, or it was already done."""
        with _alone(RolloutFolder(Path(inputs.folder))):
            _files(inputs).move(_configuration(inputs))
            return _state(inputs, verdict=AT_ONCE, report={})

    def update(self, inputs: GuardedRolloutInputs, state: GuardedRolloutState) -> GuardedRolloutState:
        """Move from what serves to what is asked for, under guard where a revision changes."""
        folder = RolloutFolder(Path(inputs.folder))
        with _alone(folder):
            if state.folder != inputs.folder:
                _settle(RolloutFolder(Path(state.folder)))
            return self._move(inputs, folder)

    def _move(self, inputs: GuardedRolloutInputs, folder: RolloutFolder) -> GuardedRolloutState:
        files = _files(inputs)
        doing = _undertaking(inputs, files)
        if doing.before.version == doing.after.version:
            return self._arrived(inputs, folder)
        if not doing.moving or not doing.policy.steps or _stands_still(files):
            files.move(doing.after)
            return _state(inputs, verdict=AT_ONCE, report={})
        outcome = self._follow(folder, doing)
        report = _report(doing, outcome)
        if outcome["verdict"] == Verdict.PROMOTE:
            return _state(inputs, verdict=str(Verdict.PROMOTE), report=report)
        half = _state(inputs, verdict=str(Verdict.ABORT), report=report)
        raise HalfMade(_message(doing, outcome), state=half)

    def read(self, state: GuardedRolloutState) -> GuardedRolloutState | None:
        """What the files say that serves."""
        if not _files(state).exist():
            return None
        return dataclasses.replace(state, **_served(state))

    def drift(self, state: GuardedRolloutState) -> frozenset[str]:
        """What serves and its version, where they are not what was asked for: changed by hand, or after an abort."""
        served = _served(state)
        asked = {"serving": state.variants, "version": _configuration(state).version}
        return frozenset(name for name, value in asked.items() if served[name] != value)

    def delete(self, state: GuardedRolloutState) -> None:
        """End a rollout that is under way, and remove the files."""
        folder = RolloutFolder(Path(state.folder))
        with _alone(folder) if folder.path.exists() else contextlib.nullcontext():
            _files(state).remove()
            remove(folder.path)

    def _arrived(self, inputs: GuardedRolloutInputs, folder: RolloutFolder) -> GuardedRolloutState:
        """What is asked for serves already: as the last rollout promoted it, or since an abort was taken back."""
        last = folder.outcome() or {}
        promoted = last.get("verdict") == Verdict.PROMOTE and last.get("new") == _plain(inputs.variants)
        if promoted:
            return _state(inputs, verdict=str(Verdict.PROMOTE), report=_trimmed(last))
        return _state(inputs, verdict=AT_ONCE, report={})

    def _follow(self, folder: RolloutFolder, doing: Undertaking) -> Mapping[str, Any]:
        """Start a guard and wait until it says how the rollout ended; a cancelled run asks it to take all back."""
        folder.begin(_careful(doing))
        processes.launch(_ready(folder.guard), _task(folder))
        _until(lambda: folder.guarded() or folder.outcome() is not None, _APPEARS_WITHIN)
        said = False
        while (outcome := folder.outcome()) is None:
            if self.cancelled.is_set() and not said:
                folder.ask("abort")
                said = True
            if (not folder.guarded() or _never_begins(folder)) and folder.outcome() is None:
                raise _lost(folder)
            time.sleep(_POLL)
        _until(lambda: not folder.guarded(), _RESTORES_WITHIN)
        return outcome


def _stands_still(files: EnvoyFiles) -> bool:
    """Whether no Envoy is there whom anybody could ask; one that was just killed comes back in a moment."""
    _until(files.listens, _COMES_BACK_WITHIN)
    return not files.listens()


def _policy(inputs: GuardedRolloutInputs) -> RolloutPlan:
    return RolloutPlan.from_mapping(json.loads(str(inputs.policy)))


def _files(inputs: GuardedRolloutInputs) -> EnvoyFiles:
    envoy = inputs.envoy
    admin = Path(envoy.admin) if envoy.admin else None
    return EnvoyFiles(folder=Path(envoy.directory), admin=admin, timeout=durations.seconds(envoy.timeout))


def _configuration(inputs: GuardedRolloutInputs) -> Configuration:
    """What Envoy is to read; its routes say which variants they serve."""
    routes: Sequence[Any] = json.loads(str(inputs.envoy.routes))
    variants = {
        name: ServedVariant(version=str(each.version), revision=str(each.revision), weight=int(each.weight))
        for name, each in inputs.variants.items()
    }
    return Configuration(
        clusters=json.loads(str(inputs.envoy.clusters)), routes=[marked(table, variants) for table in routes]
    )


def _served(inputs: GuardedRolloutInputs) -> dict[str, Any]:
    saved = _files(inputs).saved()
    return {"serving": variants_of(saved.routes[0]) if saved.routes else {}, "version": saved.version}


def _undertaking(inputs: GuardedRolloutInputs, files: EnvoyFiles) -> Undertaking:
    before = files.saved()
    return Undertaking(
        endpoint=inputs.endpoint,
        policy=_policy(inputs),
        files=files,
        before=before,
        after=_configuration(inputs),
        old=variants_of(before.routes[0]) if before.routes else {},
        new=inputs.variants,
        began=now(),
    )


def _careful(doing: Undertaking) -> Undertaking:
    """`doing`, with a way back that lets nobody in again whom this very change shuts out."""
    (asked,) = doing.after.routes
    routes = [callers_of_both(table, asked) for table in doing.before.routes]
    return dataclasses.replace(doing, before=dataclasses.replace(doing.before, routes=routes))


@contextlib.contextmanager
def _alone(folder: RolloutFolder) -> Iterator[None]:
    """Nobody else is in the middle of a rollout, and nobody's is left unfinished. Errors: those of `_settle`."""
    with folder.client():
        _settle(folder)
        yield


def _settle(folder: RolloutFolder) -> None:
    """End whatever a run before this one began and did not see to its end: what served before it serves again.

    Errors: ResourceError when the traffic cannot be put back.
    """
    if folder.guarded():
        processes.stop(folder.guard, _RESTORES_WITHIN)
    doing = folder.undertaking()
    if doing is not None and folder.touched() and folder.outcome() is None:
        doing.files.restore(doing.before)
    if doing is not None:
        folder.forget()


def _ready(guard: Path) -> Path:
    """An empty folder for a guard; what an earlier one left goes."""
    processes.stop(guard, _RESTORES_WITHIN)
    guard.mkdir(mode=0o700, parents=True, exist_ok=True)
    return guard


def _task(folder: RolloutFolder) -> Task:
    """The guard as its supervisor starts it, with this package and nothing else on its path."""
    packages = str(Path(hybridml.__file__).resolve().parent.parent)
    argv = [sys.executable, "-P", "-m", "hybridml.provider.guard", str(folder.path)]
    env = {**processes.environment(), "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    return Task(argv=argv, cwd="/", env=env, grace=_RESTORES_WITHIN, first_delay=_POLL, once=True)


def _never_begins(folder: RolloutFolder) -> bool:
    """Whether the guard ends again and again before it has done anything, as nothing of its own making would mend."""
    found = processes.status(folder.guard)
    return found is not None and found.restarts >= _STARTS and not folder.touched()


def _lost(folder: RolloutFolder) -> ResourceError:
    """Put the traffic back when guard and supervisor are both gone, or no guard can begin, and say so."""
    said = processes.last_lines(folder.guard / "log") or processes.last_lines(folder.guard / "supervisor.log")
    _settle(folder)
    words = f"; its last words:\n{said}" if said else ""
    return ResourceError(f"the guard of the rollout in {folder.path} is gone; what served before serves again{words}")


def _until(holds: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not holds() and time.monotonic() < deadline:
        time.sleep(_POLL)


def _state(inputs: GuardedRolloutInputs, *, verdict: str, report: Mapping[str, Any]) -> GuardedRolloutState:
    asked = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(GuardedRolloutInputs)}
    text = json.dumps(report, sort_keys=True) if report else "{}"
    return GuardedRolloutState(**asked, **_served(inputs), verdict=verdict, report=text)


def _report(doing: Undertaking, outcome: Mapping[str, Any]) -> dict[str, Any]:
    return _trimmed({**outcome, "endpoint": doing.endpoint, "title": doing.title})


def _trimmed(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome for a state: its latest looks; the folder has them all."""
    kept = {key: value for key, value in outcome.items() if key != "new"}
    return {**kept, "history": list(outcome.get("history", ()))[-_KEPT_LOOKS:]}


def _plain(variants: Mapping[str, ServedVariant]) -> dict[str, Any]:
    return {name: dataclasses.asdict(variant) for name, variant in variants.items()}


def _message(doing: Undertaking, outcome: Mapping[str, Any]) -> str:
    """What was aborted and why, what serves now, and what to do."""
    share = doing.policy.steps[int(outcome.get("step", 0))]
    kept = ", ".join(sorted(old.revision for old, _ in doing.moving.values()))
    return (
        f"The rollout of {doing.endpoint} ({doing.title}) was aborted at {share:g} %: {outcome.get('reason')}. "
        f"Everything is served as before ({kept}). Run `up` again with a better version, or with the one before; "
        f"`hybridml rollout status {doing.endpoint}` has the numbers."
    )


def _directory(inputs: Mapping[str, Any]) -> Any:
    envoy = inputs.get("envoy")
    return envoy.get("directory") if isinstance(envoy, Mapping) else None
