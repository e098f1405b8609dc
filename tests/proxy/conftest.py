"""A stage per test: a short folder (socket paths are limited), model servers, a key, an Envoy not yet started."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hybridml.proxy import HeaderRoute, Shadow, Traffic, Upstream
from proxy.stage import GROUP, ModelServers, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Files in a folder of their own, nothing started."""
    with tempfile.TemporaryDirectory(prefix="hybridml-proxy-") as folder:
        made = Stage(directory=Path(folder), servers=ModelServers(Path(folder)))
        made.write_bootstrap()
        yield made


@pytest.fixture
def traffic() -> Traffic:
    """The repository's own churn endpoint: 90/10, a header route and a shadow of 20 %."""
    return Traffic(
        weights={"3": 90, "4": 10},
        groups=(GROUP,),
        header_routes=(HeaderRoute(headers={"x-cohort": "beta"}, version="4"),),
        shadow=Shadow(version="4", sample=20),
    )


@pytest.fixture
def upstreams(stage: Stage) -> list[Upstream]:
    """One running server per version, and the shadow's own name for the one of version 4."""
    sockets = {version: (stage.servers.start(f"{version}.sock"),) for version in ("3", "4", "shadow")}
    return [
        Upstream(version="3", sockets=sockets["3"]),
        Upstream(version="4", sockets=sockets["4"]),
        Upstream(version="4", sockets=sockets["shadow"], shadow=True),
    ]
