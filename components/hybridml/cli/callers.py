"""How an endpoint of this machine is asked: the token, the file that carries it, and the `curl` line that reads it."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridml.cli.place import Place

CURL_SECONDS = 12 * 3600
"""How long the header that `up` writes for `curl` is good for."""


def token(authentication: Mapping[str, Any], *, group: str | None, seconds: int) -> str:
    """A token that the endpoint accepts, for a caller in `group` or in the first group that may call."""
    from hybridml.provider.tokens import mint

    groups = [group] if group else list(authentication.get("groups") or [])[:1]
    return mint(
        Path(str(authentication["key"])),
        issuer=str(authentication["issuer"]),
        audience=str(authentication["audience"]),
        subject=getpass.getuser(),
        groups=groups,
        lifetime=seconds,
    )


def curl(here: Place, stack: str, name: str, endpoint: Mapping[str, Any]) -> str:
    """A line for a shell that asks the endpoint with an example of its own; empty where it lives elsewhere.

    The header with the token is written to a file that only its owner reads, so that it is in no process list.
    """
    authentication = endpoint.get("authentication") or {}
    if authentication.get("scheme") != "jwt" or endpoint.get("target") != "local":
        return ""
    header = here.state_folder(stack) / "curl" / f"{name}.header"
    _write(header, f"Authorization: Bearer {token(authentication, group=None, seconds=CURL_SECONDS)}\n")
    words = ["curl", "-sS", "-H", f"@{_near(header, here.root)}", "-H", "Content-Type: application/json"]
    words += ["--data", f"@{_near(Path(str(endpoint['example'])), here.root)}", str(endpoint["url"])]
    return shlex.join(words)


def forget_curl(here: Place, stack: str) -> None:
    """Removes the files that `curl` wrote headers to."""
    shutil.rmtree(here.state_folder(stack) / "curl", ignore_errors=True)


def _near(path: Path, root: Path) -> str:
    """`path` as one would type it: relative when the command is run in the project, absolute elsewhere."""
    return str(path.relative_to(root) if Path.cwd() == root and path.is_relative_to(root) else path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
