"""`hybridml invoke`: one request, authenticated for the target that the endpoint lives on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridml.cli import callers, deployed, place
from hybridml.errors import ConfigurationError, HybridMLError, Problem, Refused

if TYPE_CHECKING:
    import httpx

_ERROR = 400
_TOKEN_SECONDS = 60
"""Seconds that a token of `invoke` is good for."""


def invoke(
    folder: Path | None,
    stack: str | None,
    endpoint: str,
    *,
    data: str,
    group: str | None,
    headers: Sequence[str],
    timeout: float,
) -> str:
    """The endpoint's answer to `data`, as it came. Errors: `HybridMLError` when there is none, or it is a refusal."""
    here = place.find(folder)
    name = here.one(stack)
    body = _body(data)
    found = deployed.require(here, name).endpoints
    if endpoint not in found:
        known = ", ".join(sorted(found)) or "none"
        raise HybridMLError(f"There is no endpoint {endpoint!r} in the stack {name}; deployed are: {known}")
    outputs = found[endpoint]
    if not outputs.get("url"):
        raise Refused(f"The endpoint {endpoint} predicts files; its predictions lie in {outputs.get('output')}")
    sent = {
        "content-type": "application/json",
        **_headers(headers),
        **_authorization(endpoint, outputs, group),
    }
    return _ask(endpoint, str(outputs["url"]), body, sent, timeout)


def _body(data: str) -> str:
    source = "--data"
    if data.startswith("@"):
        source = data[1:]
        try:
            data = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError([Problem(file=source, message=f"cannot be read: {error.strerror}")]) from error
    try:
        json.loads(data)
    except ValueError as error:
        fix = """a request looks like {"instances": [[...], ...]}"""
        raise ConfigurationError([Problem(file=source, message=f"is not JSON: {error}", fix=fix)]) from error
    return data


def _headers(given: Sequence[str]) -> dict[str, str]:
    pairs = [(header, *header.partition(":")) for header in given]
    wrong = [whole for whole, name, colon, _ in pairs if not (colon and name.strip())]
    if wrong:
        raise ConfigurationError(Problem(path="--header", message=f"{each!r} is not `name: value`") for each in wrong)
    return {name.strip().lower(): value.strip() for _, name, _, value in pairs}


def _authorization(endpoint: str, outputs: Mapping[str, Any], group: str | None) -> dict[str, str]:
    authentication = outputs.get("authentication") or {}
    if authentication.get("scheme") != "jwt" or outputs.get("target") != "local":
        raise Refused(
            f"The endpoint {endpoint} lives on {outputs.get('target')}; this release invokes endpoints of this machine "
            f"only. Ask it with its own client: {outputs.get('url')}"
        )
    return {"authorization": f"Bearer {callers.token(authentication, group=group, seconds=_TOKEN_SECONDS)}"}


def _ask(endpoint: str, url: str, body: str, headers: Mapping[str, str], timeout: float) -> str:
    import httpx

    try:
        answer = httpx.post(url, content=body, headers=dict(headers), timeout=timeout, trust_env=False)
    except httpx.TimeoutException as error:
        raise HybridMLError(
            f"{endpoint} did not answer within {timeout:g} s at {url}. Its state: hybridml status"
        ) from error
    except httpx.HTTPError as error:
        raise HybridMLError(f"{endpoint} does not answer at {url}: {error}. Its state: hybridml status") from error
    if answer.status_code >= _ERROR:
        raise HybridMLError(_refusal(endpoint, answer))
    return answer.text


def _refusal(endpoint: str, answer: httpx.Response) -> str:
    hints = {
        401: "the token was not accepted",
        403: "the group is not among the endpoint's access.invokers",
        503: "no model server is healthy; see hybridml status",
    }
    hint = hints.get(answer.status_code, "")
    text = answer.text.strip() or "(empty answer)"
    return f"{endpoint} answered {answer.status_code}{f', {hint}' if hint else ''}: {text}"
