"""Pulumi's own passphrase secrets: what a stack file calls `secure:`, and the secrets of a state file.

A stack names its key by a salt line, `v1:<salt>:v1:<nonce>:<ciphertext>`: the key is PBKDF2-HMAC-SHA256 of the
passphrase over 1,000,000 iterations, and the tail is the word `pulumi` encrypted, which tells a wrong passphrase.
Values are AES-256-GCM, written `v1:<nonce>:<ciphertext>`, all in standard base64. Source of the format:
Pulumi's `sdk/go/common/resource/config/crypt.go` and `pkg/secrets/passphrase`.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hybridml.errors import StateError

ITERATIONS = 1_000_000
"""Rounds of PBKDF2, fixed by Pulumi's format version 1."""
PASSPHRASE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - a variable's name
PASSPHRASE_FILE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105 - a variable's name
_SET = f"Set {PASSPHRASE_VARIABLE} or {PASSPHRASE_FILE_VARIABLE} to the one they were encrypted with"
_RESTORE = "Put back the one they were encrypted with"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 8
_PROOF = "pulumi"
_VALUE_PARTS = 3
_SALT_PARTS = 3


@dataclass(frozen=True, kw_only=True)
class Crypter:
    """Encrypts and decrypts the values of one stack."""

    salt: str
    """The stack's salt line: what a stack file calls `encryptionsalt`."""
    key: bytes
    """The derived key; never written anywhere."""

    def __repr__(self) -> str:
        return f"Crypter(salt={self.salt!r})"

    def encrypt(self, text: str) -> str:
        """`text` as `v1:<nonce>:<ciphertext>`, different at every call."""
        return _encrypt(self.key, text)

    def decrypt(self, sealed: str) -> str:
        """What `encrypt` was given.

        Errors: `StateError` when the value is not in Pulumi's format or was sealed with another key.
        """
        return _decrypt(self.key, sealed)


def unlock(salt: str, passphrase: str, *, source: str = "") -> Crypter:
    """The crypter of an existing salt line. `source` says where the passphrase is from, for the message.

    Errors: `StateError` when the passphrase is wrong or the line is not in Pulumi's format.
    """
    version, _, rest = salt.partition(":")
    encoded, _, proof = rest.partition(":")
    if version != "v1" or len(proof.split(":")) != _SALT_PARTS:
        raise StateError(
            "The encryption salt is not in Pulumi's passphrase format (v1:<salt>:v1:<nonce>:<ciphertext>); "
            "nothing was changed."
        )
    key = _derive(passphrase, _decode(encoded))
    try:
        right = _decrypt(key, proof) == _PROOF
    except StateError:
        right = False
    if not right:
        raise StateError(
            f"The passphrase{f' in {source}' if source else ''} is wrong for this stack's secrets. "
            f"{_RESTORE if source else _SET}; nothing was changed."
        )
    return Crypter(salt=salt, key=key)


def create(passphrase: str) -> Crypter:
    """A crypter with a new salt."""
    salt = os.urandom(_SALT_BYTES)
    key = _derive(passphrase, salt)
    return Crypter(salt=f"v1:{_encode(salt)}:{_encrypt(key, _PROOF)}", key=key)


def given_passphrase() -> str | None:
    """The passphrase that the environment gives by Pulumi's own variables; None when it gives none.

    Errors: `StateError` when the file that is named cannot be read.
    """
    if PASSPHRASE_VARIABLE in os.environ:
        return os.environ[PASSPHRASE_VARIABLE]
    name = os.environ.get(PASSPHRASE_FILE_VARIABLE)
    if not name:
        return None
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{PASSPHRASE_FILE_VARIABLE} names {name}, which cannot be read: {_why(error)}") from error


def local_passphrase(directory: Path) -> str:
    """The random passphrase of the state in `directory`, made on first use in the file `passphrase`, mode 0600."""
    path = directory / "passphrase"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write_passphrase(path)
        phrase = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"The passphrase file {path} cannot be read: {_why(error)}; nothing was changed.") from error
    if not phrase:
        raise StateError(f"The passphrase file {path} is empty. Restore it, or remove {directory} to begin anew.")
    return phrase


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _write_passphrase(path: Path) -> None:
    """Write a new passphrase under a name of its own and link it into place: the first of two writers wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


@functools.lru_cache(maxsize=16)
def _derive(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, ITERATIONS, _KEY_BYTES)


def _encrypt(key: bytes, text: str) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return f"v1:{_encode(nonce)}:{_encode(AESGCM(key).encrypt(nonce, text.encode(), None))}"


def _decrypt(key: bytes, sealed: str) -> str:
    parts = sealed.split(":")
    if len(parts) != _VALUE_PARTS or parts[0] != "v1":
        raise StateError("An encrypted value is not in Pulumi's format (v1:<nonce>:<ciphertext>)")
    try:
        return AESGCM(key).decrypt(_decode(parts[1]), _decode(parts[2]), None).decode()
    except (InvalidTag, ValueError) as error:
        raise StateError("An encrypted value was sealed with another key, or was changed") from error


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StateError("An encrypted value or salt is not valid base64; nothing was changed.") from error
