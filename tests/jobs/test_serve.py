"""The model server answers as MLflow's does, but for a model's failure."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.jobs import pausing, serve
from jobs.models import Caller, save_telltale

pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'hybridml[local]'")

JSON = "application/json"
SAME: dict[str, tuple[bytes, str]] = {
    "split": (b'{"dataframe_split": {"columns": ["number", "name"], "data": [[1, "a"], [2, "b"]]}}', JSON),
    "records": (b'{"dataframe_records": [{"number": 1, "name": "a"}]}', JSON),
    "instances": (b'{"instances": [{"number": 1, "name": "a"}]}', JSON),
    "inputs": (b'{"inputs": {"number": [1], "name": ["a"]}}', JSON),
    "csv": (b"number,name\n1.0,a\n", "text/csv"),
    "charset": (b'{"instances": [{"number": 1, "name": "a"}]}', f"{JSON}; charset=utf-8"),
    "not a number": (b'{"instances": [{"number": NaN, "name": "a"}]}', JSON),
    "other charset": (b"{}", f"{JSON}; charset=latin-1"),
    "other parameter": (b"{}", f"{JSON}; version=2"),
    "other type": (b"{}", "text/plain"),
    "missing column": (b'{"dataframe_split": {"columns": ["name"], "data": [["a"]]}}', JSON),
    "wrong type": (b'{"dataframe_split": {"columns": ["number", "name"], "data": [["x", "a"]]}}', JSON),
    "two forms": (b'{"instances": [], "inputs": []}', JSON),
    "no form": (b'{"rows": []}', JSON),
    "a list": (b"[1, 2]", JSON),
    "the model's own word": (b'{"instances": [{"number": -2, "name": "a"}]}', JSON),
}
"""Requests that MLflow's own application answers without a traceback."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_telltale(tmp_path_factory.mktemp("models") / "telltale")


@pytest.fixture(scope="module")
def ours(model: Path) -> Caller:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(serve.MODEL_PATH, str(model))
        return Caller(serve.application())


@pytest.fixture(scope="module")
def theirs(model: Path) -> Caller:
    from mlflow.pyfunc import load_model, scoring_server

    return Caller(scoring_server.init(load_model(str(model))))


def ask(server: Caller, body: bytes, content_type: str = JSON) -> httpx.Response:
    return server.request("POST", "/invocations", content=body, headers={"content-type": content_type})


def number(value: Any) -> bytes:
    return json.dumps({"instances": [{"number": value, "name": "a"}]}).encode()


@pytest.mark.parametrize("case", SAME)
def test_answers_are_those_of_mlflow(case: str, ours: Caller, theirs: Caller) -> None:
    """Status, body and headers are MLflow's own, byte for byte."""
    mine, other = ask(ours, *SAME[case]), ask(theirs, *SAME[case])

    assert (mine.status_code, mine.content) == (other.status_code, other.content)
    assert dict(mine.headers) == dict(other.headers)


@pytest.mark.parametrize(
    "asked", ["GET /ping", "GET /health", "GET /version", "GET /x", "GET /invocations", "POST /ping"]
)
def test_other_paths_are_those_of_mlflow(asked: str, ours: Caller, theirs: Caller) -> None:
    """Liveness, version and refusals are MLflow's own."""
    method, path = asked.split()
    mine, other = ours.request(method, path), theirs.request(method, path)

    assert (mine.status_code, mine.content, dict(mine.headers)) == (
        other.status_code,
        other.content,
        dict(other.headers),
    )


def test_a_server_that_will_be_paused_says_so(ours: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health checks get 503 while the file is there, so that requests go elsewhere; those that come are answered."""
    paused = tmp_path / "paused"
    monkeypatch.setenv(pausing.VARIABLE, str(paused))
    assert ours.request("GET", "/ping").status_code == 200

    paused.touch()
    assert ours.request("GET", "/ping").status_code == 503
    assert ask(ours, number(1)).status_code == 200


FAILURES = {
    "raises": -1,
    "answers what no JSON holds": -3,
    "ends the process": -4,
    "interrupts": -6,
    "panics": -7,
    "cancels": -8,
}


@pytest.mark.parametrize("value", FAILURES.values(), ids=FAILURES)
def test_a_models_failure_is_the_servers(value: int, ours: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """500 with one sentence; the traceback stands in the log and nowhere else; the next request is answered."""
    answer = ask(ours, number(value))

    assert (answer.status_code, answer.headers["content-type"]) == (500, JSON)
    assert answer.json() == {
        "error_code": "INTERNAL_ERROR",
        "message": "the model failed on this request; its server's log says why",
    }
    assert "Traceback" in caplog.text
    assert ("planted-secret" in caplog.text) == (value == -1)
    assert ask(ours, number(1)).json() == {"predictions": [{"number": 2.0}]}


UNREADABLE: dict[str, tuple[bytes, str | None]] = {
    "not JSON": (b'{"instances"', JSON),
    "not UTF-8": (b"\xff\xfe", JSON),
    "not a table": (b'{"dataframe_split": 5}', JSON),
    "columns of another length": (b'{"dataframe_split": {"columns": ["number"], "data": [[1, 2]]}}', JSON),
    "parquet": (b"PAR1", "application/vnd.apache.parquet"),
    "csv": (b'a,b\n"', "text/csv"),
    "too deep": (b'{"instances": ' + b"[" * 100_000, JSON),
    "no content type": (b"{}", None),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_request_that_cannot_be_read_is_the_callers(case: str, ours: Caller) -> None:
    """400 in MLflow's form, without a traceback."""
    body, media = UNREADABLE[case]

    answer = ours.request("POST", "/invocations", content=body, headers={"content-type": media} if media else {})

    assert answer.status_code == 400
    assert answer.json()["error_code"] in {"BAD_REQUEST", "INVALID_PARAMETER_VALUE"}
    assert "stack_trace" not in answer.json()
    assert "Traceback" not in answer.text


def test_whoever_waits_for_the_warm_up_may_interrupt_it(model: Path) -> None:
    """Ctrl-C in the main thread ends the process, and is not taken for the model's failure."""
    from mlflow.pyfunc import load_model

    with pytest.raises(KeyboardInterrupt):
        serve.Scorer(load_model(str(model))).score(number(-6), JSON)


def test_a_slow_model_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After MLflow's own time-out the answer is 504."""

    class Slow:
        def score(self, body: bytes, content_type: str | None) -> serve.Answer:
            time.sleep(1.2)
            return serve.Answer(200, "late")

    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "1")
    answer = ask(Caller(serve.ModelServer(Slow())), number(1))  # type: ignore[arg-type]

    assert (answer.status_code, answer.text) == (504, "Request processing time exceeded limit")


def test_the_model_is_asked_before_it_serves(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's own example is scored once, before anybody can ask."""
    asked: list[int] = []
    score = serve.Scorer.score

    def watched(self: serve.Scorer, body: bytes, content_type: str | None) -> serve.Answer:
        found = score(self, body, content_type)
        asked.append(found.status)
        return found

    monkeypatch.setattr(serve.Scorer, "score", watched)
    monkeypatch.setenv(serve.MODEL_PATH, str(model))
    serve.application()

    assert asked == [200]


def test_a_model_that_fails_on_its_example_is_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says so; whether it may have traffic is for others to judge."""
    from mlflow.pyfunc import load_model

    folder = save_telltale(tmp_path / "telltale", example=False)
    example = tmp_path / serve.EXAMPLE
    scorer = serve.Scorer(load_model(str(folder)))
    serve.warm_up(scorer, example)
    example.write_bytes(number(-1))
    serve.warm_up(scorer, example)

    assert f"the model answers its own example, {serve.EXAMPLE}, with 500" in caplog.text
    assert scorer.score(number(1), JSON).status == 200
