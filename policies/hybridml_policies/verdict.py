"""What a rule answers: pass, fail, unknown or not applicable, and the reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The four answers of a rule."""

    PASS = "pass"  # noqa: S105 - the word for it
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class Verdict:
    """One answer and why; a pass needs no reason."""

    kind: Kind
    reason: str = ""
    """One sentence without a full stop: which property, what it is, what was wanted."""


PASS = Verdict(Kind.PASS)


def fails(reason: str) -> Verdict:
    """The resource certainly breaks the rule."""
    return Verdict(Kind.FAIL, reason)


def unknown(reason: str) -> Verdict:
    """The rule needs a value that nobody knows yet."""
    return Verdict(Kind.UNKNOWN, reason)


def not_applicable(reason: str) -> Verdict:
    """The rule has nothing to say about this resource."""
    return Verdict(Kind.NOT_APPLICABLE, reason)


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Fails with every failing reason, else is unknown with every unknown one, else passes.

    Nothing to ask, or nothing applicable, is not applicable.
    """
    asked = tuple(verdicts)
    return (
        _merged(asked, Kind.FAIL)
        or _merged(asked, Kind.UNKNOWN)
        or (PASS if any(verdict.kind is Kind.PASS for verdict in asked) else _merged(asked, Kind.NOT_APPLICABLE))
        or not_applicable("there is nothing to check")
    )


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Passes when one passes, else is unknown when one is, else fails with every reason."""
    asked = tuple(verdicts)
    if any(verdict.kind is Kind.PASS for verdict in asked):
        return PASS
    return (
        _merged(asked, Kind.UNKNOWN)
        or _merged(asked, Kind.FAIL)
        or _merged(asked, Kind.NOT_APPLICABLE)
        or not_applicable("there is nothing to check")
    )


def _merged(verdicts: tuple[Verdict, ...], kind: Kind) -> Verdict | None:
    reasons = dict.fromkeys(verdict.reason for verdict in verdicts if verdict.kind is kind)
    return Verdict(kind, "; ".join(filter(None, reasons))) if reasons else None
