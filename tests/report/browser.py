"""A headless Chromium, spoken to over a pair of pipes (its `--remote-debugging-pipe`): no port, no further package."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run --no-default-browser-check --hide-scrollbars --remote-debugging-pipe"
)
_SECONDS = 60


class Browser:
    """One page of a browser, and everything it complained about."""

    def __init__(self, asking: int, answering: int) -> None:
        self._asking, self._answering = asking, answering
        self._number = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def send(self, method: str, session: str = "", **params: Any) -> Any:
        """Calls a method of the browser, and waits for its answer."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._asking, json.dumps(said).encode() + b"\0")
        while (message := self._receive()).get("id") != self._number:
            self._events.append(message)
        assert "error" not in message, message
        return message["result"]

    def ask(self, method: str, **params: Any) -> Any:
        """Calls a method of the page."""
        return self.send(method, self._session, **params)

    def open(self, page: Path, fragment: str = "", *, width: int = 1280, height: int = 900) -> None:
        """Opens a file at that width, and waits until it is there."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=f"{page.as_uri()}{fragment}")
        deadline = time.monotonic() + _SECONDS
        while self.run("document.readyState + location.protocol") != "completefile:" and time.monotonic() < deadline:
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """What an expression is worth on the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other, on what has the focus."""
        for key in keys:
            for kind in ("keyDown", "keyUp"):
                self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    @property
    def complaints(self) -> list[str]:
        """Everything in the console, and every exception, since the browser was started."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        self.run("0")
        return [json.dumps(each["params"]) for each in self._events if each.get("method") in kinds]

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for."""
        asked = (each["params"]["request"]["url"] for each in self._events if each.get("method") == _REQUEST)
        return [url for url in asked if url != "about:blank"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answering], [], [], _SECONDS)
            assert ready, "the browser does not answer"
            read = os.read(self._answering, 1 << 20)
            assert read, "the browser ended"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


_REQUEST = "Network.requestWillBeSent"


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser whose profile lies in `folder`; it ends with the block."""
    asked, asking = os.pipe()
    answering, answered = os.pipe()
    argv = [str(CHROMIUM), *_FLAGS.split(), f"--user-data-dir={folder}"]
    command = ["bash", "-c", 'exec "$@" 3<&"$IN" 4>&"$OUT"', "bash", *argv]
    environment = {**os.environ, "IN": str(asked), "OUT": str(answered)}
    running = subprocess.Popen(
        command, env=environment, pass_fds=[asked, answered], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(asked)
    os.close(answered)
    try:
        yield Browser(asking, answering)
    finally:
        running.kill()
        running.wait()
        os.close(asking)
        os.close(answering)
