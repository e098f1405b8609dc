"""What the real Envoy does with requests: split, header routes, shadow, retries, and who may call."""

from __future__ import annotations

import math
import stat
import threading
import time
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from hybridml.proxy import VERSION_HEADER, Shadow, Traffic, Upstream
from proxy.stage import GROUP, Signer, Stage

pytestmark = pytest.mark.services


def bounds(requests: int, share: float, sigmas: float = 5) -> tuple[float, float]:
    """Where a binomial count lies but for one case in two million."""
    mean, deviation = requests * share, math.sqrt(requests * share * (1 - share))
    return mean - sigmas * deviation, mean + sigmas * deviation


def test_a_thousand_requests_split_mirror_and_answer(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """1,000 requests: split and shadow sample lie within statistical bounds, every answer is a server's own."""
    stage.configure(traffic, upstreams)
    answers: Counter[str] = Counter()
    with stage.running() as client:
        header = stage.signer.header()
        for _ in range(1_000):
            answer = client.post("/invocations", json={"inputs": [1]}, headers=header)
            assert answer.json() == {"predictions": [f"{answer.headers[VERSION_HEADER]}.sock"]}
            answers[answer.headers[VERSION_HEADER]] += 1
        stage.wait_until("cluster.shadow-4.upstream_rq_total", int(bounds(1_000, 0.2)[0]))
        mirrored = stage.stat("cluster.shadow-4.upstream_rq_total")

    assert answers["3"] + answers["4"] == 1_000
    assert bounds(1_000, 0.1)[0] <= answers["4"] <= bounds(1_000, 0.1)[1]
    assert bounds(1_000, 0.2)[0] <= mirrored <= bounds(1_000, 0.2)[1]


def test_header_route_is_exact(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """Every request with the header goes to its version; a value that only begins alike does not."""
    stage.configure(replace(traffic, weights={"3": 100}), upstreams)
    with stage.running() as client:
        header = stage.signer.header()
        ask = [{"x-cohort": value} for value in ("beta", "beta2", "Beta", "")]
        reached = [
            {client.post("/invocations", json={}, headers=header | extra).headers[VERSION_HEADER] for _ in range(50)}
            for extra in ask
        ]

    assert reached == [{"4"}, {"3"}, {"3"}, {"3"}]


def test_a_failing_shadow_changes_no_answer(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """The shadow answers 500 and late; the callers notice nothing."""
    stage.servers.status["shadow.sock"], stage.servers.delay["shadow.sock"] = 500, 2.0
    stage.configure(replace(traffic, shadow=Shadow(version="4", sample=100)), upstreams)
    with stage.running() as client:
        began = time.monotonic()
        answers = [client.post("/invocations", json={}, headers=stage.signer.header()) for _ in range(20)]
        took = time.monotonic() - began

    assert {answer.status_code for answer in answers} == {200}
    assert took < 2
    assert stage.servers.asked["shadow.sock"] == 20


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"exp": 1}, 401),
        ({"exp": None}, 401),
        ({"aud": "wine"}, 403),
        ({"iss": "somebody"}, 401),
        ({"groups": ["others"]}, 403),
        ({"groups": []}, 403),
        ({"groups": None}, 403),
        ({"groups": f"{GROUP}-not"}, 403),
    ],
)
def test_only_a_good_token_passes(
    stage: Stage, traffic: Traffic, upstreams: list[Upstream], claims: dict[str, object], status: int
) -> None:
    """Expiry, audience, issuer and group each decide by themselves."""
    stage.configure(traffic, upstreams)
    with stage.running() as client:
        answer = client.post("/invocations", json={}, headers=stage.signer.header(**claims))

    assert answer.status_code == status
    assert sum(stage.servers.asked.values()) == (1 if status == 200 else 0) + stage.servers.asked["shadow.sock"]


def test_nothing_else_opens_the_door(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """No token, another key's token, a token in the query or in another scheme: 401 on every path."""
    stage.configure(traffic, upstreams)
    token = stage.signer.token()
    with stage.running() as client:
        refused = [
            client.post("/invocations", json={}),
            client.post("/invocations", json={}, headers=Signer().header()),
            client.post(f"/invocations?access_token={token}", json={}),
            client.post("/invocations", json={}, headers={"Authorization": f"Basic {token}"}),
            client.get("/ping"),
            client.get("/version"),
        ]

    assert [answer.status_code for answer in refused] == [401] * 6
    assert not stage.servers.asked


def test_the_model_never_sees_the_token(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """The authorization header ends at the proxy, and so does any path but the two that are served."""
    stage.configure(traffic, upstreams)
    with stage.running() as client:
        header = stage.signer.header()
        served = [client.post("/invocations", json={}, headers=header), client.get("/ping", headers=header)]
        unknown = client.get("/metrics", headers=header)

    assert [answer.status_code for answer in served] == [200, 200]
    assert unknown.status_code == 403
    assert all("authorization" not in headers for headers in stage.servers.headers)
    assert "deprecated" not in (stage.directory / "envoy.log").read_text().lower()


def test_the_admin_interface_is_the_owners(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """The admin socket has mode 0600, and the log holds no token."""
    stage.configure(traffic, upstreams)
    token = stage.signer.token()
    with stage.running() as client:
        client.post("/invocations", json={}, headers={"Authorization": f"Bearer {token}"})
        mode = stat.S_IMODE((stage.directory / "admin.sock").stat().st_mode)

    log = (stage.directory / "envoy.log").read_text()
    assert mode == 0o600
    assert '"path":"/invocations"' in log
    assert token not in log
    assert token.rsplit(".", 1)[1] not in log


def test_a_dead_replica_loses_no_request(stage: Stage, traffic: Traffic) -> None:
    """With one of two replicas gone, retries on the other answer everything."""
    sockets = (stage.servers.start("a.sock"), stage.servers.start("b.sock"))
    upstream = Upstream(version="3", sockets=sockets)
    stage.configure(replace(traffic, weights={"3": 1}, header_routes=(), shadow=None), [upstream])
    with stage.running() as client:
        stage.servers.stop("b.sock")
        statuses = {client.post("/invocations", json={}, headers=stage.signer.header()).status_code for _ in range(50)}

    assert statuses == {200}


def test_moving_the_split_and_the_servers_loses_no_request(stage: Stage, traffic: Traffic) -> None:
    """Ten times over, a version is added, gets the traffic and the old one goes: every request is answered."""
    single = replace(traffic, header_routes=(), shadow=None)
    stage.configure(replace(single, weights={"0": 1}), [_upstream(stage, 0)])
    answers: list[int] = []
    done = threading.Event()
    with stage.running() as client:
        caller = threading.Thread(target=_call_until, args=(client, stage.signer.header(), done, answers))
        caller.start()
        for step in range(1, 11):
            both = [_upstream(stage, step), Upstream(version=str(step - 1), sockets=(f"{step - 1}.sock",))]
            stage.move(replace(single, weights={str(step): 1}), both)
            time.sleep(0.1)
            stage.servers.stop(f"{step - 1}.sock")
        done.set()
        caller.join(20)

    assert len(answers) > 100
    assert set(answers) == {200}


def _upstream(stage: Stage, step: int) -> Upstream:
    return Upstream(version=str(step), sockets=(stage.servers.start(f"{step}.sock"),))


def _call_until(client: httpx.Client, header: dict[str, str], done: threading.Event, answers: list[int]) -> None:
    while not done.is_set():
        answers.append(client.post("/invocations", json={}, headers=header).status_code)


def test_new_servers_of_a_version_finish_what_the_old_began(stage: Stage, traffic: Traffic) -> None:
    """The sockets of one version change five times while slow requests are on their way: none is cut off."""
    single = replace(traffic, weights={"1": 1}, header_routes=(), shadow=None)
    answers: list[int] = []
    done = threading.Event()
    stage.configure(single, [Upstream(version="1", sockets=(stage.servers.start("0.sock"),))])
    with stage.running() as client:
        callers = [
            threading.Thread(target=_call_until, args=(client, stage.signer.header(), done, answers)) for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for step in range(1, 6):
            stage.servers.delay[f"{step}.sock"] = 0.3
            stage.write_clusters([Upstream(version="1", sockets=(stage.servers.start(f"{step}.sock"),))])
            time.sleep(0.45)
        done.set()
        for caller in callers:
            caller.join(20)

    assert sum(stage.servers.asked.values()) == len(answers)
    assert set(answers) == {200}
