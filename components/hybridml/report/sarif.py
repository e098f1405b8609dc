"""Findings as SARIF 2.1.0, for code hosts and editors.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, sections 3.13 (log), 3.14 (run),
3.27 (result), 3.35 (suppression) and 3.49 (rule).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import TypeAlias
from urllib.parse import quote

from hybridml_policies import Finding, Kind, Level, Report, Rule, Severity, Waiver

Json: TypeAlias = dict[str, object]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SECURITY_SEVERITY = {
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""Scores by which code hosts sort; the middle of CVSS's ranges."""


def sarif(reports: Iterable[Report], version: str) -> Json:
    """One SARIF log with a run for each report; `version` is that of hybridml.

    A waived finding carries an accepted suppression; one that the baseline has is `unchanged`.
    """
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, version) for report in reports]}


def _run(report: Report, version: str) -> Json:
    driver = {
        "name": "hybridml",
        "semanticVersion": version,
        "rules": [_rule(rule, report.profile.level(rule.id)) for rule in report.rules],
    }
    positions = {rule.id: index for index, rule in enumerate(report.rules)}
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"hybridml/{report.project}/{report.stack}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, positions[finding.rule.id]) for finding in report.findings],
    }


def _rule(rule: Rule, level: Level) -> Json:
    described = {"fullDescription": {"text": rule.details}} if rule.details else {}
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        **described,
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": "error" if level is Level.MANDATORY else "warning"},
        "properties": {
            "security-severity": _SECURITY_SEVERITY[rule.severity],
            "tags": ["security", *rule.frameworks],
        },
    }


def _result(finding: Finding, rule_index: int) -> Json:
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": rule_index,
        **_kind(finding),
        "message": {"text": f"{finding.name}: {finding.reason}."},
        "locations": [_location(finding)],
        "partialFingerprints": {"resource/v1": _fingerprint(finding)},
        "baselineState": "unchanged" if finding.known else "new",
        "suppressions": [_suppression(finding.waiver)] if finding.waiver else [],
    }


def _kind(finding: Finding) -> Json:
    """`review` for what nobody knows yet, which the standard reports without a level (section 3.27.9)."""
    if finding.kind is Kind.UNKNOWN:
        return {"kind": "review", "level": "none"}
    return {"kind": "fail", "level": "error" if finding.level is Level.MANDATORY else "warning"}


def _location(finding: Finding) -> Json:
    logical = {"fullyQualifiedName": finding.urn, "name": finding.name, "kind": "resource"}
    if not finding.file:
        return {"logicalLocations": [logical]}
    region = {"region": {"startLine": finding.line}} if finding.line > 0 else {}
    physical = {"artifactLocation": _artifact(finding.file), **region}
    return {"physicalLocation": physical, "logicalLocations": [logical]}


def _artifact(file: str) -> Json:
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}


def _fingerprint(finding: Finding) -> str:
    return hashlib.sha256(f"{finding.rule.id} {finding.urn}".encode()).hexdigest()[:32]


def _suppression(waiver: Waiver) -> Json:
    text = f"{waiver.reason} (owner {waiver.owner}, until {waiver.expires.isoformat()})"
    return {"kind": "external", "status": "accepted", "justification": text}
