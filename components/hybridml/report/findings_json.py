"""Findings as JSON, one object per stack; the fields are documented in docs/reference/policies.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from hybridml_policies import Finding, Report, WaiverUse, exit_code

VERSION = 1
"""Version of the JSON; raised when a field changes its meaning."""

Json: TypeAlias = dict[str, object]


def findings_json(reports: Iterable[Report]) -> Json:
    """The stable JSON of one or several reports: same reports, same order, same content."""
    return {"version": VERSION, "stacks": [_stack(report) for report in reports]}


def _stack(report: Report) -> Json:
    return {
        "project": report.project,
        "stack": report.stack,
        "profile": report.profile.name,
        "exitCode": exit_code(report),
        "rules": [rule.id for rule in report.rules],
        "answers": {kind.value: count for kind, count in report.counts.items()},
        "findings": [_finding(finding) for finding in report.findings],
        "waivers": [_waiver(use) for use in report.waivers],
        "notSeen": [{"subject": unseen.subject, "reason": unseen.reason} for unseen in report.unseen],
    }


def _finding(finding: Finding) -> Json:
    return {
        "policy": finding.rule.id,
        "title": finding.rule.title,
        "severity": finding.rule.severity.value,
        "level": finding.level.value,
        "verdict": finding.kind.value,
        "reason": finding.reason,
        "fix": finding.rule.fix,
        "urn": finding.urn,
        "type": finding.type,
        "name": finding.name,
        "source": {"file": finding.file, "line": finding.line} if finding.file else None,
        "waivedBy": finding.waiver.owner if finding.waiver else None,
        "inBaseline": finding.known,
        "frameworks": list(finding.rule.frameworks),
        "references": list(finding.rule.references),
    }


def _waiver(use: WaiverUse) -> Json:
    waiver = use.waiver
    return {
        "policy": waiver.policy,
        "urn": waiver.urn,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires.isoformat(),
        "state": use.state.value,
        "source": {"file": waiver.file, "line": waiver.line} if waiver.file else None,
    }
