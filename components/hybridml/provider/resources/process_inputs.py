"""Rules that the inputs of every process of this machine keep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from hybridml.provider.shape import Failure


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
