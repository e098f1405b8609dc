"""Replicas that come and go behind a real Envoy, under load, without a request that is lost."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hybridml.jobs.pausing import VARIABLE
from hybridml.provider import processes, scaling
from hybridml.provider.envoy_files import Configuration, EnvoyFiles
from hybridml.provider.scaler import Orders, Scaler, Version
from hybridml.provider.scaling import Bounds, Policy, Schedule
from hybridml.provider.supervisor import Task
from hybridml.proxy import Traffic, Upstream, clusters, routes
from hybridml.proxy.clusters import HEALTH_PATH, HEALTH_SECONDS
from local.served import callers, tally
from proxy.stage import GROUP, ModelServers, Stage

pytestmark = pytest.mark.services

MOST = 3
NOON, NIGHT = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 22, tzinfo=UTC)
MORNING, AFTERNOON = datetime(2026, 7, 2, 7, tzinfo=UTC), datetime(2026, 7, 2, 13, tzinfo=UTC)
POLICY = Policy(
    bounds=Bounds(1, MOST),
    requests_per_replica=20,
    schedules=(
        Schedule(cron="0 20 * * *", timezone="UTC", bounds=Bounds(0, 0)),
        Schedule(cron="0 7 * * *", timezone="UTC", bounds=Bounds(2, MOST)),
        Schedule(cron="0 9 * * *", timezone="UTC", bounds=Bounds(1, MOST)),
        Schedule(cron="0 13 * * *", timezone="UTC", bounds=Bounds(1, 1)),
    ),
)


@dataclass
class Endpoint:
    """One version with three replicas, the proxy in front of it, and a scaler on a clock of its own."""

    stage: Stage
    folders: list[Path]
    moment: datetime = NOON
    ended: threading.Event = field(default_factory=threading.Event)

    def scaler(self) -> Scaler:
        """A scaler as its process makes it."""
        orders = Orders(
            directory=str(self.stage.directory),
            admin=str(self.stage.directory / "admin.sock"),
            health=HEALTH_PATH,
            policy=POLICY,
            versions={"3": Version(clusters=("version-3",), instances=tuple(each.name for each in self.folders))},
        )
        (self.stage.directory / "s").mkdir(exist_ok=True)
        return Scaler(orders, self.stage.directory / "s")

    def steer(self) -> None:
        """Scale until the test ends."""
        scaler = self.scaler()
        while not self.ended.wait(0.2):
            scaler.step(time.monotonic(), self.moment)

    def phases(self) -> list[str]:
        """What the supervisors say."""
        return [found.phase if (found := processes.alive(folder)) else "" for folder in self.folders]

    def serving(self) -> int:
        """Replicas that Envoy sends requests to."""
        return self.stage.stat("cluster.version-3.membership_healthy")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(scaling, "STABLE_SECONDS", 1.5)
    monkeypatch.setattr(scaling, "RATE_SECONDS", 1.0)
    monkeypatch.setitem(vars(sys.modules[Upstream.__module__]), "HEALTH_PATIENCE_SECONDS", 1)
    with tempfile.TemporaryDirectory(prefix="hybridml-scaling-") as folder:
        stage = Stage(directory=Path(folder), servers=ModelServers(Path(folder)))
        stage.write_bootstrap()
        made = Endpoint(stage, [replica(stage.directory, position) for position in range(MOST)])
        stage.configure(
            Traffic(weights={"3": 100}, groups=(GROUP,)),
            [Upstream(version="3", sockets=tuple(f"r{each}/socket" for each in range(MOST)), scaled=True)],
        )
        try:
            yield made
        finally:
            made.ended.set()
            for each in made.folders:
                processes.stop(each, 1.0)


def replica(directory: Path, position: int, **more: str) -> Path:
    """A supervised replica; all but the first begin paused."""
    folder = directory / f"r{position}"
    folder.mkdir()
    processes.scale(folder, paused=position > 0)
    program = [sys.executable, "-m", "uvicorn", "replica:application", "--app-dir", str(Path(__file__).parent)]
    options = [
        "--uds",
        f"r{position}/socket",
        "--log-level",
        "warning",
        "--no-access-log",
        "--timeout-keep-alive",
        "75",
    ]
    env = {"NAME": folder.name, VARIABLE: f"r{position}/paused", "PYTHONDONTWRITEBYTECODE": "1", **more}
    task = Task(
        argv=[*program, *options],
        cwd=str(directory),
        env=env,
        socket=str(folder / "socket"),
        pause_delay=1.8 * HEALTH_SECONDS,
    )
    processes.launch(folder, task)
    return folder


def eventually(holds: Callable[[], object], within: float = 20.0) -> float:
    """Wait until `holds` is true, and say how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, "it never became true"
        time.sleep(0.05)
    return time.monotonic() - began


def test_traffic_moves_to_replicas_that_are_known_to_be_healthy(endpoint: Endpoint) -> None:
    """New clusters are waited for until Envoy uses them, though it accepts them at once; so are clusters that grow."""
    late = replica(endpoint.stage.directory, 9, PING_SECONDS="0.5")
    endpoint.folders.append(late)
    processes.resume(late)
    eventually((late / "socket").exists)
    old = Upstream(version="3", sockets=("r0/socket",), scaled=True)
    new = Upstream(version="4", sockets=("r9/socket", "r1/socket"), scaled=True)
    files = EnvoyFiles(folder=endpoint.stage.directory, admin=endpoint.stage.directory / "admin.sock", timeout=15)
    with endpoint.stage.running():
        eventually(lambda: endpoint.serving() == 1)
        url, header = f"http://127.0.0.1:{endpoint.stage.port}/invocations", endpoint.stage.signer.header()
        with callers(url, header, ["{}"], each_second=100) as answers:
            time.sleep(0.3)
            to_new = routes(Traffic(weights={"4": 100}, groups=(GROUP,)))
            files.move(Configuration(clusters=clusters([old, new]), routes=to_new))
            time.sleep(0.3)
            more = Upstream(version="4", sockets=("r9/socket", "r1/socket", "r2/socket"), scaled=True)
            files.move(Configuration(clusters=clusters([more]), routes=to_new))
            time.sleep(0.3)

    assert tally(answers).keys() == {200}, tally(answers)
    assert Counter(body for _, _, body, _ in answers).keys() == {"r0", "r9"}


def test_slow_servers_are_not_forgotten_for_those_that_have_a_pause() -> None:
    """Neither a cluster that grows nor a new one is used before a server that takes its time has answered.

    Envoy waits for as many answers as there are servers, and those that have a pause answer more than once.
    """

    def upstream(version: str, *others: str) -> Upstream:
        return Upstream(version=version, sockets=("slow", *others), scaled=True)

    with tempfile.TemporaryDirectory(prefix="hybridml-swap-") as folder:
        stage = Stage(directory=Path(folder), servers=ModelServers(Path(folder)))
        stage.write_bootstrap()
        stage.servers.delay[stage.servers.start("slow")] = 1.3 * HEALTH_SECONDS
        stage.configure(Traffic(weights={"3": 100}, groups=(GROUP,)), [upstream("3")])
        files = EnvoyFiles(folder=stage.directory, admin=stage.directory / "admin.sock", timeout=15)
        with stage.running():
            eventually(lambda: stage.stat("cluster.version-3.membership_healthy") == 1)
            url, header = f"http://127.0.0.1:{stage.port}/invocations", stage.signer.header()
            with callers(url, header, ["{}"], each_second=50) as answers:
                for changed in (upstream("3", "a", "b", "c"), upstream("4", "d", "e", "f")):
                    to_it = routes(Traffic(weights={changed.version: 100}, groups=(GROUP,)))
                    files.move(Configuration(clusters=clusters([changed]), routes=to_it))
                    time.sleep(0.3)

    assert tally(answers).keys() == {200}, tally(answers)


@pytest.mark.promise("scaling.max", "scaling.schedules", target="local", by="traffic")
def test_replicas_follow_load_and_time_without_a_lost_request(endpoint: Endpoint) -> None:
    """Out under load, in afterwards, out by a schedule, off at night (503), back in the morning, in under full load."""
    with endpoint.stage.running():
        eventually(lambda: endpoint.serving() == 1)
        steering = threading.Thread(target=endpoint.steer)
        steering.start()
        url, header = f"http://127.0.0.1:{endpoint.stage.port}/invocations", endpoint.stage.signer.header()
        with callers(url, header, ["{}"], each_second=50) as busy:
            out = eventually(lambda: endpoint.serving() == MOST)
            eventually(lambda: len({body for _, _, body, _ in busy}) == MOST)
        with callers(url, header, ["{}"], each_second=8) as calm:
            came = eventually(lambda: endpoint.serving() == 1)
            eventually(lambda: endpoint.phases() == ["running", "paused", "paused"])
            time.sleep(0.5)
            endpoint.moment = MORNING
            eventually(lambda: endpoint.serving() == 2)
            time.sleep(0.5)
        endpoint.moment = NIGHT
        eventually(lambda: endpoint.phases() == ["paused"] * MOST)
        with callers(url, header, ["{}"], each_second=8) as night:
            time.sleep(1.0)
        endpoint.moment = MORNING
        eventually(lambda: endpoint.serving() == 2)
        with callers(url, header, ["{}"], each_second=150) as morning:
            eventually(lambda: endpoint.serving() == MOST)
            endpoint.moment = AFTERNOON
            eventually(lambda: endpoint.phases() == ["running", "paused", "paused"])
        endpoint.ended.set()
        steering.join()

    assert (tally(busy).keys(), tally(calm).keys(), tally(morning).keys()) == ({200}, {200}, {200}), (busy, calm)
    assert tally(night).keys() == {503}
    assert Counter(body for _, _, body, _ in busy).keys() == {"r0", "r1", "r2"}
    sys.stdout.write(f"out {out:.2f} s, in {came:.2f} s, {tally(busy)} {tally(calm)}\n")
