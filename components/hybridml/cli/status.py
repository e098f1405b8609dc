"""`hybridml status`: what of a stack runs, how it feels, and where it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hybridml.cli import deployed, output, place
from hybridml.cli.deployed import Deployed
from hybridml.cli.options import Format
from hybridml.cli.probe import Health, look
from hybridml.jobs.batch import latest

SERVICE_TYPE = "hybridml:index:HostService"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One supervised process of this machine."""

    name: str
    health: Health
    pid: int
    log: str


def status(folder: Path | None, stack: str | None, format_: Format) -> int:
    """Prints services and endpoints of a stack and returns the exit status."""
    here = place.find(folder)
    name = here.one(stack)
    found = deployed.require(here, name)
    services = [_service(entry) for entry in found.of_type(SERVICE_TYPE)]
    healthy = all(service.health.well for service in services)
    if format_ is Format.JSON:
        output.write(output.as_json(_document(name, found, services, healthy)))
    else:
        output.write(_text(found, services))
    return 0 if healthy else 1


def _service(entry: Mapping[str, Any]) -> Service:
    outputs = entry["outputs"]
    return Service(
        name=str(entry["urn"]).rpartition("::")[2],
        health=look(outputs),
        pid=int(outputs.get("pid") or 0),
        log=str(outputs.get("log") or ""),
    )


def _document(stack: str, found: Deployed, services: list[Service], healthy: bool) -> dict[str, object]:
    return {
        "version": 1,
        "stack": stack,
        "engine": found.engine,
        "healthy": healthy,
        "endpoints": {name: _endpoint(endpoint) for name, endpoint in sorted(found.endpoints.items())},
        "services": [asdict(service) for service in services],
    }


def _endpoint(endpoint: Mapping[str, Any]) -> dict[str, object]:
    keys = ("target", "url", "output", "versions", "weights")
    last = {"latest": latest(Path(str(endpoint["output"])))} if _batch(endpoint) else {}
    return {key: endpoint.get(key) for key in keys if key in endpoint} | last


def _batch(endpoint: Mapping[str, Any]) -> bool:
    return endpoint.get("target") == "local" and "output" in endpoint


def _counts(endpoint: Mapping[str, Any]) -> tuple[str, str, str]:
    said = latest(Path(str(endpoint["output"])))
    return str(said.get("predicted", "")), str(said.get("failed", "")), str(said.get("finished", "not yet"))


def _text(found: Deployed, services: list[Service]) -> str:
    endpoints = [("ENDPOINT", "TARGET", "URL", "VERSIONS")]
    for name, endpoint in sorted(found.endpoints.items()):
        where = str(endpoint.get("url") or endpoint.get("output"))
        endpoints.append((name, str(endpoint.get("target")), where, _versions(endpoint)))
    batches = [("BATCH", "PREDICTED", "FAILED", "FINISHED")]
    batches += [(name, *_counts(endpoint)) for name, endpoint in sorted(found.endpoints.items()) if _batch(endpoint)]
    rows = [("SERVICE", "HEALTH", "PID", "LOG")]
    rows += [(service.name, service.health.value, str(service.pid), service.log) for service in services]
    parts = [output.table(table) for table in (endpoints, batches, rows) if len(table) > 1]
    return "\n".join(parts) or f"Deployed with the {found.engine} engine; no endpoint and no service of this machine.\n"


def _versions(endpoint: Mapping[str, Any]) -> str:
    weights = endpoint.get("weights") or {}
    shown = (f"{v} ({weights[v]:g} %)" if v in weights else v for v in sorted(endpoint.get("versions") or {}))
    return ", ".join(shown)
