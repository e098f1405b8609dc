"""The model server as its supervisor starts it: a process on a socket, told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hybridml.jobs.serve import MODEL_PATH
from hybridml.targets.local.processes import model_server
from jobs.models import save_telltale

pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'hybridml[local]'")
pytestmark = pytest.mark.services


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """The server of a model, healthy; its log is `log` in the folder."""
    socket, model = folder / "s", save_telltale(folder / "telltale")
    argv = [part.format(socket=socket) for part in model_server()]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, MODEL_PATH: str(model)}
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://model") as client:
            _until_healthy(client, process)
            yield process, client
    finally:
        process.kill()
        process.wait(20)


def _until_healthy(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/ping").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server never became healthy")


def ask(client: httpx.Client, number: int) -> httpx.Response:
    return client.post("/invocations", json={"instances": [{"number": number, "name": "a"}]}, timeout=30)


def test_a_server_finishes_what_it_began(tmp_path: Path) -> None:
    """Told to stop, it answers the request under way and takes no other; a failure before stands in its log."""
    answers: list[httpx.Response] = []
    with started(tmp_path) as (process, client):
        failed = ask(client, -1)
        slow = threading.Thread(target=lambda: answers.append(ask(client, -5)))
        slow.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(httpx.TransportError):
            ask(client, 1)
        slow.join()
        process.wait(20)

    log = (tmp_path / "log").read_text()
    assert [(each.status_code, each.json()) for each in answers] == [(200, {"predictions": [{"number": -10.0}]})]
    assert failed.status_code == 500
    assert "planted-secret" not in failed.text
    assert "ValueError: planted-secret in the model's own words" in log
