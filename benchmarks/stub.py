"""A model server whose model takes no time: what is measured before it is the way there, and capture.

python -m uvicorn --factory benchmarks.stub:application --uds SOCKET
"""

from __future__ import annotations

import asyncio
import sys

from hybridml.jobs.asgi import Application, Receive, Scope, Send, answer, body_of
from hybridml.jobs.capture import capturing

ANSWER = b'{"predictions": [1.0]}'


def application() -> Application:
    """Answers everything alike; keeps requests where the environment says so."""
    return capturing(_constant)


async def _constant(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        stage = ""
        while stage != "shutdown":
            stage = (await receive())["type"].removeprefix("lifespan.")
            await send({"type": f"lifespan.{stage}.complete"})
        return
    await body_of(receive)
    await answer(send, 200, ANSWER, "application/json")


class Stub(asyncio.Protocol):
    """Answers each request as soon as its body is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = int(self._received[:end].lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(_RAW)  # type: ignore[attr-defined]


_RAW = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


async def serve(socket: str) -> None:
    """Serves until it is told to stop."""
    server = await asyncio.get_running_loop().create_unix_server(Stub, socket)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
