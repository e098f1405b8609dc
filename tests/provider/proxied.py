"""A real Envoy in front of small model servers, steered by `GuardedRollout`, under a constant load."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridml.proxy import ServedVariant, Traffic, Upstream, clusters, routes, to_json
from hybridml.proxy.routes import HeaderRoute
from hybridml.rollout.plan import Gates, RolloutPlan
from hybridml.spec.vocabulary import Strategy
from proxy.stage import GROUP, ModelServers, Stage

if TYPE_CHECKING:
    from .conftest import Engine

ENDPOINT = "churn"
BAD_EVERY = 3
QUICK = RolloutPlan(
    strategy=Strategy.CANARY,
    steps=(20.0, 50.0),
    interval=0.25,
    bake=1.0,
    max_bake=6.0,
    min_requests=20,
    gates=Gates(error_rate=0.05, worse_than_champion=0.999),
    confidence=0.999,
)
"""A canary whose every step is over in a moment."""


@dataclass
class OddServers(ModelServers):
    """Model servers some of which fail on some inputs."""

    bad: set[str] = field(default_factory=set)
    """Names of servers that answer 500 on every third request."""

    async def _answer(self, name: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if name in self.bad:
            self.status[name] = 500 if self.asked[name] % BAD_EVERY == 0 else 200
        await super()._answer(name, head, reader, writer)


def variant(version: str, weight: int = 100) -> dict[str, Any]:
    return {"version": version, "revision": f"{version}-00000000", "weight": weight}


@dataclass
class Proxied:
    """One endpoint: versions are model servers of the same name."""

    engine: Engine
    stage: Stage
    state: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = (GROUP,)
    """Whose members may call."""

    @property
    def folder(self) -> Path:
        return self.stage.directory / "rollout"

    @property
    def servers(self) -> OddServers:
        assert isinstance(self.stage.servers, OddServers)
        return self.stage.servers

    def asked(
        self, variants: Mapping[str, Mapping[str, Any]], plan: RolloutPlan = QUICK, **more: Any
    ) -> dict[str, Any]:
        """Checked inputs that serve `variants`."""
        revisions = {each["version"]: each["revision"] for each in variants.values()}
        traffic = Traffic(
            weights={each["version"]: each["weight"] for each in variants.values()},
            groups=self.groups,
            header_routes=tuple(HeaderRoute(headers={"x-version": version}, version=version) for version in revisions),
            revisions=revisions,
        )
        upstreams = [Upstream(version=v, sockets=(v,), revision=revisions[v]) for v in sorted(revisions)]
        envoy = {
            "directory": str(self.stage.directory / "watched"),
            "admin": str(self.stage.directory / "admin.sock"),
            "clusters": to_json(clusters(upstreams)),
            "routes": to_json(routes(traffic)),
        }
        inputs = {
            "folder": str(self.folder),
            "endpoint": ENDPOINT,
            "variants": {name: dict(each) for name, each in variants.items()},
            "policy": json.dumps(plan.to_mapping()),
            "envoy": envoy | more,
        }
        return self.engine.check("GuardedRollout", inputs)

    def create(self, variants: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        self.state = self.engine.create("GuardedRollout", self.asked(variants))[1]
        return self.state

    def update(self, variants: Mapping[str, Mapping[str, Any]], plan: RolloutPlan = QUICK) -> dict[str, Any]:
        self.state = self.engine.update("GuardedRollout", self.state, self.asked(variants, plan))
        return self.state

    def served(self) -> Mapping[str, ServedVariant]:
        """What the files say that serves."""
        found = self.engine.read("GuardedRollout", self.state, self.asked({"champion": variant("3")}))
        assert found is not None
        return found[0]["serving"]

    def weights(self) -> dict[str, int]:
        """The split that Envoy is told now."""
        (table,) = json.loads((self.stage.directory / "watched" / "routes.json").read_text())["resources"]
        split = next(each for each in table["virtual_hosts"][0]["routes"] if each["name"] == "split")
        return {each["name"]: each["weight"] for each in split["route"]["weighted_clusters"]["clusters"]}


@contextmanager
def load(stage: Stage, *, each_second: int = 150, callers: int = 8) -> Iterator[list[tuple[float, int, str]]]:
    """A constant stream of predictions; the growing list of (moment, status, version), 0 where no answer came."""
    header = stage.signer.header(exp=int(time.time()) + 600)
    answers: list[tuple[float, int, str]] = []
    done, ticket, began = threading.Event(), itertools.count(), time.monotonic()

    def call() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=20)
        while not done.is_set():
            time.sleep(max(0.0, began + next(ticket) / each_second - time.monotonic()))
            answers.append(_ask(connection, header))
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _ask(connection: http.client.HTTPConnection, header: Mapping[str, str]) -> tuple[float, int, str]:
    moment = time.monotonic()
    try:
        connection.request("POST", "/invocations", body="{}", headers=dict(header))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return moment, 0, ""
    return moment, answer.status, answer.getheader("x-hybridml-version", "")


def failed(answers: list[tuple[float, int, str]]) -> list[tuple[float, int, str]]:
    return [answer for answer in answers if answer[1] != 200]


def versions(answers: list[tuple[float, int, str]]) -> Counter[str]:
    return Counter(version for _, _, version in answers)
