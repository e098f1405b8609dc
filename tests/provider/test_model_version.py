"""`ModelVersion` against a real MLflow server on loopback."""

from __future__ import annotations

import http.server
import importlib.util
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc
import pytest
from hybridml.provider import processes
from hybridml.provider.wire import Secret
from hybridml.spec.digest import digest

from .conftest import Engine

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[str]:
    """The address of an MLflow server, supervised like any other service."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder}/registry.db", "--artifacts-destination", f"{folder}/artifacts"]
    asked = {
        "argv": [*argv, *store],
        "env": {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        "directory": str(folder),
        "port": port,
        "health": {"path": "/health"},
        "stopGrace": "3s",
    }
    state = engine.create("HostService", engine.check("HostService", asked))[1]
    yield str(state["url"])
    processes.stop(folder / str(state["instance"]), 3.0)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "a b.bin").write_bytes(bytes(range(256)))
    return folder


def asked(registry: str, artifact: Path, model: str, **more: Any) -> dict[str, Any]:
    return {
        "trackingUri": registry,
        "model": model,
        "version": "3",
        "source": str(artifact),
        "sha256": digest(artifact),
        "card": "# Churn\nPredicts who leaves.",
        "signature": '{"inputs": "[]"}',
        "lineage": {"git": "abc123", "data": "dvc:1"},
        "tags": {"owner": "team-growth"},
        "aliases": ["champion"],
        **more,
    }


def api(registry: str, path: str) -> dict[str, Any]:
    with urlopen(f"{registry}/api/2.0/mlflow/{path}") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def versions(registry: str, model: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api(registry, f"model-versions/search?filter=name%3D%27{model}%27").get(
        "model_versions", []
    )
    return found


def champion(registry: str, model: str) -> str:
    found = api(registry, f"registered-models/alias?name={model}&alias=champion")
    return str(found["model_version"]["version"])


def files_of(registry: str, entry: dict[str, Any]) -> list[str]:
    """What the copy of an entry holds, as the server lists it."""
    path = entry["source"].removeprefix("mlflow-artifacts:/").lstrip("/")
    with urlopen(f"{registry}/api/2.0/mlflow-artifacts/artifacts?path={path}") as answer:
        return [f"model/{file['path']}" for file in json.load(answer).get("files", [])]


def runs(entries: dict[str, dict[str, Any]]) -> list[str]:
    return [entry["run_id"] for entry in entries.values()]


def post(registry: str, path: str, body: dict[str, str]) -> None:
    request = Request(f"{registry}/api/2.0/mlflow/{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    urlopen(request).close()


def test_a_version_is_registered_with_all_that_is_known(engine: Engine, registry: str, artifact: Path) -> None:
    """Digest, signature, card, lineage, tags and alias are in the registry, and the bytes behind its address."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "churn"))
    identity, state = engine.create("ModelVersion", inputs)

    entry = api(registry, "registered-models/alias?name=churn&alias=champion")["model_version"]
    tags = {tag["key"]: tag["value"] for tag in entry["tags"]}
    assert (identity, state["registryVersion"]) == ("churn/1", "1")
    assert tags == {
        "hybridml.version": "3",
        "hybridml.sha256": digest(artifact),
        "hybridml.signature": '{"inputs": "[]"}',
        "hybridml.lineage.git": "abc123",
        "hybridml.lineage.data": "dvc:1",
        "owner": "team-growth",
    }
    assert entry["description"] == "# Churn\nPredicts who leaves."
    path = entry["source"].removeprefix("mlflow-artifacts:/")
    with urlopen(f"{registry}/api/2.0/mlflow-artifacts/artifacts/{path}/data/a%20b.bin") as answer:
        assert answer.read() == bytes(range(256))


def test_a_repeated_run_adds_nothing(engine: Engine, registry: str, artifact: Path) -> None:
    """Creating twice finds the entry by version and digest."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "again"))

    assert engine.create("ModelVersion", inputs) == engine.create("ModelVersion", inputs)
    assert len(versions(registry, "again")) == 1


def test_bytes_are_uploaded_once(engine: Engine, registry: str, artifact: Path) -> None:
    """An entry that somebody deleted is made again of the copy that is there."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "once"))
    engine.create("ModelVersion", inputs)
    (before,) = versions(registry, "once")
    request = Request(f"{registry}/api/2.0/mlflow/model-versions/delete", b'{"name": "once", "version": "1"}')
    request.method = "DELETE"
    request.add_header("Content-Type", "application/json")
    urlopen(request).close()

    engine.create("ModelVersion", inputs)

    (after,) = versions(registry, "once")
    assert (after["source"], after["run_id"]) == (before["source"], before["run_id"])


def test_card_tags_and_aliases_change_in_place(engine: Engine, registry: str, artifact: Path) -> None:
    """An update rewrites what changed and removes what is no longer asked for; the number stays."""
    old = engine.check("ModelVersion", asked(registry, artifact, "inplace"))
    _, state = engine.create("ModelVersion", old)
    new = engine.check(
        "ModelVersion", asked(registry, artifact, "inplace", card="new", tags={"tier": "1"}, aliases=["challenger"])
    )

    changes = engine.diff("ModelVersion", state, old, new)
    assert (sorted(changes.diffs), list(changes.replaces)) == (["aliases", "card", "tags"], [])
    assert engine.update("ModelVersion", state, new, preview=True)["registryVersion"] == "1"
    engine.update("ModelVersion", state, new)

    entry = api(registry, "registered-models/alias?name=inplace&alias=challenger")["model_version"]
    tags = {tag["key"] for tag in entry["tags"] if not tag["key"].startswith("hybridml.")}
    assert (entry["version"], entry["description"], tags) == ("1", "new", {"tier"})
    model = api(registry, "registered-models/get?name=inplace")["registered_model"]
    assert [pair["alias"] for pair in model["aliases"]] == ["challenger"]


def test_other_bytes_are_another_version(engine: Engine, registry: str, artifact: Path) -> None:
    """A changed artifact is registered beside the old one, which goes after; the model goes with its last entry."""
    old = engine.check("ModelVersion", asked(registry, artifact, "bytes"))
    _, state = engine.create("ModelVersion", old)
    (artifact / "MLmodel").write_text("flavors: {python_function: {}}\n")
    new = engine.check("ModelVersion", asked(registry, artifact, "bytes"))

    changes = engine.diff("ModelVersion", state, old, new)
    assert (list(changes.replaces), changes.deleteBeforeReplace) == (["sha256"], False)
    _, after = engine.create("ModelVersion", new)
    assert champion(registry, "bytes") == after["registryVersion"]
    engine.delete("ModelVersion", state)
    assert engine.read("ModelVersion", state, old) is None
    assert champion(registry, "bytes") == after["registryVersion"]
    assert len(versions(registry, "bytes")) == 1
    engine.delete("ModelVersion", after)
    engine.delete("ModelVersion", after)
    models = api(registry, "registered-models/search")["registered_models"]
    assert "bytes" not in [model["name"] for model in models]


def test_the_same_bytes_from_elsewhere_replace_the_entry(engine: Engine, registry: str, artifact: Path) -> None:
    """An entry is found by version and digest, so the one from the old address goes first."""
    old = engine.check("ModelVersion", asked(registry, artifact, "moved"))
    new = engine.check("ModelVersion", asked(registry, artifact, "moved", source=str(artifact.parent / "copy")))
    state = {**old, "registryVersion": "1"}

    changes = engine.diff("ModelVersion", state, old, new)

    assert (list(changes.replaces), changes.deleteBeforeReplace) == (["source"], True)


def test_deleting_takes_the_copy_and_its_run_along(engine: Engine, registry: str, artifact: Path) -> None:
    """The uploaded bytes and their run go with the entry; those of another version stay; deleting twice is fine."""
    kept = engine.create("ModelVersion", engine.check("ModelVersion", asked(registry, artifact, "copied")))[1]
    inputs = engine.check("ModelVersion", asked(registry, artifact, "copied", version="4", aliases=["challenger"]))
    state = engine.create("ModelVersion", inputs)[1]
    entries = {entry["version"]: entry for entry in versions(registry, "copied")}
    gone, there = entries[state["registryVersion"]], entries[kept["registryVersion"]]

    engine.delete("ModelVersion", state)
    engine.delete("ModelVersion", state)

    assert files_of(registry, gone) == [] and files_of(registry, there) == ["model/MLmodel", "model/data"]
    stages = {run: api(registry, f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] for run in runs(entries)}
    assert stages == {gone["run_id"]: "deleted", there["run_id"]: "active"}
    again = engine.create("ModelVersion", inputs)[1]
    (entry,) = (each for each in versions(registry, "copied") if each["version"] == again["registryVersion"])
    assert files_of(registry, entry) == ["model/MLmodel", "model/data"]


def test_an_entry_whose_run_is_somebody_elses_keeps_it(engine: Engine, registry: str, artifact: Path) -> None:
    """A run that does not carry our marks is not deleted with the entry."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "foreign"))
    state = engine.create("ModelVersion", inputs)[1]
    (entry,) = versions(registry, "foreign")
    post(registry, "runs/set-tag", {"run_id": entry["run_id"], "key": "hybridml.model", "value": "other"})

    engine.delete("ModelVersion", state)

    assert versions(registry, "foreign") == []
    assert files_of(registry, entry) == ["model/MLmodel", "model/data"]


def test_aliases_follow_who_is_in_charge(engine: Engine, registry: str, artifact: Path) -> None:
    """When challenger becomes champion, the alias moves, and the old champion's is not taken away from the new one."""
    three = engine.check("ModelVersion", asked(registry, artifact, "roles"))
    four = engine.check("ModelVersion", asked(registry, artifact, "roles", version="4", aliases=["challenger"]))
    first, second = engine.create("ModelVersion", three)[1], engine.create("ModelVersion", four)[1]

    promoted = engine.check("ModelVersion", asked(registry, artifact, "roles", version="4", aliases=["champion"]))
    engine.update("ModelVersion", second, promoted)
    retired = engine.check("ModelVersion", asked(registry, artifact, "roles", aliases=[]))
    engine.update("ModelVersion", first, retired)

    model = api(registry, "registered-models/get?name=roles")["registered_model"]
    assert [(pair["alias"], pair["version"]) for pair in model["aliases"]] == [("champion", second["registryVersion"])]


def test_a_corrupted_artifact_is_not_registered(engine: Engine, registry: str, artifact: Path) -> None:
    """The digest is verified before anything is uploaded."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "corrupt"))
    (artifact / "MLmodel").write_text("tampered")

    with pytest.raises(grpc.RpcError, match="it is not registered"):
        engine.create("ModelVersion", inputs)
    assert versions(registry, "corrupt") == []


def test_a_remote_artifact_is_registered_where_it_is(engine: Engine, registry: str, artifact: Path) -> None:
    """An address is the entry's source; nothing is copied."""
    inputs = engine.check("ModelVersion", asked(registry, artifact, "remote", source="s3://models/churn/3/"))
    engine.create("ModelVersion", inputs)

    assert [entry["source"] for entry in versions(registry, "remote")] == ["s3://models/churn/3/"]


def test_without_a_registry_one_message_says_so(engine: Engine, artifact: Path) -> None:
    """Nobody listens: create says where it asked, delete and read of a local registry let it pass."""
    inputs = engine.check("ModelVersion", asked("http://127.0.0.1:1", artifact, "churn"))

    with pytest.raises(grpc.RpcError, match=r"no MLflow server answers at http://127\.0\.0\.1:1"):
        engine.create("ModelVersion", inputs)
    state = {**inputs, "registryVersion": "1"}
    engine.delete("ModelVersion", state)
    assert engine.read("ModelVersion", state, inputs) is not None


def test_addresses_and_tags_are_checked(engine: Engine, artifact: Path) -> None:
    """Plain HTTP stays on this machine, passwords stay out of addresses, and our own tags are ours."""
    bad = {"model": "a/b", "tags": {"hybridml.version": "9"}, "sha256": "x"}
    failures = engine.failures("ModelVersion", asked("http://registry.example.com", artifact, "m") | bad)
    assert failures == {
        "trackingUri": "must be https:// beyond this machine",
        "model": "must be a name without slash, colon, dot or space, not 'a/b'",
        "sha256": "must be 64 lower-case hexadecimal digits, not 'x'",
        'tags["hybridml.version"]': "must not begin with `hybridml.`: those tags are set here",
    }
    failures = engine.failures("ModelVersion", asked("https://me:pw@registry.example.com", artifact, "m"))
    assert failures == {"trackingUri": "must be an http:// or https:// address without a password"}


def test_a_secret_tag_stays_secret(engine: Engine, artifact: Path) -> None:
    """The registry's number is public even when a tag is secret."""
    inputs = engine.check("ModelVersion", asked("http://127.0.0.1:1", artifact, "m", tags={"t": Secret("hush")}))
    _, state = engine.create("ModelVersion", inputs, preview=True)

    assert state["tags"] == {"t": Secret("hush")}
    assert not isinstance(state["registryVersion"], Secret)


@pytest.mark.parametrize("status", [200, 404])
def test_a_stranger_on_the_registrys_port_is_no_registry(engine: Engine, artifact: Path, status: int) -> None:
    """Another program answers there since a reboot: create says so, delete and read of a local registry let it pass."""

    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def do_POST(self) -> None:
            self.do_GET()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        inputs = engine.check("ModelVersion", asked(f"http://127.0.0.1:{server.server_port}", artifact, "churn"))
        with pytest.raises(grpc.RpcError, match=r"no MLflow server answers at .*: what does is none"):
            engine.create("ModelVersion", inputs)
        state = {**inputs, "registryVersion": "1"}
        engine.delete("ModelVersion", state)
        assert engine.read("ModelVersion", state, inputs) is not None
        assert list(engine.diff("ModelVersion", state, inputs, inputs).diffs) == []
        server.shutdown()


@pytest.mark.parametrize("address", ["http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:abc"])
def test_an_address_that_is_none_is_refused(engine: Engine, artifact: Path, address: str) -> None:
    """Brackets that do not close and ports that cannot be are named before anything is asked."""
    failures = engine.failures("ModelVersion", asked(address, artifact, "m"))
    assert failures == {"trackingUri": "must be an address with a host and, where it has one, a port below 65536"}
