"""`HostFile`: a file or folder whose bytes are the ones asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from hybridml.errors import DigestMismatch, ResourceError
from hybridml.provider.files import copy, observed_mode, place, remove, set_mode, write_text
from hybridml.provider.resource import Context, Resource
from hybridml.provider.shape import Failure, wanted
from hybridml.provider.unknown import UNKNOWN, NotKnownYet
from hybridml.spec.digest import NotAnArtifact, digest

_ABSOLUTE: dict[str, Any] = {"pattern": r"/[^\0]*", "like": "an absolute path"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostFileInputs:
    """What is asked for."""

    path: str = wanted(**_ABSOLUTE)
    source: str | None = wanted(None, **_ABSOLUTE)
    content: str | None = wanted(None)
    sha256: str | None = wanted(None, pattern=r"[0-9a-f]{64}", like="64 lower-case hexadecimal digits")
    mode: str = wanted("0600", pattern=r"0[0-7]{3}", like="four octal digits, 0600")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostFileState:
    """What is there."""

    path: str
    source: str | None = None
    content: str | None = None
    sha256: str
    mode: str


def _one_origin(inputs: HostFileInputs) -> Iterator[Failure]:
    if (inputs.source is None) == (inputs.content is None):
        yield Failure(path="source", reason="exactly one of `source` and `content` must be given")


class HostFile(Resource[HostFileInputs, HostFileState]):
    """A file or folder whose content is the same on every run, or the run fails.

    Replaced when `path` changes; updated in place when bytes or mode do. Nothing is visible before its digest is
    verified, and what was there stays when it is wrong.
    Errors: `DigestMismatch` when the source does not have the digest that was asked for; ResourceError when the path
    holds something else that this resource did not put there.
    """

    inputs = HostFileInputs
    state = HostFileState
    replaces_on = frozenset({"path"})
    rules = (_one_origin,)
    foresight: ClassVar[Mapping[str, Any]] = {"sha256": lambda inputs: inputs.sha256 or UNKNOWN}

    def complete(self, raw: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
        """The digest of what is there to read now, so that changed bytes are a change of the resource."""
        if raw.get("sha256") is not None:
            return {}
        try:
            found = _digest_now(raw.get("source"), raw.get("content"))
        except NotKnownYet:
            found = UNKNOWN
        return {} if not found else {"sha256": found}

    def identity(self, state: HostFileState) -> str:
        """The path."""
        return state.path

    def create(self, inputs: HostFileInputs) -> HostFileState:
        """Put the bytes in place; what is there already is taken over when it has them, and refused otherwise."""
        there = _digest_of(Path(inputs.path))
        if there is None or (there and there == (inputs.sha256 or _digest_now(inputs.source, inputs.content))):
            return _put(inputs)
        raise ResourceError(
            f"{inputs.path} holds something else already, which is left as it is; move it or choose another path"
        )

    def update(self, inputs: HostFileInputs, state: HostFileState) -> HostFileState:
        """Put the bytes in place of those that the resource, or somebody after it, put there."""
        return _put(inputs)

    def read(self, state: HostFileState) -> HostFileState | None:
        """The digest and mode of what is there now."""
        path = Path(state.path)
        found = _digest_of(path)
        if found is None:
            return None
        mode = observed_mode(path, int(state.mode, 8))
        return dataclasses.replace(state, sha256=found, mode=f"{mode:04o}")

    def drift(self, state: HostFileState) -> frozenset[str]:
        """The digest, when what is there is missing or has other bytes."""
        return frozenset() if _digest_of(Path(state.path)) == state.sha256 else frozenset({"sha256"})

    def delete(self, state: HostFileState) -> None:
        """Remove the file or folder; a link that somebody put in its place stays."""
        path = Path(state.path)
        if not path.is_symlink():
            remove(path)


def _put(inputs: HostFileInputs) -> HostFileState:
    """Put the bytes in place; when they already are, only the mode is set."""
    path, mode = Path(inputs.path), int(inputs.mode, 8)
    if inputs.sha256 is not None and _digest_of(path) == inputs.sha256:
        set_mode(path, mode)
        return _state(inputs, inputs.sha256)
    found: list[str] = []
    place(path, lambda part: found.append(_fill(inputs, part)), mode)
    return _state(inputs, found[0])


def _state(inputs: HostFileInputs, sha256: str) -> HostFileState:
    return HostFileState(
        path=inputs.path, source=inputs.source, content=inputs.content, sha256=sha256, mode=inputs.mode
    )


def _digest_now(source: Any, content: Any) -> str | None:
    if isinstance(content, str):
        return hashlib.sha256(content.encode()).hexdigest()
    return _digest_of(Path(source)) if isinstance(source, str) else None


def _digest_of(path: Path) -> str | None:
    """The digest of what lies at `path`; None when nothing does, empty when its bytes cannot be pinned."""
    if not os.path.lexists(path):
        return None
    try:
        return digest(path)
    except NotAnArtifact:
        return ""


def _fill(inputs: HostFileInputs, part: Path) -> str:
    """Write the bytes to `part` and verify what was written there."""
    if inputs.content is not None:
        write_text(part, inputs.content)
    else:
        _copy_source(Path(str(inputs.source)), part, inputs)
    try:
        found = digest(part)
    except NotAnArtifact as error:
        raise ResourceError(f"{inputs.source} cannot be verified: {error}") from None
    if inputs.sha256 is not None and found != inputs.sha256:
        raise DigestMismatch(
            f"{inputs.source or 'the content'} for {inputs.path} has sha256 {found}, expected {inputs.sha256}; "
            "what was there stays. Train again, or correct the digest"
        )
    return found


def _copy_source(source: Path, part: Path, inputs: HostFileInputs) -> None:
    if not source.exists():
        wanted_digest = f" with sha256 {inputs.sha256}" if inputs.sha256 else ""
        raise ResourceError(f"{source} is missing; {inputs.path} needs it{wanted_digest}")
    copy(source, part)
