"""One HTTP request to a process of this machine, over 127.0.0.1 or a Unix socket."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGEST = 4 << 20

Address = int | Path
"""A port of 127.0.0.1, or a Unix socket."""


@contextmanager
def connected(address: Address, timeout: float) -> Iterator[socket.socket]:
    """A connected socket; raises OSError when nobody listens.

    A Unix socket is reached through its folder's descriptor, since the kernel takes only 107 bytes of path.
    """
    if isinstance(address, int):
        with socket.create_connection(("127.0.0.1", address), timeout) as stream:
            yield stream
        return
    folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout)
            stream.connect(f"/proc/self/fd/{folder}/{address.name}")
            yield stream
    finally:
        os.close(folder)


def get(address: Address, path: str, timeout: float = 5.0) -> tuple[int, str]:
    """Status and body, at most 4 MiB of it, of `GET path`; raises OSError when there is no answer."""
    with connected(address, timeout) as stream:
        connection = http.client.HTTPConnection("localhost", timeout=timeout)
        connection.sock = stream
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(_LARGEST).decode(errors="replace")
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer: {error!r}") from None
