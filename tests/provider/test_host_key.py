"""`HostKey` and the tokens made with it: the private half stays where it is."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hybridml.errors import ResourceError
from hybridml.provider.tokens import load, mint

from .conftest import Engine


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def verify(token: str, jwk: dict[str, str]) -> dict[str, Any]:
    """The claims of `token`, after its signature was verified with nothing but the public key set."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    if jwk["kty"] == "EC":
        numbers = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1())
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        numbers.public_key().verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    else:
        public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
        public.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
    return claims


def key(engine: Engine, path: Path, **more: str) -> dict[str, Any]:
    return engine.create("HostKey", engine.check("HostKey", {"path": str(path), **more}))[1]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_only_the_public_half_is_an_output(engine: Engine, tmp_path: Path, algorithm: str) -> None:
    """The private key lies in a file of mode 0600; key id and key set verify what it signs."""
    path = tmp_path / "keys" / "signing.pem"
    state = key(engine, path, algorithm=algorithm)
    jwk = json.loads(state["jwks"])["keys"][0]
    claims = verify(mint(path, issuer="hybridml", audience="churn", subject="me", groups=["scoring"], lifetime=60), jwk)

    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(state) == ["algorithm", "jwks", "kid", "path"]
    assert (jwk["kid"], jwk["alg"], "d" in jwk) == (state["kid"], algorithm, False)
    assert {name: claims[name] for name in ("iss", "aud", "sub", "groups")} == {
        "iss": "hybridml",
        "aud": "churn",
        "sub": "me",
        "groups": ["scoring"],
    }
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 5


def test_a_repeated_run_keeps_the_key(engine: Engine, tmp_path: Path) -> None:
    """Creating twice says the same, and tightens a mode that was opened."""
    path = tmp_path / "signing.pem"
    first = key(engine, path)
    path.chmod(0o644)

    assert key(engine, path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_made_again(engine: Engine, tmp_path: Path) -> None:
    """A missing key is drift; the update writes another one, and delete removes it."""
    path = tmp_path / "signing.pem"
    state = key(engine, path)
    inputs = engine.check("HostKey", {"path": str(path)})
    path.unlink()

    assert engine.read("HostKey", state, inputs) is None
    assert sorted(engine.diff("HostKey", state, inputs, inputs).diffs) == ["jwks", "kid"]
    after = engine.update("HostKey", state, inputs)
    assert after["kid"] != state["kid"]
    engine.delete("HostKey", after)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_key_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    """Another file at the path is neither overwritten nor shown."""
    path = tmp_path / "notes"
    path.write_text("my private notes")

    with pytest.raises(grpc.RpcError, match=f"{path} is not a private key in PEM"):
        key(engine, path)
    assert path.read_text() == "my private notes"


def test_another_algorithm_replaces_the_key(engine: Engine, tmp_path: Path) -> None:
    """The old key goes first, since the new one lies at the same path."""
    path = tmp_path / "signing.pem"
    old = engine.check("HostKey", {"path": str(path)})
    state = key(engine, path)
    new = engine.check("HostKey", {"path": str(path), "algorithm": "RS256"})

    changes = engine.diff("HostKey", state, old, new)
    assert (list(changes.replaces), changes.deleteBeforeReplace) == (["algorithm"], True)
    with pytest.raises(grpc.RpcError, match="holds a key for ES256, not RS256"):
        engine.create("HostKey", new)


def test_a_token_needs_a_private_key_and_a_short_life(engine: Engine, tmp_path: Path) -> None:
    """A key that others may read, a missing one and a long life are refused with what to do."""
    path = tmp_path / "signing.pem"
    key(engine, path)
    path.chmod(0o640)

    with pytest.raises(ResourceError, match="can be read by others; run `chmod 600"):
        load(path)
    with pytest.raises(ResourceError, match="bring the stack up first"):
        mint(tmp_path / "none", issuer="i", audience="a", subject="s")
    with pytest.raises(ResourceError, match="between 1 and 86400 seconds, not 90000"):
        mint(path, issuer="i", audience="a", subject="s", lifetime=90000)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_only_a_regular_file_is_a_key(engine: Engine, tmp_path: Path, kind: str) -> None:
    """Neither a pipe, on which reading would wait for ever, nor a folder nor a link is read; each stays."""
    path = tmp_path / "key.pem"
    {"pipe": os.mkfifo, "folder": os.mkdir, "link": lambda link: link.symlink_to("/etc/hostname")}[kind](path)

    with pytest.raises(grpc.RpcError, match="is not a regular file; move it away"):
        engine.create("HostKey", engine.check("HostKey", {"path": str(path)}))
    assert os.path.lexists(path)
