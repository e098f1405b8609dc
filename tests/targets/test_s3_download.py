"""The download from a store that speaks S3: signatures against the published examples, objects against a server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from hybridml.spec.digest import digest
from hybridml.targets.kubernetes.artifacts import verifier_code
from hybridml.targets.kubernetes.pods import CODE
from hybridml.targets.kubernetes.s3_download import EMPTY, Credentials, Store, download, signed

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
PAGE = 2
"""Keys per page of the server, so that a listing takes more than one."""


@pytest.mark.parametrize(
    ("path", "headers", "signature"),
    [
        ("/test.txt", {"range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_signatures_are_the_published_ones(path: str, headers: dict[str, str], signature: str) -> None:
    """The three examples of Amazon's documentation come out to the digit."""
    store = Store("https://examplebucket.s3.amazonaws.com", "us-east-1", EXAMPLE)
    moment = datetime(2013, 5, 24, tzinfo=UTC)

    sent = signed("GET", store.endpoint + path, {**headers, "x-amz-content-sha256": EMPTY}, store, moment)

    assert sent["Authorization"].endswith(f"Signature={signature}")


class Objects(BaseHTTPRequestHandler):
    """A store of one bucket, `models`, that lists in pages and answers only who signs."""

    objects: dict[str, bytes]

    def do_GET(self) -> None:
        if not self._is_signed():
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if query.get("list-type") == "2":
            self._answer(200, self._listing(query.get("prefix", ""), int(query.get("continuation-token", "0"))))
        else:
            self._answer(200, self.objects[unquote(url.path).removeprefix("/models/")])

    def _is_signed(self) -> bool:
        store = Store(f"http://{self.headers['Host']}", "us-east-1", EXAMPLE)
        moment = datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        again = signed("GET", store.endpoint + self.path, {"x-amz-content-sha256": EMPTY}, store, moment)
        return again["Authorization"] == self.headers["Authorization"]

    def _listing(self, prefix: str, start: int) -> bytes:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        shown = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys[start : start + PAGE])
        more = f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>" if keys[start + PAGE :] else ""
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        return f'<ListBucketResult xmlns="{space}">{shown}{more}</ListBucketResult>'.encode()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def objects() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Address of a store, and what lies in it."""
    held: dict[str, bytes] = {}
    handler = type("Held", (Objects,), {"objects": held})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", held
        server.shutdown()
        thread.join()


Held = tuple[str, dict[str, bytes]]


def test_a_prefix_becomes_a_folder(objects: Held, tmp_path: Path) -> None:
    """Every object below the prefix arrives, page by page; a neighbour whose name begins alike does not."""
    endpoint, held = objects
    held |= {
        "churn/3/MLmodel": b"flavors",
        "churn/3/data/model 1.skops": b"\x00\x01",
        "churn/3/data/ä+b.txt": b"umlaut",
        "churn/3/": b"",
        "churn/33/MLmodel": b"another version",
    }

    folder = download("s3://models/churn/3/", tmp_path, Store(endpoint, "us-east-1", EXAMPLE))

    files = {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    assert files == {"MLmodel": b"flavors", "data/model 1.skops": b"\x00\x01", "data/ä+b.txt": b"umlaut"}


def test_an_object_becomes_a_file(objects: Held, tmp_path: Path) -> None:
    """A single object arrives as one file."""
    endpoint, held = objects
    held["churn/model.onnx"] = b"onnx"

    assert (
        download("s3://models/churn/model.onnx", tmp_path, Store(endpoint, "us-east-1", EXAMPLE)).read_bytes()
        == b"onnx"
    )


def test_nothing_is_an_error(objects: Held, tmp_path: Path) -> None:
    """An empty prefix is said to be empty."""
    with pytest.raises(FileNotFoundError, match="s3://models/churn/9/: nothing lies there"):
        download("s3://models/churn/9/", tmp_path, Store(objects[0], "us-east-1", EXAMPLE))


def test_a_name_cannot_leave_the_folder(objects: Held, tmp_path: Path) -> None:
    """A key that climbs is refused before a byte is written."""
    endpoint, held = objects
    held["churn/3/../../../etc/passwd"] = b"root"

    with pytest.raises(ValueError, match="leaves the folder"):
        download("s3://models/churn/3/", tmp_path / "in", Store(endpoint, "us-east-1", EXAMPLE))
    assert list(tmp_path.rglob("passwd")) == []


@pytest.mark.parametrize("secret", [EXAMPLE.secret, "wrong"])
def test_verifier_fetches_with_the_mounted_credentials(objects: Held, tmp_path: Path, secret: str) -> None:
    """As in a pod: files of the ConfigMap, endpoint and credentials file by the environment, no client in the image."""
    endpoint, held = objects
    held |= {"churn/3/MLmodel": b"flavors", "churn/3/model.skops": b"weights"}
    for key, path in CODE.items():
        (tmp_path / "code" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / path).write_text(verifier_code()[key])
    same = tmp_path / "same"
    same.mkdir()
    (same / "MLmodel").write_bytes(b"flavors")
    (same / "model.skops").write_bytes(b"weights")
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {EXAMPLE.key}\naws_secret_access_key = {secret}\n")
    program = [
        str(tmp_path / "code" / "verify_artifact.py"),
        "s3://models/churn/3/",
        digest(same),
        str(tmp_path / "ml"),
    ]
    environment = {"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}

    result = subprocess.run(
        [sys.executable, "-S", *program], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )

    if secret == "wrong":
        assert (result.returncode, result.stderr.strip()) == (
            1,
            "s3://models/churn/3/ cannot be fetched: HTTP Error 403: Forbidden",
        )
        assert not (tmp_path / "ml" / "model").exists()
    else:
        assert result.returncode == 0, result.stderr
        assert digest(tmp_path / "ml" / "model") == digest(same)
