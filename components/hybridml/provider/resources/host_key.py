"""`HostKey`: a signing key whose private half stays in its file."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from hybridml.errors import ResourceError
from hybridml.provider import tokens
from hybridml.provider.files import place, write_text
from hybridml.provider.resource import Resource
from hybridml.provider.shape import wanted

_PRIVATE = 0o600


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostKeyInputs:
    """What is asked for."""

    path: str = wanted(pattern=r"/[^\0]*", like="an absolute path")
    algorithm: str = wanted("ES256", choices=tokens.ALGORITHMS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostKeyState:
    """What is there: public values only."""

    path: str
    algorithm: str
    kid: str
    jwks: str


class HostKey(Resource[HostKeyInputs, HostKeyState]):
    """A key pair of which only the public half is ever an output.

    An existing key of the right kind is kept, so a repeated run does not invalidate tokens.
    Errors: ResourceError when something else lies at the path, or others may read it.
    """

    inputs = HostKeyInputs
    state = HostKeyState
    replaces_on = frozenset({"path", "algorithm"})
    stable = frozenset({"kid", "jwks"})
    public = frozenset({"kid", "jwks"})

    def deletes_first(self, old: object, new: object) -> bool:
        """Another algorithm means another key at the same path."""
        return True

    def identity(self, state: HostKeyState) -> str:
        """The path."""
        return state.path

    def create(self, inputs: HostKeyInputs) -> HostKeyState:
        """Write a new key, or keep the one that is there."""
        path = Path(inputs.path)
        if not os.path.lexists(path):
            place(path, lambda part: write_text(part, tokens.generate(inputs.algorithm)), _PRIVATE)
        elif path.is_file() and not path.is_symlink():
            path.chmod(_PRIVATE)
        state = _observed(path)
        if state.algorithm != inputs.algorithm:
            raise ResourceError(f"{path} holds a key for {state.algorithm}, not {inputs.algorithm}; move it away")
        return state

    def read(self, state: HostKeyState) -> HostKeyState | None:
        """The public half of the key that is there now."""
        path = Path(state.path)
        return _observed(path) if os.path.lexists(path) else None

    def drift(self, state: HostKeyState) -> frozenset[str]:
        """The key id, when the key is gone, unusable or another one."""
        try:
            return frozenset() if self.read(state) == state else frozenset({"kid", "jwks"})
        except (ResourceError, OSError):
            return frozenset({"kid", "jwks"})

    def delete(self, state: HostKeyState) -> None:
        """Remove the private key; a link or folder that somebody put in its place stays."""
        path = Path(state.path)
        if path.is_file() and not path.is_symlink():
            path.unlink()


def _observed(path: Path) -> HostKeyState:
    key = tokens.load(path)
    kid, algorithm = tokens.public_jwk(key)["kid"], tokens.algorithm_of(key)
    return HostKeyState(path=str(path), algorithm=algorithm, kid=kid, jwks=tokens.jwks(key))
