"""Programs that try a model out: they have a time limit, and none outlives the command that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from hybridml.errors import HybridMLError, Problem
from hybridml.onboarding.wrapping import Answer, Request

_LEASH: Final = "hybridml.onboarding.leashed"
_GRACE: Final = 5.0
"""Seconds that a program gets to end by itself."""
_QUIET: Final = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_LINES: Final = 3
"""Lines of a program's log that are repeated when it fails."""
_SOCKET: Final = "socket"
_LONGEST: Final = 100
"""Bytes of a path to a socket."""


class Failed(HybridMLError):  # noqa: N818 - says what happened
    """A model could not be tried out. Nothing was written."""


def wrap(request: Request, folder: Path, seconds: float) -> Answer:
    """Wraps a model in a process of its own, into `folder`; what came of it.

    Errors: `Failed` when the process dies, or is not done in `seconds`.
    """
    (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
    with _running(["hybridml.onboarding.wrapping", str(folder)], folder, "wrap.log", {}) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"The model was not loaded and asked within {seconds:g} s. Give it more: --timeout") from None
    file = folder / "answer.json"
    if not file.is_file():
        raise Failed(f"Loading the model ended the process that did it{_how(process)}.{_last(folder / 'wrap.log')}")
    answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Answer(**{**answer, "problems": [asdict(Problem(**problem)) for problem in answer["problems"]]})


def ask(server: Sequence[str], env: Mapping[str, str], folder: Path, seconds: float) -> tuple[Any, ...]:
    """Serves `folder/model` as the local target does, and asks it; the answers to `asked.json` and to its example.

    `server` is the argument list of the model server: an interpreter, `-m`, a module, and `{socket}` for its socket.

    Errors: `Failed` when it does not start within `seconds`, or answers anything but predictions.
    """
    import httpx

    model = folder / "model"
    argv = [part.replace("{socket}", _SOCKET) for part in server[2:]]
    with (
        _running(argv, folder, "serve.log", {**env, "__pyfunc_model_path__": str(model)}) as process,
        _reachable(folder) as socket,
        httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://model", timeout=seconds) as client,
    ):
        _wait(client, process, folder, seconds)
        requests = (folder / "asked.json", model / "serving_input_example.json")
        return tuple(_answered(client, request, folder) for request in requests)


def _wait(client: Any, process: subprocess.Popen[bytes], folder: Path, seconds: float) -> None:
    import httpx

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Failed(f"The server of the wrapped model ended{_how(process)}.{_last(folder / 'serve.log')}")
        try:
            if client.get("/ping").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise Failed(f"The server of the wrapped model was not ready within {seconds:g} s. Give it more: --timeout")


def _answered(client: Any, request: Path, folder: Path) -> Any:
    import httpx

    try:
        answer = client.post("/invocations", content=request.read_bytes(), headers={"content-type": "application/json"})
        if answer.status_code == httpx.codes.OK:
            return answer.json()["predictions"]
        said = f"{answer.status_code}: {answer.text[:300]}"
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
    raise Failed(f"The wrapped model was served, and did not predict; it answered {said}.{_last(folder / 'serve.log')}")


@contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """A path to the server's socket that is short enough: kernels refuse socket paths over 108 characters."""
    path = folder / _SOCKET
    if len(os.fsencode(path)) < _LONGEST:
        yield str(path)
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{_SOCKET}"
    finally:
        os.close(opened)


@contextmanager
def _running(argv: Sequence[str], folder: Path, log: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A module as a program in `folder`, in a process group of its own, ended at the latest with the block."""
    command = [sys.executable, "-m", _LEASH, *argv]
    with (folder / log).open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **_QUIET, "MLFLOW_TRACKING_URI": (folder / "tracking").as_uri(), **env},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process, process.stdin)


def _end(process: subprocess.Popen[bytes], leash: IO[bytes] | None) -> None:
    if leash is not None:
        leash.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is not None and code < 0:
        return f" by {signal.Signals(-code).name}"
    return f" with status {code}"


def _last(log: Path) -> str:
    """What the program said last, where it said anything; of a traceback the last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in lines if line.strip() and line[0] != " " and not line.startswith("Traceback")]
    said = "".join(sign if sign.isprintable() else " " for sign in " | ".join(lines[-_LINES:]))
    return f" It said last: {said[-600:]}" if said else ""
