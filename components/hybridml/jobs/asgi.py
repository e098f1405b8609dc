"""What an ASGI application is made of: https://asgi.readthedocs.io, version 3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
"""One connection: its type, path, method and headers."""
Message = MutableMapping[str, Any]
"""One event, from or to the server."""
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that lower-case name; None where there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


async def body_of(receive: Receive) -> bytes | None:
    """The whole body of a request; None when the caller went away."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, status: int, content: bytes, media: str, *more: tuple[bytes, bytes]) -> None:
    """One whole answer."""
    headers = [(b"content-length", b"%d" % len(content)), (b"content-type", media.encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
