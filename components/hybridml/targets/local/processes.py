"""The programs of the local target as argument lists and environments; pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec

KEEP_ALIVE_SECONDS = 75
"""How long a model server keeps an unused connection; longer than its proxy, so that the proxy closes first."""
DRAIN_SECONDS = 30
"""How long a model server that is told to stop may finish what it has begun."""

_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "_MLFLOW_TELEMETRY_PRE_WARM_DATABRICKS_SDK": "false",
    "PYTHONUNBUFFERED": "1",
}
_AS_VERIFIED = {"PYTHONDONTWRITEBYTECODE": "1"}
"""A model that is code leaves no bytecode in the artifact store, where everything has a digest."""


def model_server() -> list[str]:
    """A server of MLflow's scoring protocol, on the socket that its supervisor allocates, run by this interpreter."""
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "hybridml.jobs.serve:application",
        "--uds",
        "{socket}",
        "--log-level",
        "warning",
        "--no-access-log",
        "--timeout-keep-alive",
        str(KEEP_ALIVE_SECONDS),
        "--timeout-graceful-shutdown",
        str(DRAIN_SECONDS),
    ]


def model_server_environment(spec: EndpointSpec) -> Mapping[str, str]:
    """Environment of one model server but for its model: as many threads as it has cores, and the spec's own."""
    threads = str(math.ceil(spec.runtime.resources.cpu.millicores / 1000))
    return {**_QUIET, **_AS_VERIFIED, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, **spec.runtime.env}


def verification() -> list[str]:
    """The program that verifies a signature, run by this program's interpreter, which has the library."""
    return [sys.executable, "-m", "hybridml.jobs.verify"]


def batch() -> list[str]:
    """The program that predicts files, once."""
    return [sys.executable, "-m", "hybridml.jobs.batch"]


def recurring() -> list[str]:
    """The program that predicts files at certain times."""
    return [sys.executable, "-m", "hybridml.jobs.recurring"]


def proxy(bootstrap: str) -> list[str]:
    """Envoy with that bootstrap, from the wheel beside this program's interpreter."""
    return [
        str(Path(sys.executable).with_name("envoy")),
        "--config-path",
        bootstrap,
        "--disable-hot-restart",
        "--concurrency",
        "2",
        "--log-level",
        "warning",
    ]


def proxy_environment() -> Mapping[str, str]:
    """Environment of Envoy: no look-up of a cloud's instance metadata, whatever a filter would like to know."""
    return {"AWS_EC2_METADATA_DISABLED": "true", "GCE_METADATA_HOST": "127.0.0.1:9", "NO_GCE_CHECK": "true"}


def registry(port: int, folder: Path) -> list[str]:
    """The MLflow tracking and registry server: one worker, metadata in SQLite, requests for other hosts refused."""
    return [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "artifacts"),
        "--serve-artifacts",
        "--allowed-hosts",
        f"127.0.0.1:{port},localhost:{port}",
    ]


def registry_environment() -> Mapping[str, str]:
    """Environment of the registry: no background jobs, which would be eight more processes."""
    return {**_QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
