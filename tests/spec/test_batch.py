"""What a batch endpoint says, and what it cannot say."""

from __future__ import annotations

from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import EndpointSpec, Mode

BATCH: dict[str, Any] = {"input": "data/new/*.csv", "output": "results/churn"}
SPEC: dict[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team",
    "data_class": "internal",
    "versions": {"1": {"artifact": {"uri": "models/1"}}, "2": {"artifact": {"uri": "models/2"}}},
    "traffic": {"champion": {"version": "1"}},
    "access": {"invokers": ["group:analysts"]},
    "mode": "batch",
    "batch": BATCH,
}


def spec(**over: Any) -> EndpointSpec:
    return EndpointSpec.from_mapping("churn", {key: value for key, value in (SPEC | over).items() if value is not None})


def refusals(**over: Any) -> dict[str, str]:
    """What is wrong, by path."""
    with pytest.raises(ConfigurationError) as refused:
        spec(**over)
    return {
        problem.path.removeprefix("churn."): f"{problem.message} ({problem.fix})" for problem in refused.value.problems
    }


def test_a_batch_says_what_it_reads_and_writes() -> None:
    """Two fields are enough; the rest has defaults."""
    endpoint = spec(scaling={"min": 0})

    assert endpoint.mode is Mode.BATCH and endpoint.batch is not None
    assert endpoint.batch.model_dump(mode="json") == {
        "input": "data/new/*.csv",
        "output": "results/churn",
        "format": None,
        "shard_rows": 10_000,
        "schedule": None,
        "timezone": "UTC",
        "timeout": "6h",
    }


def test_mode_and_section_belong_together() -> None:
    """A batch without its section, and the section without the mode, each say what to do."""
    assert refusals(batch=None) == {"batch": "mode batch needs it (add batch with input and output)"}
    assert "set mode: batch, or remove it" in refusals(mode="realtime")["batch"]
    assert "set mode: batch, or remove it" in refusals(mode=None)["batch"]


def test_a_batch_shares_out_no_requests() -> None:
    """Challenger, routes and shadow are about requests, and a batch has none."""
    other = {"version": "2"}
    traffic = {
        "champion": {"version": "1", "weight": 90},
        "challenger": {**other, "weight": 10},
        "routes": [{"header": {"x-a": "b"}, **other}],
        "shadow": other,
    }

    assert set(refusals(traffic=traffic)) == {"traffic.challenger", "traffic.routes", "traffic.shadow"}


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"schedule": "0 3 31 2 *"}, "batch.schedule"),
        ({"schedule": "99 3 * * *"}, "batch.schedule"),
        ({"timezone": "Europe/Berlim"}, "batch.timezone"),
        ({"shard_rows": 0}, "batch.shard_rows"),
        ({"format": "xml"}, "batch.format"),
        ({"input": "https://user:word@host/x.csv"}, "batch.input"),
        ({"input": "data/new rows.csv"}, "batch.input"),
        ({"output": "results/*"}, "batch.output"),
        ({"timeout": "0h"}, "batch.timeout"),
    ],
)
def test_wrong_values_are_named(over: dict[str, Any], path: str) -> None:
    """Each wrong value is one problem at its path."""
    assert list(refusals(batch=BATCH | over)) == [path]


@pytest.mark.parametrize("uri", ["s3://acme-data/new/*.csv", "gs://acme-data/new/", "pvc://claim/new/*.csv", "/data/x"])
def test_files_may_lie_anywhere(uri: str) -> None:
    """Buckets, claims and paths are all spelled the same on every target."""
    endpoint = spec(batch=BATCH | {"input": uri})

    assert endpoint.batch is not None and endpoint.batch.input == uri
