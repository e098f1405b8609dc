"""A model server without a model: answers its own name after a moment, and is paused like a real one."""

from __future__ import annotations

import asyncio
import os

from hybridml.jobs.asgi import Receive, Scope, Send, answer, body_of
from hybridml.jobs.pausing import leaving


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Liveness as the real server's; any other path is a prediction."""
    if scope["path"] == "/ping":
        await asyncio.sleep(float(os.environ.get("PING_SECONDS", "0")))
        await answer(send, 503 if leaving() else 200, b"\n", "application/json")
        return
    await body_of(receive)
    await asyncio.sleep(0.02)
    await answer(send, 200, os.environ["NAME"].encode(), "application/json")
