"""What the proxy and what capture add to a request, before model servers whose model takes no time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hybridml.jobs.capture import VARIABLE, CaptureSettings
from hybridml.jobs.reading import Reading
from hybridml.proxy import Traffic, Upstream

from benchmarks.asking import RUNS, Caller, at_a_rate, compared, one_after_the_other
from benchmarks.measuring import Limit
from tests.proxy.stage import GROUP, ModelServers, Stage

HOME = Path(__file__).resolve().parents[1]
REQUESTS = 2_000
RATE, SECONDS, CONNECTIONS = 500, 4.0, 8
MOST_ADDED_MS = 1.0
BODY = b'{"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[1.5, 2.5, 3.5, "someone"]]}}'


def routing(environment: Mapping[str, str], scratch: Path) -> Iterator[Limit]:
    """The limits on the route and on capture."""
    yield from _route(environment, scratch)
    yield from _capture(environment, scratch)


def _route(environment: Mapping[str, str], scratch: Path) -> Iterator[Limit]:
    """Straight to the stub's socket, and through Envoy with its token, limits and access log."""
    folder = scratch / "route"
    folder.mkdir()
    stage = Stage(directory=folder, servers=ModelServers(folder))
    stage.write_bootstrap()
    stage.configure(Traffic(weights={"1": 100}, groups=(GROUP,)), [Upstream(version="1", sockets=("stub",))])
    with _stub(["-m", "benchmarks.stub", str(folder / "stub")], environment, folder / "stub"), stage.running():
        direct = Caller(str(folder / "stub"), BODY)
        through = Caller(("127.0.0.1", stage.port), BODY, stage.signer.header(exp=int(time.time()) + 3600))
        ways = [lambda caller=caller: one_after_the_other(caller.ask, REQUESTS) for caller in (direct, through)]
        for name, added, detail in compared(*ways):
            yield added.limit(f"the proxy adds at {name}, ms", MOST_ADDED_MS, detail)


def _capture(environment: Mapping[str, str], scratch: Path) -> Iterator[Limit]:
    """The same server with and without capture, at a constant rate; then every request is looked for on the disk."""
    folder = scratch / "capture"
    folder.mkdir()
    settings = CaptureSettings(
        folder=str(folder / "kept"),
        key=str(folder / "key"),
        replica="1-0",
        version="1",
        revision="1-stub",
        sample=100,
        retention_days=1,
        drop=("a",),
        hash=("d",),
    )
    asked_to_keep = {**environment, VARIABLE: settings.to_json()}
    with _uvicorn(folder / "plain", environment) as plain, _uvicorn(folder / "keeping", asked_to_keep) as keeping:
        ways = [lambda callers=callers: at_a_rate(callers, RATE, SECONDS) for callers in (plain, keeping)]
        found = list(compared(*ways))
    for name, added, detail in found:
        yield added.limit(f"capture adds at {name} and {RATE} requests a second, ms", MOST_ADDED_MS, detail)
    asked = round(RATE * SECONDS) * (1 + RUNS)
    kept = sum(1 for _ in Reading(folder / "kept").records())
    yield Limit(f"requests that capture lost at {RATE} a second", asked - kept, 0, f"{kept} of {asked} kept")


@contextmanager
def _uvicorn(socket: Path, environment: Mapping[str, str]) -> Iterator[list[Caller]]:
    """Callers of a stub that uvicorn runs as it runs model servers; everything is written when it has ended."""
    argv = ["-m", "uvicorn", "--factory", "benchmarks.stub:application", "--uds", str(socket)]
    quiet = ["--log-level", "warning", "--no-access-log"]
    with _stub([*argv, *quiet], environment, socket):
        yield [Caller(str(socket), BODY) for _ in range(CONNECTIONS)]


@contextmanager
def _stub(arguments: list[str], environment: Mapping[str, str], socket: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], cwd=HOME, env={**environment, "PYTHONPATH": str(HOME)})
    try:
        while not socket.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the stub ended with {process.returncode}")
            time.sleep(0.02)
        time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)
