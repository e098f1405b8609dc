"""Capture on this machine for real: two versions whose difference is known, asked, kept and compared."""

from __future__ import annotations

import json
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.cli.options import Format
from hybridml.cli.rollout_report import report
from hybridml.jobs.reading import Reading
from hybridml.jobs.records import Record
from hybridml.provider.tokens import mint
from local.served import needs_the_local_extra, processes_of
from local.small import STACK, Small

pytestmark = pytest.mark.services

REQUESTS = 1_000
MODEL = """
import mlflow.pyfunc
from mlflow.models import set_model


class Threshold(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if (model_input["x"] < {fails_below}).any():
            raise ValueError("too small")
        return [int(x > {threshold}) for x in model_input["x"]]


set_model(Threshold())
"""
SPEC: dict[str, Any] = {
    "versions": {"1": {"artifact": {"uri": "models/1"}}, "2": {"artifact": {"uri": "models/2"}}},
    "traffic": {
        "champion": {"version": "1", "weight": 50},
        "challenger": {"version": "2", "weight": 50},
        "shadow": {"version": "2", "sample": 100},
    },
    "rollout": {"strategy": "all-at-once"},
    "capture": {"sample": 100, "retention_days": 7, "drop": ["email"], "hash": ["phone"]},
}


def save(folder: Path, threshold: int, fails_below: int) -> None:
    """A model that answers whether `x` is above a threshold, and fails where it is too small."""
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import infer_signature

    code = folder.parent / f"{folder.name}.py"
    code.write_text(MODEL.format(threshold=threshold, fails_below=fails_below))
    row = pd.DataFrame({"x": [1.0], "email": ["a@b"], "phone": ["1"]})
    mlflow.pyfunc.save_model(str(folder), python_model=str(code), signature=infer_signature(row), pip_requirements=[])


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    """Version 2 fails for one request in ten, and answers two in ten otherwise than version 1."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        project = Small(Path(folder).resolve(), SPEC)
        (project.root / "models").mkdir()
        save(project.root / "models" / "1", threshold=4, fails_below=0)
        save(project.root / "models" / "2", threshold=6, fails_below=1)
        try:
            project.up()
            yield project
        finally:
            project.destroy()


@pytest.fixture(scope="module")
def asked(small: Small) -> list[tuple[int, str, str]]:
    """Status, version and id of every request, once all of them and their copies are kept."""
    with caller(small) as client:
        answers = [ask(small, client, float(number % 10)) for number in range(REQUESTS)]
    _until(lambda: len(records(small)) == 2 * REQUESTS)
    return answers


def caller(small: Small) -> httpx.Client:
    said = small.outputs["authentication"]
    token = mint(Path(said["key"]), issuer="hybridml", audience=small.name, subject="t", groups=["scoring-clients"])
    authorised = {"authorization": f"Bearer {token}"}
    return httpx.Client(headers=authorised, trust_env=False, timeout=60)


def ask(small: Small, client: httpx.Client, x: float) -> tuple[int, str, str]:
    row = {"x": x, "email": "planted-email", "phone": "planted-phone"}
    answer = client.post(small.outputs["url"], json={"instances": [row]})
    return answer.status_code, answer.headers["x-hybridml-version"], answer.text


def records(small: Small) -> list[Record]:
    return list(Reading(small.state_folder / "capture" / small.name).records())


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.promise("capture", target="local", by="traffic")
def test_every_request_and_every_copy_is_kept(small: Small, asked: list[tuple[int, str, str]]) -> None:
    """As many records as requests for each status and version; each request has one copy, of version 2."""
    kept = records(small)
    primary, copies = [each for each in kept if not each.shadow], [each for each in kept if each.shadow]

    assert Counter((each.status, each.version) for each in primary) == Counter(answer[:2] for answer in asked)
    assert {each.version for each in copies} == {"2"}
    assert {each.request for each in copies} == {each.request for each in primary}
    assert {each.route for each in kept} == {"split"}
    assert len(kept) == 2 * REQUESTS


def test_a_models_failure_is_500_and_says_nothing_of_its_inside(asked: list[tuple[int, str, str]]) -> None:
    """One in ten of version 2, none of version 1; no traceback."""
    failures = [answer for answer in asked if answer[0] != 200]

    assert {(status, version) for status, version, _ in failures} == {(500, "2")}
    assert not any("Traceback" in text or "too small" in text for *_, text in failures)


def test_nothing_private_is_on_the_disk(small: Small, asked: list[tuple[int, str, str]]) -> None:
    """The dropped feature is gone, the hashed one is a hash; files are their owner's; the key is in no state."""
    key = small.state_folder / "keys" / "churn.capture"
    files = [path for path in small.state_folder.rglob("*") if path.is_file()]

    assert not [path for path in files if b"planted" in path.read_bytes()]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not [path for path in files if path != key and key.read_bytes() in path.read_bytes()]
    row = records(small)[0].inputs["instances"][0]
    assert row.keys() == {"x", "phone"}
    assert row["phone"].startswith("hmac:")
    captured = list((small.state_folder / "capture").rglob("*.jsonl"))
    assert {path.name for path in captured} == {"1-0.jsonl", "2-0.jsonl"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in captured} == {0o600}


def test_the_report_says_how_the_versions_differ(
    small: Small, asked: list[tuple[int, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Version 2 fails for a tenth and, where both answer, disagrees on two ninths; every interval holds the truth."""
    report(small.root, STACK, small.name, since=None, confidence=0.95, format_=Format.JSON)
    found = json.loads(capsys.readouterr().out)

    failures = {kind: found[kind]["measures"][0]["difference"] for kind in ("split", "shadow")}
    assert all(each["low"] < 0.1 < each["high"] for each in failures.values())
    assert "fails more" in found["split"]["verdict"]
    assert "fails more" in found["shadow"]["verdict"]
    assert sum(found["split"]["requests"]) == REQUESTS
    assert found["shadow"]["requests"][0] == found["split"]["requests"][0]
    agreement = found["shadow"]["agreement"]
    assert agreement["low"] < 7 / 9 < agreement["high"]
    assert found["shadow"]["confusion"].keys() == {"0", "1"}
    assert "1" not in found["shadow"]["confusion"]["0"]
    assert found["notes"] == []


def test_a_change_of_capture_is_taken_over(small: Small, asked: list[tuple[int, str, str]]) -> None:
    """Other settings are another server, which keeps to them; then the same ones change nothing."""
    small.spec["capture"] = {"sample": 100, "drop": ["email", "phone"]}
    before = len(records(small))

    small.up()
    assert not {kind for kind, count in small.up().changes.items() if count and kind != "same"}
    with caller(small) as client:
        status, *_ = ask(small, client, 5.0)
    _until(lambda: len(records(small)) == before + 2)

    assert status == 200
    assert [each.inputs for each in records(small)[before:]] == [{"instances": [{"x": 5.0}]}] * 2


def test_destroy_leaves_the_records_and_nothing_that_runs(small: Small, asked: list[tuple[int, str, str]]) -> None:
    """They are their owner's; whoever does not want them any more deletes the folder."""
    before = len(records(small))

    small.destroy()

    assert len(records(small)) == before
    assert processes_of(small.root) == {}
