"""Batch endpoints on this machine: what is planned, and what is predicted."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from local.conftest import CHURN, PlanOf
from local.served import needs_the_local_extra, processes_of
from local.small import Small, save_model

BATCH: dict[str, Any] = {"input": "data/*.csv", "output": "results/churn", "shard_rows": 2}


def asked(**batch: Any) -> dict[str, Any]:
    """CHURN, asked for files instead of requests."""
    spec = {key: value for key, value in CHURN.items() if key not in {"scaling"}}
    return spec | {"mode": "batch", "traffic": {"champion": {"version": "3"}}, "batch": BATCH | batch}


def with_data(plan_of: PlanOf, root: Path, **batch: Any) -> Any:
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "a.csv").write_text("x\n1\n")
    return plan_of(asked(**batch))


def test_a_batch_is_a_store_and_a_job(plan_of: PlanOf, tmp_path: Path) -> None:
    """The champion is stored and verified, then a program predicts; no server, no proxy, no port."""
    planned = with_data(plan_of, tmp_path)

    job = planned.one("churn-batch-job")

    assert planned.names("HostFile") == ["churn-artifacts-3-33333333"]
    assert planned.names("HostService") == []
    assert job.inputs["argv"] == [
        *[sys.executable, "-m", "hybridml.jobs.batch"],
        *["--model", str(tmp_path / ".hybridml/local/artifacts/churn/3-33333333")],
        *["--model-sha256", "3" * 64, "--version", "3"],
        *["--input", str(tmp_path / "data/*.csv"), "--output", str(tmp_path / "results/churn"), "--shard-rows", "2"],
    ]
    assert job.inputs["outputs"] == [str(tmp_path / "results/churn/latest.json")]
    assert job.inputs["timeout"] == "21600s"
    assert planned.one("churn-artifacts-3-33333333").urn in job.dependencies


def test_other_rows_are_another_run(plan_of: PlanOf, tmp_path: Path) -> None:
    """The digest of the files is a trigger."""
    before = with_data(plan_of, tmp_path).one("churn-batch-job").inputs["triggers"]
    (tmp_path / "data" / "a.csv").write_text("x\n2\n")

    after = plan_of(asked()).one("churn-batch-job").inputs["triggers"]

    assert before["input"] != after["input"]


def test_another_variable_is_another_result(plan_of: PlanOf, tmp_path: Path) -> None:
    """What the program is told through its environment may change what it predicts, so old results do not count."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x\n1\n")
    said = []
    for limit in ("1", "2"):
        argv = plan_of(asked() | {"runtime": {"env": {"LIMIT": limit}}}).one("churn-batch-job").inputs["argv"]
        said.append(argv[argv.index("--settings") + 1])

    assert said[0] != said[1]


def test_missing_input_is_known_before_anything_starts(plan_of: PlanOf) -> None:
    """A plan without a file to predict is refused, with the way out."""
    with pytest.raises(ConfigurationError) as refused:
        plan_of(asked())

    (problem,) = refused.value.problems
    assert problem.path == "churn.batch.input"
    assert "data/*.csv" in problem.message and "schedule" in problem.fix


def test_times_make_a_service_that_waits_for_them(plan_of: PlanOf) -> None:
    """With a schedule a supervised process predicts at its times; the files may come later."""
    planned = plan_of(asked(schedule="0 3 * * *", timezone="Europe/Berlin", format="csv", timeout="1h"))

    service = planned.one("churn-batch-times")

    assert planned.names("HostJob") == []
    assert service.inputs["argv"][:3] == [sys.executable, "-m", "hybridml.jobs.recurring"]
    assert service.inputs["argv"][3:10] == [
        *["--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--timeout", "3600", "--"],
    ]
    assert "--format" in service.inputs["argv"]


def test_a_batch_has_no_address(plan_of: PlanOf, tmp_path: Path) -> None:
    """The export says where predictions lie, and no url."""
    endpoint = with_data(plan_of, tmp_path).plan.to_json()["outputs"]["endpoints"]["churn"]

    assert "url" not in endpoint
    assert endpoint["output"] == str(tmp_path / "results/churn")
    assert endpoint["versions"] == {"3": str(tmp_path / ".hybridml/local/artifacts/churn/3-33333333")}


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    """A project that predicts files, not yet up."""
    needs_the_local_extra()
    with tempfile.TemporaryDirectory(prefix="hybridml-") as folder:
        project = Small(Path(folder).resolve())
        save_model(project.root / "models" / "1", 2.0)
        project.spec |= {"mode": "batch", "batch": BATCH}
        (project.root / "data").mkdir()
        yield project
        project.destroy()


def predictions(small: Small) -> dict[int, float]:
    """What the newest run says, by row."""
    folder = Path(small.outputs["output"])
    manifest, found = json.loads((folder / "latest.json").read_text()), {}
    for part in manifest["parts"]:
        with (folder / manifest["folder"] / part["file"]).open(newline="") as stream:
            found |= {int(row["row"]): float(row["prediction"]) for row in csv.DictReader(stream)}
    return found


@pytest.mark.services
@pytest.mark.timeout(600)
@pytest.mark.promise("mode=batch", target="local", by="traffic")
def test_files_are_predicted_again_only_when_they_change(small: Small) -> None:
    """Every good row is predicted, a bad one is named; a second run does nothing; other rows are predicted anew."""
    (small.root / "data" / "a.csv").write_text("id,x\n7,1\n8,word\n9,2.5\n")
    small.up()

    assert predictions(small) == {1: pytest.approx(2.0), 3: pytest.approx(5.0)}
    folder = Path(small.outputs["output"])
    latest = json.loads((folder / "latest.json").read_text())
    (error,) = map(json.loads, (folder / latest["folder"] / "errors.jsonl").read_text().splitlines())
    assert (error["file"], error["row"]) == ("a.csv", 2) and "x is not float64" in error["error"]
    assert processes_of(small.root) == {}

    assert [name for name, count in small.up().changes.items() if count] == ["same"]

    (small.root / "data" / "a.csv").write_text("id,x\n7,10\n")
    assert {name for name, count in small.up().changes.items() if count} == {"same", "update"}
    assert predictions(small) == {1: pytest.approx(20.0)}


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_schedule_predicts_at_its_times(small: Small) -> None:
    """A supervised process makes the first prediction within a minute and a bit of its schedule."""
    from provider.supervised import eventually

    (small.root / "data" / "a.csv").write_text("x\n4\n")
    small.spec["batch"] = BATCH | {"schedule": "* * * * *", "output": "results/times"}
    small.up()

    eventually((small.root / "results/times/latest.json").exists, within=100)

    assert predictions(small) == {1: pytest.approx(8.0)}
    small.spec["batch"] = BATCH
    small.up()
    assert processes_of(small.root) == {}
