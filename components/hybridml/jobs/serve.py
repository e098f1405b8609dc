"""The model server of this machine: MLflow's scoring protocol, in which a model's failure is the server's own.

MLflow's application says 400 when a model raises, as if the caller were at fault, and sends the traceback along.
Here the caller gets 500 and one sentence, and the traceback is in the server's log; a request that cannot be read or
does not fit the model's signature is still answered with 400. Whatever else a model answers is the same, byte for
byte; there are no pages of documentation.

Started by uvicorn, on the model that `__pyfunc_model_path__` names:

    python -m uvicorn --factory hybridml.jobs.serve:application
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hybridml.jobs.asgi import Application, Receive, Scope, Send, answer, body_of, header
from hybridml.jobs.capture import capturing
from hybridml.jobs.pausing import leaving

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import PyFuncModel

MODEL_PATH = "__pyfunc_model_path__"
"""Environment variable with the folder of the model; the name is MLflow's."""
EXAMPLE = "serving_input_example.json"
"""A request that a model saved with an input example brings along."""

_JSON = "application/json"
_LOG = logging.getLogger("uvicorn.error")
_READ_ONLY = ("/ping", "/health", "/version")


class Answer(NamedTuple):
    """What a caller gets."""

    status: int
    content: str
    media: str = _JSON

    @classmethod
    def error(cls, status: int, code: str, message: str) -> Answer:
        """An error in MLflow's form."""
        return cls(status, json.dumps({"error_code": code, "message": message}))


def application() -> Application:
    """The application for the model of this process, warmed up with the model's own example; with capture if asked."""
    from mlflow.environment_variables import _MLFLOW_IS_IN_SERVING_ENVIRONMENT
    from mlflow.pyfunc.scoring_server import load_model_with_mlflow_config

    path = os.environ[MODEL_PATH]
    scorer = Scorer(load_model_with_mlflow_config(path))
    os.environ[_MLFLOW_IS_IN_SERVING_ENVIRONMENT.name] = "true"
    warm_up(scorer, Path(path) / EXAMPLE)
    return capturing(ModelServer(scorer), scorer.features)


def warm_up(scorer: Scorer, example: Path) -> None:
    """Asks the model once, where it brings an example, so that no caller waits for what is loaded late.

    A model that fails on its own example is served all the same: that is for a rollout's gates to judge.
    """
    if not example.is_file():
        return
    status = scorer.score(example.read_bytes(), _JSON).status
    if status >= 400:  # noqa: PLR2004 - the first status that is an error
        _LOG.warning("the model answers its own example, %s, with %d", example.name, status)


class Scorer:
    """A model behind MLflow's protocol. Calls may come from many threads."""

    def __init__(self, model: PyFuncModel) -> None:
        self._model = model
        self._schema = model.metadata.get_input_schema()
        self._reached = threading.local()
        model._predict_fn = self._watched(model._predict_fn)

    @property
    def features(self) -> frozenset[str]:
        """What the model's signature names; empty where it names nothing."""
        return frozenset(self._schema.input_names() if self._schema and self._schema.has_input_names() else ())

    def score(self, body: bytes, content_type: str | None) -> Answer:
        """The model's answer to one request, or the reason why there is none."""
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc.scoring_server import invocations

        self._reached.model = False
        try:
            found = invocations(body, content_type, self._model, self._schema)
            return Answer(found.status, found.response, found.mimetype)
        except MlflowException as error:
            return _said(error)
        except BaseException as error:
            if _interrupts(error):
                raise
            return self._unexpected()

    def _unexpected(self) -> Answer:
        if not self._reached.model:
            return Answer.error(400, "BAD_REQUEST", "the request cannot be read: see MLflow's scoring protocol")
        _LOG.exception("the model failed")
        return _failed()

    def _watched(self, predict: Callable[..., Any]) -> Callable[..., Any]:
        """`predict`, which is reached once the request has been read and fits the signature."""
        from mlflow.exceptions import MlflowException

        @wraps(predict)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._reached.model = True
            try:
                return predict(*args, **kwargs)
            except MlflowException:
                raise  # the model's own choice of a status, or its type hints do not fit
            except BaseException as error:
                if _interrupts(error):
                    raise
                _LOG.exception("the model failed")
                raise _failure() from error

        return watched


def _interrupts(error: BaseException) -> bool:
    """Ctrl-C while the model warms up. Anything else is the model's, even what would end a process: libraries written
    in Rust raise their panics as no `Exception`."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def _failed() -> Answer:
    return Answer.error(500, "INTERNAL_ERROR", "the model failed on this request; its server's log says why")


def _failure() -> MlflowException:
    """An error that passes through MLflow and is recognised by `_said`."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR

    return MlflowException("", error_code=INTERNAL_ERROR, failed=True)


def _said(error: MlflowException) -> Answer:
    """MLflow's own error, without the traceback."""
    if error.json_kwargs.get("failed"):
        return _failed()
    error.json_kwargs.pop("stack_trace", None)
    return Answer(error.get_http_status_code(), error.serialize_as_json())


class ModelServer:
    """The application: predictions, liveness, MLflow's version."""

    def __init__(self, scorer: Scorer) -> None:
        from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT
        from mlflow.version import VERSION

        self._scorer = scorer
        self._timeout = MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.get()
        self._version = VERSION

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or follows the server from start to end."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/invocations":
            await (self._invoke(scope, receive, send) if method == "POST" else _refuse(send, "POST"))
        elif path == "/ping" and leaving():
            await answer(send, 503, b"\n", _JSON)
        elif path in _READ_ONLY:
            content = self._version.encode() if path == "/version" else b"\n"
            await (answer(send, 200, content, _JSON) if method == "GET" else _refuse(send, "GET"))
        else:
            await answer(send, 404, b'{"detail":"Not Found"}', _JSON)

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        if body is None:
            return
        scoring = asyncio.to_thread(self._scorer.score, body, header(scope, b"content-type"))
        try:
            found = await asyncio.wait_for(scoring, self._timeout)
        except TimeoutError:
            found = Answer(504, "Request processing time exceeded limit")
        media = f"{found.media}; charset=utf-8" if found.media.startswith("text/") else found.media
        await answer(send, found.status, found.content.encode(), media)


async def _refuse(send: Send, allowed: str) -> None:
    await answer(send, 405, b'{"detail":"Method Not Allowed"}', _JSON, (b"allow", allowed.encode()))


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan protocol: nothing to begin and nothing to end."""
    while True:
        stage = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{stage}.complete"})
        if stage == "shutdown":
            return
