"""Asking every rule of a profile about every resource of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from hybridml_policies.baseline import Known
from hybridml_policies.pods import has_unknown_pods
from hybridml_policies.profile import Level, Profile
from hybridml_policies.rule import Rule
from hybridml_policies.rules import ALL
from hybridml_policies.stack import Stack
from hybridml_policies.values import Resource, number, read, text_of
from hybridml_policies.verdict import Kind, Verdict
from hybridml_policies.waiver import Waiver

CLEAN, VIOLATION, ONLY_UNKNOWN = 0, 5, 6
_OUT_OF_SIGHT = {
    "kubernetes:helm.sh/v3:Release": "the resources of a Helm release are made inside the cluster",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks, or may break."""

    rule: Rule
    level: Level
    kind: Kind
    """`fail` or `unknown`."""
    reason: str
    urn: str
    type: str
    name: str
    file: str
    """Where the program registers the resource; empty when nobody knows."""
    line: int
    waiver: Waiver | None
    known: bool
    """Whether the baseline has it already."""

    @property
    def counts(self) -> bool:
        """Whether it decides the exit status."""
        return self.level is Level.MANDATORY and self.waiver is None and not self.known


class WaiverState(StrEnum):
    """What became of a waiver."""

    USED = "used"
    EXPIRED = "expired"
    UNUSED = "unused"


@dataclass(frozen=True)
class WaiverUse:
    """A waiver and what became of it."""

    waiver: Waiver
    state: WaiverState


@dataclass(frozen=True)
class Unseen:
    """Something that no rule could look at."""

    subject: str
    """URN, or token of a function."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the rules say about one stack."""

    project: str
    stack: str
    profile: Profile
    rules: tuple[Rule, ...]
    """Those that were asked, by id."""
    findings: tuple[Finding, ...]
    """By rule, then by URN."""
    counts: Mapping[Kind, int]
    """Answers of every kind."""
    waivers: tuple[WaiverUse, ...]
    unseen: tuple[Unseen, ...]


def evaluate(
    plan: Mapping[str, object],
    profile: Profile,
    waivers: Iterable[Waiver] = (),
    *,
    baseline: Known = frozenset(),
    today: date | None = None,
) -> Report:
    """Ask every rule that `profile` does not switch off about the resources of `plan`, the JSON of a plan.

    `waivers` cover findings until they expire, `today` (UTC by default) decides; findings in `baseline` are not new.
    The same arguments give the same report, in the same order.
    """
    day = today or datetime.now(UTC).date()
    exceptions = tuple(waivers)
    valid = tuple(waiver for waiver in exceptions if waiver.expires >= day)
    resources = plan.get("resources")
    stack = Stack(resources if isinstance(resources, list | tuple) else ())
    rules = tuple(rule for rule in ALL.values() if profile.level(rule.id) is not Level.OFF)
    asked = ((rule, resource) for rule in rules for resource in stack.of(rule.types) if not _only_read(resource))
    answers = [(rule, resource, rule(resource, stack)) for rule, resource in asked]
    findings = tuple(sorted(_findings(answers, profile, valid, baseline), key=lambda f: (f.rule.id, f.urn)))
    return Report(
        project=text_of(plan, "project"),
        stack=text_of(plan, "stack"),
        profile=profile,
        rules=rules,
        findings=findings,
        counts=_counted(verdict for _, _, verdict in answers),
        waivers=tuple(WaiverUse(waiver, _state(waiver, day, findings)) for waiver in exceptions),
        unseen=tuple(_unseen(plan, stack)),
    )


def exit_code(report: Report) -> int:
    """0 clean, 5 when a mandatory rule is broken, 6 when one may be and none certainly is.

    Findings that are waived, in the baseline or of advisory rules do not count.
    """
    kinds = {finding.kind for finding in report.findings if finding.counts}
    if Kind.FAIL in kinds:
        return VIOLATION
    return ONLY_UNKNOWN if Kind.UNKNOWN in kinds else CLEAN


def _only_read(resource: Resource) -> bool:
    """Whether the program looks the resource up and does not manage it."""
    return resource.get("external") is True


def _counted(verdicts: Iterable[Verdict]) -> Mapping[Kind, int]:
    counter = Counter(verdict.kind for verdict in verdicts)
    return {kind: counter[kind] for kind in Kind}


def _findings(
    answers: Iterable[tuple[Rule, Resource, Verdict]], profile: Profile, waivers: tuple[Waiver, ...], baseline: Known
) -> Iterator[Finding]:
    for rule, resource, verdict in answers:
        if verdict.kind not in (Kind.FAIL, Kind.UNKNOWN):
            continue
        urn, source = text_of(resource, "urn"), resource.get("source")
        line = number(read(source, "line").value)
        yield Finding(
            rule=rule,
            level=profile.level(rule.id),
            kind=verdict.kind,
            reason=verdict.reason,
            urn=urn,
            type=text_of(resource, "type"),
            name=text_of(resource, "name"),
            file=text_of(source, "file") if isinstance(source, Mapping) else "",
            line=int(line) if line is not None else 0,
            waiver=next((waiver for waiver in waivers if waiver.covers(rule.id, urn)), None),
            known=(rule.id, urn, verdict.kind.value) in baseline,
        )


def _state(waiver: Waiver, today: date, findings: tuple[Finding, ...]) -> WaiverState:
    if waiver.expires < today:
        return WaiverState.EXPIRED
    used = any(waiver.covers(finding.rule.id, finding.urn) for finding in findings)
    return WaiverState.USED if used else WaiverState.UNUSED


def _unseen(plan: Mapping[str, object], stack: Stack) -> Iterator[Unseen]:
    notes = plan.get("notes")
    for note in notes if isinstance(notes, list | tuple) else ():
        if isinstance(note, Mapping):
            yield Unseen(text_of(note, "subject"), text_of(note, "message"))
    for resource in stack.resources:
        if has_unknown_pods(resource):
            yield Unseen(text_of(resource, "urn"), "it describes pods, and the rules about pods do not know its type")
    for resource in stack.of(_OUT_OF_SIGHT):
        yield Unseen(text_of(resource, "urn"), _OUT_OF_SIGHT[text_of(resource, "type")])
