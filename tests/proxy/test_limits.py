"""What the real Envoy does at its limits: size, methods, load, servers that fail, and what callers may not pretend."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from hybridml.proxy import Shadow, Traffic, Upstream
from hybridml.proxy.bootstrap import CLOCK_SKEW_SECONDS, MAX_BUFFER
from hybridml.proxy.clusters import MAX_CONNECTIONS
from proxy.stage import Stage

pytestmark = pytest.mark.services


def test_a_body_has_a_largest_size(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """At the limit it is answered, beyond it 413; without a token 401, whatever the size."""
    stage.configure(replace(traffic, shadow=None), upstreams)
    with stage.running() as client:
        header = stage.signer.header()
        statuses = [
            client.post("/invocations", content=b"x" * (MAX_BUFFER + more), headers=sent).status_code
            for more, sent in ((0, header), (1, header), (1, {}))
        ]

    assert statuses == [200, 413, 401]
    assert stage.servers.asked.total() == 1


def test_other_methods_reach_no_model(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """405 with the method that is allowed; for the ping as well; 401 for whoever has no token."""
    stage.configure(traffic, upstreams)
    with stage.running() as client:
        header = stage.signer.header()
        refused = [
            client.request(method, "/invocations", headers=header)
            for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
        ]
        posted = client.post("/ping", headers=header)
        pinged = client.get("/ping", headers=header)
        unknown = client.delete("/invocations")

    assert [(each.status_code, each.headers["allow"]) for each in refused] == [(405, "POST")] * 7
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")
    assert (pinged.status_code, unknown.status_code) == (200, 401)
    assert stage.servers.asked.total() == 1


def test_more_than_a_server_can_take_is_refused_at_once(stage: Stage, traffic: Traffic) -> None:
    """A slow model: what runs and what may wait is answered, the rest gets 503 long before."""
    slow, beyond = 1.0, 40
    stage.servers.delay["3.sock"] = slow
    only = Upstream(version="3", sockets=(stage.servers.start("3.sock"),))
    stage.configure(Traffic(weights={"3": 100}, groups=traffic.groups), [only])
    with stage.running():
        answers = asyncio.run(_all_at_once(stage, 2 * MAX_CONNECTIONS + beyond))
        overflown = stage.stat("cluster.version-3.upstream_rq_pending_overflow")

    took = {status: [seconds for each, seconds in answers if each == status] for status in (200, 503)}
    assert len(took[200]) + len(took[503]) == len(answers)
    assert MAX_CONNECTIONS <= len(took[200]) <= 2 * MAX_CONNECTIONS
    assert overflown == len(took[503])
    assert max(took[503]) < slow


async def _all_at_once(stage: Stage, count: int) -> list[tuple[int, float]]:
    """Status and seconds of `count` requests, each on a connection of its own, all of them sent before any answer."""
    token = stage.signer.header()["Authorization"]
    request = f"POST /invocations HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-length: 0\r\n\r\n".encode()
    streams = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(count)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, float]:
        began = time.monotonic()
        writer.write(request)
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status, time.monotonic() - began

    return await asyncio.gather(*(ask(*stream) for stream in streams))


def _two(stage: Stage, traffic: Traffic) -> Upstream:
    """One version with two servers, configured and all the traffic its own."""
    both = Upstream(version="3", sockets=(stage.servers.start("good.sock"), stage.servers.start("bad.sock")))
    stage.configure(Traffic(weights={"3": 100}, groups=traffic.groups), [both])
    return both


def test_a_server_that_is_not_ready_is_left_out_and_comes_back(stage: Stage, traffic: Traffic) -> None:
    """Answers 503 again and again: ejected for a while, every caller is answered by the other; healed: asked again."""
    _two(stage, traffic)
    stage.servers.status["bad.sock"] = 503
    with stage.running() as client:
        header = stage.signer.header()
        first = Counter(client.post("/invocations", headers=header).status_code for _ in range(60))
        stage.wait_until("cluster.version-3.outlier_detection.ejections_active", 1)
        before = stage.servers.asked["bad.sock"]
        second = Counter(client.post("/invocations", headers=header).status_code for _ in range(60))
        meanwhile = stage.servers.asked["bad.sock"] - before
        stage.servers.status["bad.sock"] = 200
        _until_asked(stage, client, header, "bad.sock")

    assert (first, second, meanwhile) == ({200: 60}, {200: 60}, 0)


def _until_asked(stage: Stage, client: httpx.Client, header: dict[str, str], server: str) -> None:
    before, deadline = stage.servers.asked[server], time.monotonic() + 20
    while stage.servers.asked[server] == before:
        assert time.monotonic() < deadline, f"{server} was never asked again"
        assert client.post("/invocations", headers=header).status_code == 200
        time.sleep(0.05)


def test_a_model_that_fails_is_not_left_out(stage: Stage, traffic: Traffic) -> None:
    """500 is the model's own and would be the same elsewhere: it is passed on, not retried, and ejects nobody."""
    _two(stage, traffic)
    stage.servers.status["bad.sock"] = stage.servers.status["good.sock"] = 500
    with stage.running() as client:
        header = stage.signer.header()
        answers = Counter(client.post("/invocations", headers=header).status_code for _ in range(60))
        ejected = stage.stat("cluster.version-3.outlier_detection.ejections_enforced_total")

    assert (answers, ejected, stage.servers.asked.total()) == ({500: 60}, 0, 60)


def test_a_token_that_ended_is_accepted_for_a_moment_only(
    stage: Stage, traffic: Traffic, upstreams: list[Upstream]
) -> None:
    """A clock may be off by seconds, not by a minute."""
    stage.configure(traffic, upstreams)
    with stage.running() as client:
        now = int(time.time())
        ends = (now - CLOCK_SKEW_SECONDS + 3, now - CLOCK_SKEW_SECONDS - 2)
        statuses = [client.post("/invocations", headers=stage.signer.header(exp=end)).status_code for end in ends]

    assert statuses == [200, 401]


def test_no_caller_can_pretend(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """Host and route are the proxy's word: a copy is known by its host, and has the id of the request it copies."""
    stage.configure(replace(traffic, shadow=Shadow(version="4", sample=100)), upstreams)
    pretended = {"host": "x-shadow", "x-hybridml-route": "header", "x-request-id": "mine"}
    with stage.running() as client:
        header = stage.signer.header()
        for extra in ({}, {"x-cohort": "beta"}):
            assert client.post("/invocations", headers=header | pretended | extra).status_code == 200
        stage.wait_until("cluster.shadow-4.upstream_rq_completed", 2)

    seen = [(each["host"], each["x-hybridml-route"]) for each in stage.servers.headers]
    assert Counter(seen) == {
        ("model", "split"): 1,
        ("model-shadow", "split"): 1,
        ("model", "header"): 1,
        ("model-shadow", "header"): 1,
    }
    ids = Counter(each["x-request-id"] for each in stage.servers.headers)
    assert list(ids.values()) == [2, 2]
    assert "mine" not in ids


def test_every_request_leaves_a_line_without_a_secret(
    stage: Stage, traffic: Traffic, upstreams: list[Upstream]
) -> None:
    """The access log says who asked, which version answered and how long it took; no token, no query, no body."""
    stage.configure(replace(traffic, weights={"3": 100}), upstreams)
    with stage.running() as client:
        header = stage.signer.header()
        client.post("/invocations?secret=planted", content=b"planted", headers=header)
        client.post("/invocations", content=b"planted")

    log = (stage.directory / "envoy.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert "planted" not in log
    assert header["Authorization"].split()[1] not in log
    assert [(line["status"], line["subject"], line["cluster"]) for line in lines] == [
        (200, "someone", "version-3"),
        (401, None, "version-3"),
    ]
    assert {(line["method"], line["path"]) for line in lines} == {("POST", "/invocations")}
