"""Which resources a run is restricted to: URNs, names and wildcards, and what depends on them.

Wildcards are Pulumi's (pkg/resource/deploy/deployment.go, UrnTargets): `*` stands for text without a colon, `**` for
any text. A pattern without `::` and `**` speaks of a resource's name, of whatever type it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hybridml.engine.aliases import Urn
from hybridml.errors import ConfigurationError, Problem

OPTION: Final = "--target"
"""What a command calls it, for messages."""
_NEAREST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a run is to touch. Without patterns: everything."""

    patterns: tuple[str, ...] = ()
    """URNs or names, `*` and `**` allowed."""
    dependents: bool = False
    """Also whatever depends on what the patterns name, and so on."""

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def among(self, urns: Collection[str]) -> frozenset[str]:
        """Those of `urns` that a pattern names.

        Errors: `ConfigurationError` listing every pattern that names none, with the nearest names.
        """
        found = {pattern: {urn for urn in urns if _names(pattern, urn)} for pattern in self.patterns}
        unknown = [pattern for pattern, matches in found.items() if not matches]
        if unknown:
            raise ConfigurationError(_unknown(pattern, urns) for pattern in unknown)
        return frozenset(urn for matches in found.values() for urn in matches)

    def for_pulumi(self) -> tuple[str, ...]:
        """The patterns as options of a `pulumi` command, which knows URNs only."""
        urns = (pattern if _is_urn(pattern) else f"**::{pattern}" for pattern in self.patterns)
        options = [word for urn in urns for word in (OPTION, urn)]
        return (*options, *(["--target-dependents"] if self.dependents else []))


EVERYTHING: Final = Targets()
"""No restriction."""


def with_dependents(chosen: Iterable[str], needs: Mapping[str, Collection[str]]) -> frozenset[str]:
    """`chosen` and everything that needs one of them, and so on. `needs` maps a URN to those it needs."""
    holders: dict[str, list[str]] = {}
    for urn, needed in needs.items():
        for each in needed:
            holders.setdefault(each, []).append(urn)
    found, open_ends = set(chosen), list(chosen)
    while open_ends:
        new = [urn for urn in holders.get(open_ends.pop(), ()) if urn not in found]
        found.update(new)
        open_ends += new
    return frozenset(found)


def _is_urn(pattern: str) -> bool:
    return "::" in pattern or "**" in pattern


def _names(pattern: str, urn: str) -> bool:
    subject = urn if _is_urn(pattern) else Urn.parse(urn).name
    return subject == pattern or ("*" in pattern and _matches(pattern, subject))


def _matches(pattern: str, text: str) -> bool:
    """Whether the wildcards of `pattern` can stand for parts of `text`, all ways followed at once: many stars may not
    take for ever, as they do in a regular expression.
    """
    ends = {0}
    for piece in re.split(r"(\*+)", pattern):
        if piece == "*":
            ends = {end for begin in ends for end in range(begin, _segment_end(text, begin) + 1)}
        elif piece.startswith("*"):
            ends = set(range(min(ends), len(text) + 1)) if ends else ends
        else:
            ends = {begin + len(piece) for begin in ends if text.startswith(piece, begin)}
    return len(text) in ends


def _segment_end(text: str, begin: int) -> int:
    colon = text.find(":", begin)
    return len(text) if colon < 0 else colon


def _unknown(pattern: str, urns: Collection[str]) -> Problem:
    known = sorted(urns) if _is_urn(pattern) else sorted({Urn.parse(urn).name for urn in urns})
    near = difflib.get_close_matches(pattern.replace("*", ""), known, n=_NEAREST) or known[:_NEAREST]
    fix = f"the nearest are: {', '.join(near)}" if near else "the stack is empty"
    return Problem(path=OPTION, message=f"{pattern!r} names no resource of this stack", fix=fix)
