"""What the inputs of every process of this machine have in common: their spelling, their rules, their names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from hybridml.provider import durations
from hybridml.provider.shape import Failure

DURATION: Final[dict[str, Any]] = {"pattern": durations.PATTERN, "like": durations.LIKE}
ABSOLUTE: Final[dict[str, Any]] = {"pattern": r"/[^\0]*", "like": "an absolute path"}


class ProcessInputs(Protocol):
    """Inputs that name a program and its environment."""

    @property
    def argv(self) -> tuple[str, ...]:
        """Program and arguments."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Environment variables."""
        ...


def text_is_text(inputs: ProcessInputs) -> Iterator[Failure]:
    """A failure for each argument and variable with a NUL character, which no process can be given."""
    arguments = ((f"argv[{position}]", text) for position, text in enumerate(inputs.argv))
    variables = ((f'env["{name}"]', text) for name, text in inputs.env.items())
    for path, text in (*arguments, *variables):
        if "\0" in text:
            yield Failure(path=path, reason="must not contain a NUL character")


def names_are_names(inputs: ProcessInputs) -> Iterator[Failure]:
    """A failure for each variable that no shell could name."""
    for name in inputs.env:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            yield Failure(path=f'env["{name}"]', reason="is not a name of an environment variable")


def instance_name(name: str, seed: bytes, before: object, longest: int) -> str:
    """A readable name for a process's folder, the same when the check is repeated with the same seed."""
    mark = hashlib.sha256((seed or os.urandom(8)) + str(before).encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:longest]
    return f"{readable}-{mark}"
