"""Downloads an object, or every object below a prefix, from a store that speaks S3. Standard library only.

Runs in the init container of a serving pod beside `verify_artifact.py`, so that a serving image needs no AWS client.
What arrives is not trusted: the verifier compares its digest afterwards.

Sources: Amazon S3 API, "Authenticating Requests: Using the Authorization Header", `ListObjectsV2`, `GetObject`.
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from http.client import HTTPResponse
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen
from xml.etree import ElementTree

EMPTY = hashlib.sha256(b"").hexdigest()
"""Digest of the body of a GET request."""
TIMEOUT_SECONDS = 60
"""How long the store may be silent."""


@dataclass(frozen=True)
class Credentials:
    """Who asks."""

    key: str
    """Access key id."""
    secret: str
    """Secret access key."""
    token: str = ""
    """Session token; empty for a long-lived key."""


@dataclass(frozen=True)
class Store:
    """Where to ask, and as whom."""

    endpoint: str
    """Address of the store, without bucket."""
    region: str
    """Region that the signature names; stores outside AWS take any."""
    credentials: Credentials
    """Who asks."""


def store_of(environment: Mapping[str, str]) -> Store | None:
    """The store that the environment names: endpoint, region, credentials file. None without such a file."""
    file = environment.get("AWS_SHARED_CREDENTIALS_FILE")
    if not file:
        return None
    parser = configparser.ConfigParser()
    parser.read(file, encoding="utf-8")
    section = parser[environment.get("AWS_PROFILE", "default")]
    region = environment.get("AWS_REGION", "us-east-1")
    return Store(
        environment.get("MLFLOW_S3_ENDPOINT_URL", f"https://s3.{region}.amazonaws.com").rstrip("/"),
        region,
        Credentials(
            section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token", "")
        ),
    )


def download(uri: str, folder: Path, store: Store) -> Path:
    """What lies at `uri`, as `folder/artifact`: a file for an object, a folder for a prefix.

    Raises `FileNotFoundError` where nothing lies there, `ValueError` for a name that would leave the folder.
    """
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    target, prefix = folder / "artifact", path.rstrip("/")
    found = False
    for key in _keys(bucket, prefix, store):
        if key != prefix and not key.startswith(f"{prefix}/" if prefix else ""):
            continue
        below = PurePosixPath(key[len(prefix) :].lstrip("/"))
        if key.endswith("/"):
            continue
        if ".." in below.parts or "\\" in key:
            raise ValueError(f"{uri}: the name {key!r} leaves the folder")
        _save(f"{store.endpoint}/{bucket}/{quote(key)}", target / below, store)
        found = True
    if not found:
        raise FileNotFoundError(f"{uri}: nothing lies there")
    return target


def _keys(bucket: str, prefix: str, store: Store) -> Iterator[str]:
    token = ""
    while True:
        asked = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
        with _get(f"{store.endpoint}/{bucket}?{urlencode(asked, quote_via=quote)}", store) as answer:
            page = ElementTree.fromstring(answer.read())  # noqa: S314 - expat refuses entity bombs since 2.4.1
        yield from (each.text or "" for each in page.iterfind("{*}Contents/{*}Key"))
        token = page.findtext("{*}NextContinuationToken") or ""
        if not token:
            return


def _save(url: str, path: Path, store: Store) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _get(url, store) as answer, path.open("xb") as file:
        shutil.copyfileobj(answer, file, 1 << 20)


def _get(url: str, store: Store) -> HTTPResponse:
    headers = signed("GET", url, {"x-amz-content-sha256": EMPTY}, store, datetime.now(timezone.utc))  # noqa: UP017
    answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)  # noqa: S310 - the scheme is the endpoint's
    return cast("HTTPResponse", answer)


def signed(method: str, url: str, headers: Mapping[str, str], store: Store, now: datetime) -> dict[str, str]:
    """`headers` and the ones that sign a request without a body. `url` is encoded already."""
    parts, moment = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    session = {"x-amz-security-token": store.credentials.token} if store.credentials.token else {}
    sent = {**headers, "x-amz-date": moment, **session}
    covered = sorted({**sent, "host": parts.netloc}.items())
    names = ";".join(name for name, _ in covered)
    query = "&".join(sorted(each if "=" in each else f"{each}=" for each in parts.query.split("&") if each))
    canonical = [method, parts.path or "/", query, *(f"{name}:{value}" for name, value in covered), "", names, EMPTY]
    scope = f"{moment[:8]}/{store.region}/s3/aws4_request"
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    signature = _hmac(_key(store, moment[:8]), "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashed])).hex()
    credential = f"{store.credentials.key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**sent, "Authorization": authorization}


def _key(store: Store, day: str) -> bytes:
    key = f"AWS4{store.credentials.secret}".encode()
    for part in (day, store.region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()


def fetch(uri: str, folder: Path) -> Path | None:
    """`uri` from the store that this process's environment names; None where it names none."""
    store = store_of(os.environ)
    return download(uri, folder, store) if store else None
