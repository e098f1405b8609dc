"""Every error that hybridml raises on purpose, and the exit status each one ends a command with.

HybridMLError                 1   something failed while it ran
├── ConfigurationError        2   what was written down cannot be used; carries every problem at once
├── ProgramError              1   the user's Pulumi program raised, or left with `sys.exit`
├── Interrupted             130   a person, or the system, ended the run; it can be taken up
├── StateError                1   the state file is unreadable, cut short, newer or held by another engine
│   └── LockedError           1   another run holds the stack
└── ResourceError             1   a resource could not be created, updated, read or deleted
    ├── DigestMismatch        1   an artifact is not the one that was asked for
    └── Refused               1   this engine or this release cannot apply that resource type
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


def printable(text: str, keep: str = "") -> str:
    """`text` on one line and without what would steer a terminal, but for the signs to `keep`: it may be anybody's."""
    return "".join(sign if sign.isprintable() or sign in keep else "\N{REPLACEMENT CHARACTER}" for sign in text)


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing wrong with a configuration: where, what, and what to do about it."""

    file: str = ""
    """File that holds the value, relative to the project; empty when no file does."""
    line: int = 0
    """One-based line in `file`; 0 when unknown."""
    path: str = ""
    """Dotted path of the value inside the file: `traffic.champion.weight`."""
    message: str
    """What is wrong with the value, the value itself included unless it is secret."""
    fix: str = ""
    """What to do, the allowed values included."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = " ".join(part for part in (place, self.path) if part)
        where = printable(where)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.fix})" if self.fix else text


class HybridMLError(Exception):
    """Base of every error raised on purpose; its text is the whole message, ready for a person."""

    exit_code = 1
    hidden: tuple[str, ...] = ()
    """Secrets that whatever led to it may hold, and that no traceback may show."""


class ConfigurationError(HybridMLError):
    """What was written down cannot be used. `problems` holds all of them, in file order."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class ProgramError(HybridMLError):
    """The user's Pulumi program raised an exception or left with `sys.exit`."""


class Interrupted(HybridMLError):  # noqa: N818 - says what happened
    """A person, or the system, ended the run in order; the next one goes on."""

    exit_code = 130


class StateError(HybridMLError):
    """The state of a stack cannot be read, or belongs to another engine."""


class LockedError(StateError):
    """Another run holds the stack."""


class ResourceError(HybridMLError):
    """A resource could not be created, updated, read or deleted."""


class DigestMismatch(ResourceError):  # noqa: N818 - the field's word for it
    """An artifact does not have the digest that was asked for."""


class Refused(ResourceError):  # noqa: N818 - says what happened, as in the plan
    """This engine, or this release, cannot apply a resource of that type."""
