"""Whether a supervised process of this machine lives and answers."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from hybridml.engine.lock import process_start

_SECONDS = 5.0
_OK = 200
_PAUSES = ("pausing", "paused")


class Health(StrEnum):
    """How a service feels."""

    HEALTHY = "healthy"
    DEAD = "dead"
    """Its supervisor is gone, or its process id belongs to another process by now."""
    UNHEALTHY = "unhealthy"
    """Its supervisor lives, but the service does not answer its health question."""
    PAUSED = "paused"
    """Its scaler has no use for it now: its supervisor waits, without its process."""
    STARTING = "starting"
    """Its scaler has resumed it a moment ago."""

    @property
    def well(self) -> bool:
        """Whether all is as it should be."""
        return self not in {Health.DEAD, Health.UNHEALTHY}


def look(service: Mapping[str, Any]) -> Health:
    """The health of a service, given the outputs it had when it was started."""
    pid = int(service.get("pid") or 0)
    began = process_start(pid) if pid else ""
    if not began or began not in str(service.get("started") or ""):
        return Health.DEAD
    if service.get("scaled") and (phase := _phase(service)) != "running":
        return Health.PAUSED if phase in _PAUSES else Health.UNHEALTHY
    path = (service.get("health") or {}).get("path")
    if not path or _answers(service, path):
        return Health.HEALTHY
    return Health.STARTING if service.get("scaled") and _began_lately(service) else Health.UNHEALTHY


def _phase(service: Mapping[str, Any]) -> str:
    from hybridml.provider import processes

    found = processes.status(Path(service["directory"]) / service["instance"])
    return found.phase if found else ""


def _began_lately(service: Mapping[str, Any]) -> bool:
    """Whether the present process of a service is younger than the time it may take to become ready."""
    from hybridml.provider import durations, processes

    found = processes.status(Path(service["directory"]) / service["instance"])
    return found is not None and time.monotonic() - found.since < durations.seconds(service["startTimeout"])


def _answers(service: Mapping[str, Any], path: str) -> bool:
    import httpx

    socket = service.get("socketPath")
    if socket is None and not service.get("url"):
        return True
    folder = os.open(service["directory"], os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A path through the open folder: kernels refuse socket paths over 108 characters.
        reached = str(Path(f"/proc/self/fd/{folder}") / socket) if socket else None
        with httpx.Client(transport=httpx.HTTPTransport(uds=reached), timeout=_SECONDS) as client:
            return client.get(f"{service.get('url') or 'http://service'}{path}").status_code == _OK
    except httpx.HTTPError:
        return False
    finally:
        os.close(folder)
