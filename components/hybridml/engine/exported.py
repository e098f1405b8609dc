"""Deployments as Pulumi exports them (`pulumi stack export`) or keeps them in a folder, read for planning against them.

Secrets that a passphrase keeps are opened when it is at hand; those of another provider stay closed, and are compared
with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hybridml.engine import secrets
from hybridml.engine.deployment import deployment_of
from hybridml.engine.recorded import Recorded
from hybridml.engine.secrets import Crypter
from hybridml.engine.values import SECRET_SIGNATURE, SIGNATURE
from hybridml.errors import StateError

_DEEPEST: Final = 100


def passphrases(given: str | None, directory: Path) -> tuple[str, ...]:
    """The passphrases at hand: the one given, else the environment's, and the one of the state folder `directory`."""
    said = given if given is not None else secrets.given_passphrase()
    own = directory / "passphrase"
    kept = (secrets.local_passphrase(directory),) if own.is_file() else ()
    return (*([] if said is None else [said]), *kept)


def read(path: Path) -> Mapping[str, Any]:
    """The deployment in the file. Errors: `StateError` when there is none that can be read."""
    if path.is_dir():
        raise StateError(f"{path} is no file. Write one with: pulumi stack export --file {path / 'state.json'}")
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        message = f"There is no state at {path}. Write one with: pulumi stack export --file {path}"
        raise StateError(message) from None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} cannot be read: it is cut short, or no JSON: {error}") from error
    try:
        _refuse_depth(document)
        Recorded.of(document)
    except StateError as error:
        raise StateError(f"{path}: {error}") from None
    return dict(document)


def _refuse_depth(document: Any) -> None:
    """Errors: `StateError` when values lie deeper inside each other than any that Pulumi records."""
    level = [document]
    for _ in range(_DEEPEST):
        inside = (each.values() if isinstance(each, Mapping) else each for each in level)
        level = [item for items in inside for item in items if isinstance(item, Mapping | list)]
        if not level:
            return
    raise StateError(f"not a deployment: values in it lie more than {_DEEPEST} deep inside each other")


def opened(document: Mapping[str, Any], passphrases: Iterable[str]) -> Mapping[str, Any]:
    """`document` with its secrets in the clear where one of `passphrases` keeps them; else as it is.

    Errors: `StateError` when a secret was changed, or sealed with another key than the rest.
    """
    crypter = _crypter(deployment_of(document), passphrases)
    return document if crypter is None else _opened(document, crypter)


def sealed(value: Any) -> bool:
    """Whether any secret in `value` is still closed."""
    if isinstance(value, Mapping):
        return ("ciphertext" in value and SIGNATURE in value) or any(map(sealed, value.values()))
    return isinstance(value, list) and any(map(sealed, value))


def _crypter(deployment: Mapping[str, Any], passphrases: Iterable[str]) -> Crypter | None:
    kept = deployment.get("secrets_providers")
    kept = kept.get("state") if isinstance(kept, Mapping) and kept.get("type") == "passphrase" else None
    salt = kept.get("salt") if isinstance(kept, Mapping) else None
    if not isinstance(salt, str) or not sealed(deployment):
        return None
    for passphrase in dict.fromkeys(passphrases):
        try:
            return secrets.unlock(salt, passphrase)
        except StateError:
            continue
    return None


def _opened(value: Any, crypter: Crypter) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET_SIGNATURE and isinstance(value.get("ciphertext"), str):
            return {SIGNATURE: SECRET_SIGNATURE, "plaintext": crypter.decrypt(value["ciphertext"])}
        return {key: _opened(item, crypter) for key, item in value.items()}
    return [_opened(item, crypter) for item in value] if isinstance(value, list) else value
