"""Verifies who signed an artifact: `python -m hybridml.jobs.verify ARTIFACT --key KEY --bundle BUNDLE`.

Ends with status 0 when BUNDLE was made with the private half of KEY over every byte of ARTIFACT, else with status 1
and one line that says why not. Needs no network. Format: OpenSSF Model Signing, a Sigstore bundle over an in-toto
statement that lists each file with its digest.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import HybridMLError

if TYPE_CHECKING:
    from model_signing.verifying import Config

WHOLE: Final = "."
"""How a signature names an artifact that is one file."""
_SHOWN = 5
_LONGEST = 300


class NotSigned(HybridMLError):  # noqa: N818 - says what the artifact is
    """An artifact is not the one that was signed, or not signed with that key."""


def verify(artifact: Path, key: Path, bundle: Path) -> None:
    """Return when `bundle` signs every file of `artifact` with the private half of `key`.

    `key` is a public key in PEM on the curve P-256, P-384 or P-521. Raises `NotSigned` with the reason.
    """
    for what, path in (("artifact", artifact), ("public key", key), ("signature", bundle)):
        if not path.exists():
            raise NotSigned(f"the {what} {path} is missing; sign the artifact, or correct the path")
    if links := [path for path in artifact.rglob("*") if path.is_symlink()]:
        raise NotSigned(f"{min(links)} is a link, and what it leads to is not signed; put the file itself there")
    try:
        _verifier(key).verify(artifact, bundle)
        signed = _signed(bundle)
    except NotSigned:
        raise
    except Exception as error:  # what a bundle that is none makes its parsers raise has no common base
        raise NotSigned(f"{artifact}: {_reason(error, key, bundle)}") from None
    _require_all(artifact, signed)


def _verifier(key: Path) -> Config:
    try:
        from model_signing.verifying import Config
    except ImportError as error:
        raise NotSigned(f"signatures cannot be verified: {error}; pip install 'hybridml[local]'") from None
    try:
        config: Config = Config()  # type: ignore[no-untyped-call] # the library's constructors carry no types
        return config.use_elliptic_key_verifier(public_key=key)
    except Exception:  # ValueError, TypeError, AttributeError, UnsupportedAlgorithm: whatever the file holds
        raise NotSigned(
            f"{key} is not a public key that verifies signatures; it has to be an EC key in PEM, P-256, P-384 or P-521"
        ) from None


def _reason(error: Exception, key: Path, bundle: Path) -> str:
    """Why verification failed, in our words where the library has none for people."""
    from cryptography.exceptions import InvalidSignature

    said = str(error).partition("\n")[0][:_LONGEST]
    if isinstance(error, InvalidSignature) or said.startswith("Key mismatch"):
        return f"{bundle} was not signed with the private half of {key}"
    if type(error) is ValueError and said.startswith("Signature mismatch: "):
        return f"it is not what {bundle} signs: {said.removeprefix('Signature mismatch: ')}"
    return f"{bundle} is not a signature of model-signing that can be read"


def _signed(bundle: Path) -> set[str]:
    """The files that a verified bundle lists, as paths from the artifact's folder."""
    envelope = json.loads(bundle.read_text(encoding="utf-8"))["dsseEnvelope"]
    predicate: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return {str(resource["name"]) for resource in predicate["resources"]}


def _require_all(artifact: Path, signed: set[str]) -> None:
    """A signer may leave paths out, and leaves out those of git; a file there could be anybody's."""
    files = [path for path in artifact.rglob("*") if not path.is_dir()] if artifact.is_dir() else []
    names = {path.relative_to(artifact).as_posix() for path in files} or {WHOLE}
    if unsigned := sorted(names - signed):
        shown = ", ".join(unsigned[:_SHOWN]) + (", …" if len(unsigned) > _SHOWN else "")
        raise NotSigned(f"{artifact}: {len(unsigned)} of its files are not signed: {shown}; sign the whole artifact")


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the arguments name; the exit status."""
    parser = argparse.ArgumentParser(prog="hybridml.jobs.verify", description="Verify who signed an artifact.")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="public key, PEM")
    parser.add_argument("--bundle", type=Path, required=True, help="signature bundle")
    asked = parser.parse_args(arguments)
    try:
        verify(asked.artifact, asked.key, asked.bundle)
    except NotSigned as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
