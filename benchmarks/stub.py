"""A model server whose model takes no time: what is measured before it is the way there, and capture.

python -m uvicorn --factory benchmarks.stub:application --uds SOCKET
"""

from __future__ import annotations

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
