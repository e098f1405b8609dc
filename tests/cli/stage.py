"""A deployed stack of this machine, as its state says, and an endpoint that answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Endpoint:
    """A server that remembers what it was asked and answers what it is told to."""

    url: str = ""
    status: int = 200
    answer: str = '{"predictions": [1]}'
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list)


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Serves an endpoint on a free port of 127.0.0.1."""
    stage = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            stage.seen.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(stage.status)
            self.end_headers()
            self.wfile.write(stage.answer.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stage.url = f"http://127.0.0.1:{server.server_port}/invocations"
    try:
        yield stage
    finally:
        server.shutdown()
        server.server_close()


def deployed(project: Path, outputs: dict[str, Any], *resources: dict[str, Any]) -> None:
    """Writes a state in which the stack `one` exports `outputs` and holds `resources`."""
    stack = {
        "urn": "urn:pulumi:one::library::pulumi:pulumi:Stack::library-one",
        "type": "pulumi:pulumi:Stack",
        "custom": False,
        "outputs": outputs,
    }
    folder = project / ".hybridml" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"version": 3, "deployment": {"manifest": {}, "resources": [stack, *resources]}}
    (folder / "state.json").write_text(json.dumps(document), encoding="utf-8")


def service(name: str, **outputs: Any) -> dict[str, Any]:
    """A service as a state records it."""
    urn = f"urn:pulumi:one::library::hybridml:index:HostService::{name}"
    return {"urn": urn, "type": "hybridml:index:HostService", "custom": True, "id": name, "outputs": outputs}
