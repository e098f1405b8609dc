"""Findings as a person reads them: the sum first, then rule by rule what is wrong where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from hybridml_policies import Finding, Kind, Level, Report, WaiverState, WaiverUse

from hybridml.report.paint import Line, painted

_MARKS = {Kind.FAIL: ("✗", "bold red"), Kind.UNKNOWN: ("?", "bold yellow")}
_STATES = {
    WaiverState.EXPIRED: "expired on {expires}; renew it or fix what it covered",
    WaiverState.UNUSED: "covers nothing; remove it",
}


def findings_text(reports: Iterable[Report], *, colour: bool = False) -> str:
    """The findings of one or several stacks; `colour` only for a terminal."""
    lines: list[Line] = []
    for report in reports:
        lines += [[]] if lines else []
        lines += _stack(report)
    return painted(lines, colour=colour)


def _stack(report: Report) -> Iterator[Line]:
    yield _heading(report)
    open_findings = [finding for finding in report.findings if finding.waiver is None and not finding.known]
    for _, group in groupby(open_findings, key=lambda finding: (finding.rule.id, finding.kind)):
        yield []
        yield from _rule(list(group))
    yield from _section("waived", [_waived(f) for f in report.findings if f.waiver is not None])
    yield from _section("waivers to look at", [_stale(use) for use in report.waivers if use.state in _STATES])
    yield from _section("out of sight of the rules", [[(f"{u.subject}: {u.reason}", "")] for u in report.unseen])


def _heading(report: Report) -> Line:
    counted = [f for f in report.findings if f.waiver is None and not f.known]
    failing = [f for f in counted if f.kind is Kind.FAIL]
    sums = {
        "violation": sum(f.level is Level.MANDATORY for f in failing),
        "warning": sum(f.level is Level.ADVISORY for f in failing),
        "unknown": sum(f.kind is Kind.UNKNOWN for f in counted),
        "waived": sum(f.waiver is not None for f in report.findings),
        "in the baseline": sum(f.known and f.waiver is None for f in report.findings),
    }
    parts = [_count(number, word) for word, number in sums.items() if number]
    style = "bold red" if sums["violation"] else "bold yellow" if sums["unknown"] else "bold green"
    asked = sum(report.counts.values()) - report.counts[Kind.NOT_APPLICABLE]
    return [
        (f"{report.stack}: ", "bold"),
        (", ".join(parts) or "clean", style),
        (f"  (profile {report.profile.name}, {_count(len(report.rules), 'rule')}, {_count(asked, 'answer')})", "dim"),
    ]


def _count(number: int, word: str) -> str:
    counts_up = word in ("violation", "warning", "rule", "answer")
    return f"{number} {word}s" if counts_up and number != 1 else f"{number} {word}"


def _rule(findings: list[Finding]) -> Iterator[Line]:
    first = findings[0]
    mark, style = _MARKS[first.kind]
    level = "" if first.level is Level.MANDATORY else ", advisory"
    yield [
        (f"{mark} {first.rule.id}", style),
        (f"  {first.rule.title}", "bold"),
        (f"  ({first.rule.severity.value}{level})", "dim"),
    ]
    for finding in findings:
        yield [
            ("    ", ""),
            (finding.name, "cyan"),
            (f"  {finding.type}", "dim"),
            (_place(finding.file, finding.line), "dim"),
        ]
        yield [(f"      {finding.reason}", "")]
    yield [("    fix: ", "green"), (first.rule.fix, "")]


def _place(file: str, line: int) -> str:
    return f"  {file}:{line}" if file and line else f"  {file}" if file else ""


def _section(title: str, lines: list[Line]) -> Iterator[Line]:
    if not lines:
        return
    yield []
    yield [(title, "bold")]
    for line in lines:
        yield [("    ", ""), *line]


def _waived(finding: Finding) -> Line:
    waiver = finding.waiver
    assert waiver is not None  # noqa: S101 - only waived findings come here
    until = f"({waiver.owner}, until {waiver.expires.isoformat()})"
    return [(f"{finding.rule.id}  {finding.name}  ", ""), (f"{waiver.reason} {until}", "dim")]


def _stale(use: WaiverUse) -> Line:
    waiver = use.waiver
    place = _place(waiver.file, waiver.line)
    state = _STATES[use.state].format(expires=waiver.expires.isoformat())
    return [(f"{waiver.policy}  {waiver.urn}  ", ""), (state, "yellow"), (f"  {waiver.owner}{place}", "dim")]
