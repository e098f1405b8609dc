"""Small MLflow models, saved as the code that follows them, and applications around them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

TELLTALE = '''
import asyncio
import time

import mlflow.pyfunc
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.models import set_model


class Panic(BaseException):
    pass


class Telltale(mlflow.pyfunc.PythonModel):
    """Answers twice the number; negative numbers make it fail in ways of their own."""

    def predict(self, context, model_input, params=None):
        first = float(model_input["number"].iloc[0])
        if first == -1:
            raise ValueError("planted-secret in the model's own words")
        if first == -2:
            raise MlflowException("numbers start at 0", error_code=BAD_REQUEST)
        if first == -3:
            return object()
        if first == -4:
            raise SystemExit(3)
        if first == -5:
            time.sleep(2)
        if first == -6:
            raise KeyboardInterrupt
        if first == -7:
            raise Panic("of a library that is written in Rust")
        if first == -8:
            raise asyncio.CancelledError
        return model_input["number"] * 2


set_model(Telltale())
'''


def save_telltale(folder: Path, *, example: bool = True) -> Path:
    """The model above, with a signature of one number and one text."""
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import infer_signature

    code = folder.parent / f"{folder.name}.py"
    code.write_text(TELLTALE)
    rows = pd.DataFrame({"number": [1.5], "name": ["someone"]})
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(code),
        signature=infer_signature(rows, rows["number"]),
        input_example=rows if example else None,
        pip_requirements=[],
    )
    return folder


class Caller:
    """Asks an ASGI application in this process, one request after the other."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """One request and its answer."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
                return await client.request(method, path, **kwargs)

        return asyncio.run(ask())
