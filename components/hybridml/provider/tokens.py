"""Signing keys and the short-lived tokens made with them: PEM files, JSON Web Keys, JWTs.

Sources: RFC 7515 (signatures), 7517 (keys), 7518 section 3 (ES256, RS256), 7519 (tokens), 7638 (key ids).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hybridml.errors import ResourceError

ALGORITHMS: Final = ("ES256", "RS256")
LONGEST_LIFETIME: Final = 24 * 3600
"""Seconds; a token is for one task, not for a configuration file."""
_RSA_BITS, _RSA_EXPONENT, _EC_BYTES = 2048, 65537, 32

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def generate(algorithm: str) -> str:
    """A new private key as PEM (PKCS #8, not encrypted): EC P-256 for ES256, RSA-2048 for RS256."""
    key: PrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=_RSA_BITS)
    )
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")


def load(path: Path) -> PrivateKey:
    """The private key in `path`; raises ResourceError when it is none, or others may read it."""
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise ResourceError(f"{path} is not a regular file; move it away")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
            raise ResourceError(f"{path} can be read by others; run `chmod 600 {path}`, or replace the key")
        pem = stream.read()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ResourceError(f"{path} is not a private key in PEM without a passphrase; move it away") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise ResourceError(f"{path} holds neither an EC P-256 nor an RSA key; move it away")


def algorithm_of(key: PrivateKey) -> str:
    """The algorithm that `key` signs with."""
    return "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"


def public_jwk(key: PrivateKey) -> dict[str, str]:
    """The public half as a JSON Web Key with `kid`, `alg` and `use`."""
    members = _members(key)
    return {**members, "kid": _thumbprint(members), "alg": algorithm_of(key), "use": "sig"}


def _members(key: PrivateKey) -> dict[str, str]:
    """The members that identify the key, those of RFC 7638 section 3.2."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        return {"crv": "P-256", "kty": "EC", "x": _number(point.x, _EC_BYTES), "y": _number(point.y, _EC_BYTES)}
    public = key.public_key().public_numbers()
    return {"e": _number(public.e), "kty": "RSA", "n": _number(public.n)}


def _thumbprint(members: dict[str, str]) -> str:
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64(hashlib.sha256(canonical.encode()).digest())


def jwks(key: PrivateKey) -> str:
    """The public half as a JSON Web Key Set."""
    return json.dumps({"keys": [public_jwk(key)]}, separators=(",", ":"), sort_keys=True)


def mint(
    path: Path, *, issuer: str, audience: str, subject: str, groups: Sequence[str] = (), lifetime: int = 300
) -> str:
    """A JWT signed with the key in `path`, valid from now for `lifetime` seconds (1 to 86,400).

    `audience` is the endpoint's name, `groups` the caller's groups without their `group:` prefix.
    Raises ResourceError when the key is missing, unreadable or open to others, or the lifetime is out of range.
    """
    if not 0 < lifetime <= LONGEST_LIFETIME:
        raise ResourceError(f"a token lives between 1 and {LONGEST_LIFETIME} seconds, not {lifetime}")
    try:
        key = load(path)
    except FileNotFoundError:
        raise ResourceError(f"{path} is missing; bring the stack up first") from None
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": subject, "groups": list(groups), "iat": now, "exp": now + lifetime}
    header = {"alg": algorithm_of(key), "kid": public_jwk(key)["kid"], "typ": "JWT"}
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_base64(_sign(key, signed.encode()))}"


def _sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_EC_BYTES, "big") + s.to_bytes(_EC_BYTES, "big")


def _part(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _number(value: int, length: int | None = None) -> str:
    return _base64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
