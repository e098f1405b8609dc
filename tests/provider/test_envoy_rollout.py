"""What is read from a real Envoy's statistics: what callers got, each answer once, and how long it took."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from hybridml.provider.envoy_rollout import counts, steady
from hybridml.proxy import Traffic, Upstream
from hybridml.rollout.counts import Counts
from proxy.stage import GROUP, ModelServers, Stage, envoy_binary

pytestmark = pytest.mark.services


def test_callers_are_counted_once_each(tmp_path: Path) -> None:
    """Answers, errors 500, retried 503s, callers who leave and servers that are gone; pings and 400 are no failures."""
    envoy_binary()
    servers = ModelServers(tmp_path)
    stage = Stage(tmp_path, servers)
    servers.start("3")
    stage.write_bootstrap()
    upstreams = [Upstream(version="3", sockets=("3",)), Upstream(version="4", sockets=("gone",))]
    stage.configure(Traffic(weights={"3": 100}, groups=(GROUP,)), upstreams)
    header, admin = stage.signer.header(), tmp_path / "admin.sock"

    def ask(status: int, delay: float, patience: float = 20) -> None:
        servers.status["3"], servers.delay["3"] = status, delay
        try:
            client.post("/invocations", headers=header, content="{}", timeout=patience)
        except httpx.ReadTimeout:
            time.sleep(0.1)

    with stage.running() as client:
        for status in (200, 200, 200, 400, 500, 503):
            ask(status, 0.03)
        ask(200, 0.6, patience=0.2)
        client.get("/ping", headers=header)
        seen = counts(admin, ["3", "4"])
        stage.write_routes(Traffic(weights={"4": 100}, groups=(GROUP,)))
        stage.wait_until("http.endpoint.rds.endpoint.update_success", 2)
        assert client.post("/invocations", headers=header, content="{}").status_code == 503
        gone = counts(admin, ["4"])["4"]

    assert (seen["3"].requests, seen["3"].failures) == (7, 3)
    assert seen["3"].timed >= 6
    assert all(bound >= 30 for bound in seen["3"].latency)
    assert (seen["4"], (gone.requests, gone.failures)) == (Counts(), (1, 1))


def test_without_envoy_nothing_is_measured(tmp_path: Path) -> None:
    """A source that cannot be read says so, rather than that nothing happened."""
    with pytest.raises(OSError):
        counts(tmp_path / "admin.sock", ["3"])
    with pytest.raises(OSError, match="no admin socket"):
        counts(None, ["3"])


def test_failures_do_not_shrink_unless_envoy_began_anew() -> None:
    """What a later reading takes back stays counted; fewer answers than before are a new Envoy's."""
    last = Counts(requests=10, failures=3, latency={1.0: 7})

    assert steady(Counts(requests=11, failures=2, latency={1.0: 9}), last) == Counts(
        requests=12, failures=3, latency={1.0: 9}
    )
    assert steady(Counts(requests=12, failures=4), last) == Counts(requests=12, failures=4)
    assert steady(Counts(requests=2, failures=1), last) == Counts(requests=2, failures=1)
    assert steady(last, None) == last
