"""The base of every model in a spec, and how a rule between fields says no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

RULE: Final = "hybridml_rule"
"""Type of the pydantic error that carries findings."""


class Part(BaseModel):
    """A part of a spec: frozen, and closed to fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule between fields that does not hold."""

    path: tuple[str | int, ...]
    """Where, below the part that has the rule."""
    message: str
    """What is wrong."""
    fix: str = ""
    """What to do."""


def refuse(findings: Iterable[Finding]) -> None:
    """Raise all `findings` as one validation error; nothing when there are none."""
    found = tuple(findings)
    if found:
        text = "; ".join(f"{'.'.join(map(str, finding.path))}: {finding.message}" for finding in found)
        raise PydanticCustomError(RULE, "{text}", {"text": text, "findings": found})
