"""Scales one endpoint of this machine: `python -m hybridml.provider.scaler INSTANCE`, the orders in its environment.

Once a second it reads from Envoy how much each version is asked, decides with `scaling` how many replicas that needs
within the bounds in force, and pauses or resumes the supervisors of the replicas, the first ones running. What it knows
is on disk, so it may end and start at any time; without Envoy it keeps what runs, within the bounds.

During an update two scalers live side by side. Each replica set belongs to the one that holds its lock; the newer one
takes over when the older one is gone. It answers on its socket once the replicas that it asked for are ready, so that
whatever moves traffic after it finds them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import select
import socket
import sys
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from hybridml.provider import processes, scaling
from hybridml.provider.http_local import get
from hybridml.provider.scaling import Bounds, Count, History, Meter, Policy

ORDERS: Final = "HYBRIDML_SCALING"
"""Environment variable that holds the orders."""
_LOCK, _STATE, _SOCKET = "scaler", "replicas.json", "socket"
_TICK, _IMPATIENT_TICK = 1.0, 0.1
_OK = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    """The replicas of one version."""

    clusters: tuple[str, ...]
    """Names of the clusters in Envoy that send requests to them."""
    instances: tuple[str, ...]
    """Names of their `HostService` instances, in the order in which they are started."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Orders:
    """What a scaler is asked for."""

    directory: str
    """Folder of the endpoint, with the instances' folders."""
    admin: str
    """Envoy's admin socket."""
    health: str
    """Path that a ready replica answers with 200."""
    policy: Policy
    versions: Mapping[str, Version]
    rollout: str = ""
    """File that is there while a version takes over: nobody is paused for lack of load then."""

    def to_json(self) -> str:
        """As the environment variable holds it."""
        return json.dumps({**dataclasses.asdict(self), "policy": self.policy.to_mapping()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from `to_json`."""
        plain = json.loads(text)
        versions = {
            name: Version(clusters=tuple(each["clusters"]), instances=tuple(each["instances"]))
            for name, each in plain["versions"].items()
        }
        return cls(**{**plain, "policy": Policy.from_mapping(plain["policy"]), "versions": versions})


class ReplicaSet:
    """The replicas of one version on disk, and what this scaler has seen of their load."""

    def __init__(self, name: str, version: Version, orders: Orders) -> None:
        self.name, self.clusters = name, version.clusters
        self._folders = [Path(orders.directory) / instance for instance in version.instances]
        self._health = orders.health
        self._lock: BinaryIO | None = None
        self._meter = Meter()
        self._history: History | None = None

    def take(self, carried: int) -> bool:
        """Whether this scaler is the one in charge; a set that is new begins with `carried` replicas."""
        if self._lock is None:
            lock = self._folders[0] / _LOCK
            fresh = not lock.exists()
            self._lock = _locked(lock)
            if self._lock and fresh and carried > self.count:
                self.become(carried)
        return self._lock is not None

    @property
    def count(self) -> int:
        """Replicas that run or are to run."""
        return sum(map(_to_run, self._folders))

    def forget(self) -> None:
        """Begin anew to see how few replicas would be enough."""
        self._history = None

    def decide(self, counted: Count | None, policy: Policy, bounds: Bounds, now: float) -> int:
        """How many replicas there should be, after `counted`; None: Envoy is not there."""
        if counted is None or self._history is None:
            self._history = History(since=now)
        if counted is None:
            self._meter = Meter()
            return bounds.clamp(self.count)
        self._meter = self._meter.seen(now, counted)
        rate, refused = self._meter.rate or 0.0, int(self._meter.refused)
        self._history = self._history.seen(now, max(scaling.needed(rate * scaling.MARGIN, policy), refused))
        return scaling.desired(self.count, max(scaling.needed(rate, policy), refused), self._history, bounds, now)

    def become(self, count: int) -> None:
        """Let the first `count` replicas run and pause the others; whoever missed it is told again."""
        for position, folder in enumerate(self._folders):
            with contextlib.suppress(OSError):  # a folder that is gone was replaced, or is being destroyed
                _let(folder, runs=position < count)

    def unready(self) -> list[Path]:
        """Folders of replicas that are to run and do not answer yet."""
        return [each for each in self._folders if _to_run(each) and not _answers(each, self._health)]


def _locked(path: Path) -> BinaryIO | None:
    """The file at `path`, locked while it is open; None where another scaler holds it or the folder is gone."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as until_locked:
        opened = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb+")
        until_locked.callback(opened.close)
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        until_locked.pop_all()
        return opened
    return None


def _to_run(folder: Path) -> bool:
    return folder.exists() and not processes.paused(folder)


def _let(folder: Path, *, runs: bool) -> None:
    if processes.paused(folder) == runs:
        (processes.resume if runs else processes.pause)(folder)
    elif (found := processes.alive(folder)) and (found.phase in {"pausing", "paused"}) == runs:
        processes.nudge(folder)


def _answers(folder: Path, health: str) -> bool:
    with contextlib.suppress(OSError):
        return get(folder / _SOCKET, health)[0] == _OK
    return False


class Scaler:
    """All replica sets of one endpoint."""

    def __init__(self, orders: Orders, own: Path) -> None:
        self._orders, self._own = orders, own
        self._sets = [ReplicaSet(name, version, orders) for name, version in sorted(orders.versions.items())]
        self._ours: list[ReplicaSet] = []
        self._waiting: set[Path] = set()

    def step(self, now: float, moment: datetime) -> None:
        """Look once and do what follows; `now` is on a clock that nobody sets, `moment` is the time of day."""
        bounds = scaling.bounds_at(self._orders.policy, moment)
        carried = bounds.clamp(self._carried())
        self._ours = [each for each in self._sets if each.take(carried)]
        counted = counts(Path(self._orders.admin), self._ours)
        moving = self._orders.rollout and Path(self._orders.rollout).exists()
        for each in self._ours:
            if moving:
                each.forget()
            before = each.count
            wanted = each.decide(counted.get(each.name), self._orders.policy, bounds, now)
            each.become(wanted)
            if wanted != before:
                _say(f"version {each.name}: {before} → {wanted} replicas, within {bounds.least} and {bounds.most}")
        self._record()

    def ready(self) -> bool:
        """Whether every replica that is to run answers."""
        unready = {folder for each in self._ours for folder in each.unready()}
        for folder in sorted(unready - self._waiting):
            _say(f"waiting for {folder.name}; its log is {folder / 'log'}")
        self._waiting |= unready
        return not unready

    def _carried(self) -> int:
        """The most replicas that any version of this endpoint has, whoever scales it."""
        return max((_most(path) for path in Path(self._orders.directory).glob(f"*/{_STATE}")), default=0)

    def _record(self) -> None:
        text = json.dumps({each.name: each.count for each in self._ours})
        part = self._own / f"{_STATE}.part"
        with contextlib.suppress(OSError):  # a full disk must not end the scaling
            part.write_text(text, encoding="utf-8")
            part.replace(self._own / _STATE)


def _most(state: Path) -> int:
    try:
        return max(map(int, json.loads(state.read_text(encoding="utf-8")).values()), default=0)
    except (OSError, ValueError, TypeError, AttributeError):  # whatever the file holds: nothing to carry on from
        return 0


def counts(admin: Path, sets: Iterable[ReplicaSet]) -> dict[str, Count]:
    """What Envoy has counted, by version; nothing while no Envoy answers."""
    clusters = {cluster: each.name for each in sets for cluster in each.clusters}
    names = "|".join(map(re.escape, clusters))
    pattern = rf"^cluster\.({names})\.(upstream_rq_total|upstream_cx_none_healthy)$"
    try:
        status, body = get(admin, f"/stats?format=json&filter={urllib.parse.quote(pattern)}", timeout=2.0)
        stats = json.loads(body)["stats"] if status == _OK else []
    except (OSError, ValueError, KeyError):
        return {}
    found = {str(stat["name"]): int(stat["value"]) for stat in stats if "value" in stat}
    return {
        name: Count(
            requests=sum(found.get(f"cluster.{cluster}.upstream_rq_total", 0) for cluster in each),
            refused=sum(found.get(f"cluster.{cluster}.upstream_cx_none_healthy", 0) for cluster in each),
        )
        for name, each in _by_version(clusters).items()
    }


def _by_version(clusters: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cluster, name in clusters.items():
        found.setdefault(name, []).append(cluster)
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _listen(own: Path) -> socket.socket:
    """The socket that says that the scaler has begun; its name is short enough from inside its folder."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(own, os.O_PATH | os.O_DIRECTORY)
    listener.bind(f"/proc/self/fd/{folder}/{_SOCKET}")
    os.close(folder)
    listener.listen()
    return listener


def _wait(listener: socket.socket | None, seconds: float) -> None:
    """Until the next step; whoever connects meanwhile is let go at once."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([listener] if listener else [], [], [], left)[0] and listener:
            listener.accept()[0].close()


def main(arguments: list[str], environment: Mapping[str, Any]) -> None:
    """Scale until a signal ends the process."""
    orders = Orders.from_json(environment[ORDERS])
    own = Path(orders.directory) / arguments[0]
    scaler, listener = Scaler(orders, own), None
    while True:
        scaler.step(time.monotonic(), datetime.now(UTC))
        if listener is None and scaler.ready():
            listener = _listen(own)
        _wait(listener, _TICK if listener else _IMPATIENT_TICK)


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
