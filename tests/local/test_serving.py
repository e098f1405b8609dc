"""The local stack for real: trained, brought up, asked, updated under load, taken away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.errors import HybridMLError
from hybridml.spec.digest import digest
from local.served import STACK, Served, bounds, callers, free_ports, needs_the_local_extra, processes_of, rows, tally

pytestmark = pytest.mark.services

_FILES = ("infra/endpoints/churn.yaml", f"stacks/Pulumi.{STACK}.yaml")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A copy of the project, trained and up; whatever a test did to it, it is taken away at the end."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.copied(Path(folder).resolve())
        copy.train()
        try:
            copy.up()
            yield copy
        finally:
            copy.destroy()


@pytest.fixture(scope="module")
def patients() -> Any:
    """The data set behind `churn`."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(as_frame=True).data


@pytest.mark.promise("mode=realtime", "runtime.kind=mlflow", target="local", by="traffic")
def test_each_answer_is_the_models_own_prediction(served: Served, patients: Any) -> None:
    """Every row of the data set, asked one by one, gets what the version that answered predicts by itself."""
    own = {version: served.model("churn", version).predict(patients).tolist() for version in ("3", "4")}
    header = served.header("churn")

    with httpx.Client(trust_env=False) as client:
        for index, body in enumerate(rows(patients)[:200]):
            answer = client.post(served.url("churn"), content=body, headers=header)
            assert answer.status_code == 200, answer.text
            assert answer.json()["predictions"] == [own[answer.headers["x-hybridml-version"]][index]]


def test_the_multi_class_model_answers_too(served: Served) -> None:
    """Wine answers with the three classes of its own model."""
    from sklearn.datasets import load_wine

    data = load_wine(as_frame=True).data
    body = json.dumps({"dataframe_split": data.to_dict(orient="split")})

    answer = httpx.post(served.url("wine"), content=body, headers=served.header("wine"), trust_env=False)

    assert answer.json()["predictions"] == served.model("wine", "1").predict(data).tolist()
    assert set(answer.json()["predictions"]) == {0, 1, 2}


def test_the_example_of_the_export_is_answered(served: Served) -> None:
    """The request that is exported beside the URL works as it is."""
    body = Path(served.outputs["churn"]["example"]).read_text()

    answer = httpx.post(served.url("churn"), content=body, headers=served.header("churn"), trust_env=False)

    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == 2


@pytest.mark.promise("traffic.challenger", "traffic.shadow", target="local", by="traffic")
def test_a_thousand_requests_split_as_the_weights_say(served: Served, patients: Any) -> None:
    """1,000 requests from one client: split and shadow within statistical bounds, no answer but the model's own."""
    own = {version: served.model("churn", version).predict(patients).tolist() for version in ("3", "4")}
    header, bodies = served.header("churn"), rows(patients)
    before = served.stat("churn", r"cluster\.shadow-4-\w+\.upstream_rq_total")
    answers: Counter[str] = Counter()

    with httpx.Client(trust_env=False) as client:
        for each in range(1_000):
            answer = client.post(served.url("churn"), content=bodies[each % len(bodies)], headers=header)
            version = answer.headers["x-hybridml-version"]
            assert answer.json()["predictions"] == [own[version][each % len(bodies)]]
            answers[version] += 1
    time.sleep(1)
    mirrored = served.stat("churn", r"cluster\.shadow-4-\w+\.upstream_rq_total") - before

    low, high = bounds(1_000, 0.1)
    assert answers["3"] + answers["4"] == 1_000
    assert low <= answers["4"] <= high
    low, high = bounds(1_000, 0.2)
    assert low <= mirrored <= high


@pytest.mark.promise("traffic.routes", target="local", by="traffic")
def test_the_header_route_is_exact(served: Served, patients: Any) -> None:
    """All of a hundred requests of the cohort reach version 4."""
    header = served.header("churn") | {"x-cohort": "beta"}
    with httpx.Client(trust_env=False) as client:
        reached = {
            client.post(served.url("churn"), content=body, headers=header).headers["x-hybridml-version"]
            for body in rows(patients)[:100]
        }

    assert reached == {"4"}


@pytest.mark.promise("access.invokers", target="local", by="traffic")
def test_only_members_of_the_group_may_call(served: Served) -> None:
    """No token, the token of another endpoint, the token of another group: refused."""
    body = Path(served.outputs["churn"]["example"]).read_text()
    headers = [{}, served.header("wine"), served.header("churn", group="somebody-else")]

    statuses = [
        httpx.post(served.url("churn"), content=body, headers=header, trust_env=False).status_code for header in headers
    ]

    assert statuses == [401, 403, 403]


def test_the_registry_knows_what_is_served(served: Served) -> None:
    """Each served version is registered with its digest, and the champion has its alias."""
    registry = served.outputs["churn"]["registry"]

    found = httpx.get(
        f"{registry}/api/2.0/mlflow/model-versions/search", params={"filter": "name='churn'"}, trust_env=False
    ).json()["model_versions"]

    tags = [{tag["key"]: tag["value"] for tag in version["tags"]} for version in found]
    assert sorted(tag["hybridml.version"] for tag in tags) == ["3", "4"]
    assert all(len(tag["hybridml.sha256"]) == 64 for tag in tags)


def test_nobody_else_can_read_the_state(served: Served) -> None:
    """The state folder is its owner's alone, the private key has mode 0600, and sockets lie inside."""
    state = served.root / ".hybridml" / STACK
    key = Path(served.outputs["churn"]["authentication"]["key"])

    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert all(path.is_relative_to(state) for path in state.rglob("*") if path.is_socket())


def test_only_ports_of_the_stack_are_open_and_only_on_loopback(served: Served) -> None:
    """Whoever listens for this stack listens on 127.0.0.1."""
    ports = {int(served.url(name).split(":")[2].split("/")[0]) for name in served.outputs}
    ports.add(int(served.outputs["churn"]["registry"].rsplit(":", 1)[1]))

    listening = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = {
        (address, int(port, 16))
        for (local, _, state) in listening
        if state == "0A"
        for address, port in [local.split(":")]
    }

    assert {(address, port) for address, port in found if port in ports} == {("0100007F", port) for port in ports}


def test_a_model_server_that_is_killed_comes_back(served: Served) -> None:
    """The server of wine is killed; its supervisor starts it again, and the endpoint answers without any command."""
    body, header = Path(served.outputs["wine"]["example"]).read_text(), served.header("wine")
    (victim,) = (
        pid for pid, command in processes_of(served.root).items() if "uvicorn" in command and "wine-1-0" in command
    )

    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        answer = httpx.post(served.url("wine"), content=body, headers=header, trust_env=False, timeout=90)
        if answer.status_code == 200:
            break
        time.sleep(0.5)

    assert answer.status_code == 200
    assert victim not in processes_of(served.root)


def test_a_second_up_changes_nothing(served: Served) -> None:
    """Nothing was changed, so nothing happens."""
    changes = dict(served.up().changes)

    assert {kind: count for kind, count in changes.items() if kind != "same" and count} == {}


def test_an_update_under_load_loses_no_request(served: Served, patients: Any) -> None:
    """Version 4 takes over from 3 under 50 requests a second: every one is answered, rightly, and 3 is gone."""
    own = {version: served.model("churn", version).predict(patients).tolist() for version in ("3", "4")}

    def promote(endpoint: dict[str, Any]) -> None:
        endpoint["traffic"] = {"champion": {"version": "4", "weight": 100}}

    with callers(served.url("churn"), served.header("churn"), rows(patients)) as answers:
        time.sleep(2)
        served.edit("infra/endpoints/churn.yaml", promote)
        served.up()
        after = len(answers)
        time.sleep(2)

    assert tally(answers) == {200: len(answers)}
    assert len(answers) >= 4 * 50
    assert all(json.loads(body)["predictions"] == [own[version][index]] for _, version, body, index in answers)
    assert "3" in {version for _, version, _, _ in answers[:50]}
    assert {version for _, version, _, _ in answers[after + 20 :]} == {"4"}
    assert not [command for command in processes_of(served.root).values() if "churn-3-0" in command]
    assert [command for command in processes_of(served.root).values() if "churn-4-0" in command]


def test_new_bytes_of_a_version_are_served_without_a_gap(served: Served, patients: Any) -> None:
    """The artifact of a served version changes under load: new servers come before the old ones go."""

    def retrained(digests: dict[str, Any]) -> None:
        digests["churn"]["4"]["sha256"] = digest(served.root / ".hybridml/models/churn/4")

    before = set(_instances(served))
    with callers(served.url("churn"), served.header("churn"), rows(patients)) as answers:
        time.sleep(1)
        with (served.root / ".hybridml/models/churn/4/requirements.txt").open("a") as file:
            file.write("# trained again\n")
        served.edit(".hybridml/digests.yaml", retrained)
        served.up()
        time.sleep(1)

    assert tally(answers) == {200: len(answers)}
    assert before.isdisjoint(_instances(served))


def test_a_corrupted_artifact_is_refused_and_serving_goes_on(served: Served, patients: Any) -> None:
    """Bytes that do not have their digest end the run with one message; whoever was served is served."""
    file = served.root / ".hybridml/models/churn/4/requirements.txt"
    good = file.read_text()
    stored = Path(served.outputs["churn"]["versions"]["4"])

    def forget(digests: dict[str, Any]) -> None:
        digests["churn"]["4"]["sha256"] = "0" * 64

    kept = (served.root / ".hybridml/digests.yaml").read_text()
    with callers(served.url("churn"), served.header("churn"), rows(patients)) as answers:
        served.edit(".hybridml/digests.yaml", forget)
        with pytest.raises(HybridMLError, match="0000000000"):
            served.up()
        time.sleep(1)
    (served.root / ".hybridml/digests.yaml").write_text(kept)

    assert tally(answers) == {200: len(answers)}
    assert (stored / "requirements.txt").read_text() == good
    served.up()


def test_a_port_that_is_taken_is_named_and_serving_goes_on(served: Served) -> None:
    """Another program's port ends the run with a message that names it; who called the old port is answered."""
    body = Path(served.outputs["wine"]["example"]).read_text()
    kept = (served.root / f"stacks/Pulumi.{STACK}.yaml").read_text()
    (port,) = free_ports(1)

    def move(stack: dict[str, Any]) -> None:
        stack["config"]["hybridml:endpoints"]["wine"]["port"] = port

    with socket.socket() as other, callers(served.url("wine"), served.header("wine"), [body]) as answers:
        other.bind(("127.0.0.1", port))
        other.listen()
        served.edit(f"stacks/Pulumi.{STACK}.yaml", move)
        with pytest.raises(HybridMLError, match=str(port)):
            served.up()
    (served.root / f"stacks/Pulumi.{STACK}.yaml").write_text(kept)
    served.up()

    assert tally(answers) == {200: len(answers)}


def test_a_model_that_cannot_be_loaded_is_named_and_serving_goes_on(served: Served, patients: Any) -> None:
    """A version whose server never becomes healthy ends the run with its log; the version before it goes on."""
    models = served.root / ".hybridml/models/churn"
    shutil.copytree(models / "4", models / "6")
    (models / "6" / "model.skops").write_bytes(b"not a model")
    kept = {name: (served.root / name).read_text() for name in _FILES}

    def add(endpoint: dict[str, Any]) -> None:
        endpoint["versions"]["6"] = {"artifact": {"uri": ".hybridml/models/churn/6", "sha256": digest(models / "6")}}
        endpoint["traffic"] = {"champion": {"version": "6", "weight": 100}}

    with callers(served.url("churn"), served.header("churn"), rows(patients)) as answers:
        served.edit("infra/endpoints/churn.yaml", add)
        with pytest.raises(HybridMLError, match="churn-6-0"):
            served.up()
    for name, text in kept.items():
        (served.root / name).write_text(text)
    served.up()

    assert tally(answers) == {200: len(answers)}
    assert not [command for command in processes_of(served.root).values() if "churn-6-0" in command]


def test_destroy_leaves_no_process_and_no_port() -> None:
    """After destroy nothing runs, nothing listens, and the project holds what it held before."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        copy = Served.copied(Path(folder).resolve())
        copy.train()
        before = {
            path for path in copy.root.rglob("*") if ".hybridml" not in path.parts and "__pycache__" not in path.parts
        }
        copy.up()
        ports = [int(copy.url(name).split(":")[2].split("/")[0]) for name in copy.outputs]
        copy.destroy()

        after = {
            path for path in copy.root.rglob("*") if ".hybridml" not in path.parts and "__pycache__" not in path.parts
        }
        assert processes_of(copy.root) == {}
        assert all(_refused(port) for port in ports)
        assert after == before
        assert not list((copy.root / ".hybridml" / STACK / "artifacts").rglob("model.skops"))


def _instances(served: Served) -> list[str]:
    """Folders of the running model servers of version 4."""
    return [path.parent.name for path in (served.root / ".hybridml" / STACK / "run" / "churn").glob("churn-4-*/socket")]


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
