"""Capture: requests and answers of a model server, kept for monitors, comparisons and audits.

In the server and not in the proxy, because the server sees what a shadow answers, and because what must not be kept
is left out before anything is written.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybridml.jobs.asgi import Application, Message, Receive, Scope, Send, header
from hybridml.jobs.keeping import Keeper, secret_of
from hybridml.jobs.records import Record, sampled
from hybridml.jobs.redaction import Redaction, UnnamedError, folded

VARIABLE = "HYBRIDML_CAPTURE"
"""Environment variable with the settings of a server, as JSON. They hold no secret: the key is named by its path."""
MOST_BODY = 1024 * 1024
"""Bytes of a request, or of an answer, that are kept; of a longer one nothing is."""
ROUTE_HEADER = "x-hybridml-route"
"""Request header in which the proxy says why it chose this version; a caller's own is overwritten."""
ROUTES = ("split", "header")
_LOG = logging.getLogger("uvicorn.error")
_MOST_DEPTH = 100
_MOST_ID = 128
_OVERHEAD = 1024


@dataclass(frozen=True, kw_only=True)
class CaptureSettings:
    """What one server keeps, and where."""

    folder: str
    """Absolute path of the endpoint's records."""
    key: str
    """Absolute path of the secret that values are hashed with; made when first needed."""
    replica: str
    """Name of the server among those of its endpoint, and of its files."""
    version: str
    revision: str
    sample: float
    """Percent of the requests, more than 0, at most 100."""
    retention_days: int
    drop: tuple[str, ...] = ()
    """Features that are not kept."""
    hash: tuple[str, ...] = ()
    """Features of which only a keyed hash is kept."""

    def to_json(self) -> str:
        """The text for `VARIABLE`."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> CaptureSettings:
        """The settings in that text."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("drop", "hash")})


def capturing(app: Application, features: frozenset[str] = frozenset()) -> Application:
    """`app`, with its requests kept where the environment says so; `features` are those of the model's signature."""
    text = os.environ.get(VARIABLE)
    return Capture(app, CaptureSettings.from_json(text), features) if text else app


class Capture:
    """ASGI middleware: a sample of the predictions becomes records after their answers were sent."""

    def __init__(self, app: Application, settings: CaptureSettings, features: frozenset[str] = frozenset()) -> None:
        self._app, self._settings = app, settings
        _look_for_typos(settings, features)
        self._keeper = Keeper(Path(settings.folder), settings.replica, settings.retention_days)
        self._redaction = Redaction(
            drop=frozenset(settings.drop),
            hash=frozenset(settings.hash),
            key=secret_of(Path(settings.key)),
            known=features,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, and listens where a sampled prediction is asked for."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._last(send))
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/invocations":
            await self._predict(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = (header(scope, b"x-request-id") or uuid.uuid4().hex)[:_MOST_ID]
        if not sampled(request, self._settings.sample):
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._settings, self._redaction, Origin.of(scope, request))

        async def hear() -> Message:
            message = await receive()
            exchange.asked.add(message)
            return message

        async def tell(message: Message) -> None:
            await send(message)
            if exchange.answered(message):
                self._keeper.keep(exchange)

        await self._app(scope, hear, tell)

    def _last(self, send: Send) -> Send:
        """Before the server ends, what still waits is written. Nobody else is answered then, so the loop may wait; a
        thread of the loop's own might never come, where models hang in all of them."""

        async def tell(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                self._keeper.close()
            await send(message)

        return tell


def _look_for_typos(settings: CaptureSettings, features: frozenset[str]) -> None:
    """A private feature that is misspelt would be kept; one that only another version has would not."""
    named = set(map(folded, features))
    private = sorted({*settings.drop, *settings.hash})
    if private and not features:
        _LOG.warning("the model's signature names no features, so %s is kept by any other name", ", ".join(private))
        return
    unknown = [name for name in private if folded(name) not in named]
    if unknown:
        _LOG.warning("capture drops or hashes %s, which the model's signature does not name", ", ".join(unknown))


@dataclass(frozen=True)
class Origin:
    """What the proxy says about a request."""

    request: str
    shadow: bool
    route: str

    @classmethod
    def of(cls, scope: Scope, request: str) -> Origin:
        """Read from the headers: Envoy adds `-shadow` to the host of a copy, before the port."""
        host = (header(scope, b"host") or "").partition(":")[0]
        route = header(scope, ROUTE_HEADER.encode()) or ""
        return cls(request, host.endswith("-shadow"), route if route in ROUTES else "")


@dataclass
class Body:
    """What went one way, up to a limit."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    media: str = ""

    def add(self, message: Message) -> None:
        """Takes what one event carries."""
        part: bytes = message.get("body", b"")
        self.size += len(part)
        if self.size > MOST_BODY:
            self.parts.clear()
        elif part:
            self.parts.append(part)

    def value(self) -> Any:
        """The JSON. Raises LeftOutError where there is none, or too much or too deep for whoever reads the record."""
        if self.size > MOST_BODY:
            raise LeftOutError("too large")
        try:
            found = json.loads(b"".join(self.parts))
        except RecursionError:
            raise LeftOutError("too deep") from None
        except ValueError:
            raise LeftOutError("not JSON") from None
        if _deeper(found, _MOST_DEPTH):
            raise LeftOutError("too deep")
        return found


def _deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels <= 1 or _deeper(each, levels - 1) for each in inner if isinstance(each, dict | list))


class LeftOutError(Exception):
    """Nothing of a body is kept; the text says why."""


class Exchange:
    """One request and its answer, as they pass."""

    def __init__(self, settings: CaptureSettings, redaction: Redaction, origin: Origin) -> None:
        self._settings, self._redaction, self._origin = settings, redaction, origin
        self._time, self._began = datetime.now(UTC), time.perf_counter()
        self._milliseconds = 0.0
        self._status = 0
        self.asked, self.said = Body(), Body()

    @property
    def size(self) -> int:
        """Bytes that it holds until it is written."""
        return sum(map(len, (*self.asked.parts, *self.said.parts))) + _OVERHEAD

    def answered(self, message: Message) -> bool:
        """Takes one event of the answer; true for the last."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            return False
        self.said.add(message)
        self._milliseconds = (time.perf_counter() - self._began) * 1000
        return not message.get("more_body")

    def record(self, lost: int) -> Record:
        """The record, without what must not be kept."""
        left_out: dict[str, str] = {}
        kept: dict[str, Any] = {}
        for name, find in (("inputs", self._inputs), ("outputs", self._outputs)):
            try:
                kept[name] = find()
            except LeftOutError as reason:
                left_out[name] = str(reason)
            except UnnamedError:
                left_out[name] = "unnamed"
        return Record(
            time=self._time,
            version=self._settings.version,
            revision=self._settings.revision,
            status=self._status,
            milliseconds=round(self._milliseconds, 3),
            left_out=left_out,
            lost=lost,
            **vars(self._origin),
            **kept,
        )

    def _inputs(self) -> Any:
        """A request that was refused may name its features wrongly, so nothing of it is kept where names matter."""
        if self._redaction and 400 <= self._status < 500:  # noqa: PLR2004 - the caller's errors
            raise LeftOutError("refused")
        return self._redaction.inputs(self.asked.value())

    def _outputs(self) -> Any:
        """An error's text may quote the request, so only answers are kept."""
        if self._status != 200:  # noqa: PLR2004 - the only status with a prediction
            raise LeftOutError("an error")
        return self._redaction.outputs(self.said.value())
