"""A plan as a page that one looks at: one file without anything from elsewhere, for `file://`, print and phones.

The template is filled with autoescaping; what the script knows is JSON in a block that no browser executes. The page's
policy (CSP) allows the one script and the one style sheet that it was made with, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from hybridml_policies import Finding, Kind, Level, Report, WaiverState

from hybridml.report.cards import EndpointCard
from hybridml.report.entries import Entry, mapped, mappings, short_type, text
from hybridml.report.graph import Graph, Row, graph

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""What is no text, and what makes text run in another direction than it was written in."""
_SHORT = 60
"""Characters of JSON that stand on one line."""
ACTIONS = ("create", "update", "replace", "delete", "same")


@dataclass(frozen=True, kw_only=True)
class StackPage:
    """What a page shows of one stack."""

    plan: Entry
    """The plan's JSON."""
    report: Report | None = None
    """What the policies say; None where nobody asked them."""
    cards: tuple[EndpointCard, ...] = ()


def plan_html(stacks: Sequence[StackPage], version: str) -> str:
    """The stacks as one page, in their order; `version` is that of hybridml. The same stacks give the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("hybridml.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=_shown, tone=_tone, plural=_plural, percent=_percent)
    views = list(_views(stacks))
    style, script = _asset("page.css"), _asset("page.js")
    page = environment.get_template("page.html.j2").render(
        stacks=views,
        version=version,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(_data_block([entry for view in views for entry in view.graph.data])),  # noqa: S704 - escaped there
    )
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", page)


@dataclass(frozen=True, kw_only=True)
class _Change:
    """What would be done to one resource, property by property."""

    action: str
    name: str
    type: str
    row: Row | None
    """None for what the program does not ask for any more."""
    properties: Sequence[Entry]
    unclear: Sequence[str]
    may_replace: bool


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """The findings of one rule."""

    finding: Finding
    """The first of them, which says what they share."""
    places: Sequence[tuple[Finding, Row | None]]


@dataclass(frozen=True, kw_only=True)
class _View:
    """One stack as the template reads it."""

    number: int
    page: StackPage
    graph: Graph

    @property
    def project(self) -> str:
        return text(self.page.plan, "project")

    @property
    def stack(self) -> str:
        return text(self.page.plan, "stack")

    @property
    def compared(self) -> bool:
        return isinstance(self.page.plan.get("diff"), list | tuple)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many resources there are for each action."""
        said = mapped(mapped(self.page.plan.get("summary")).get("changes"))
        return {action: said[action] for action in ACTIONS if isinstance(said.get(action), int)}

    @property
    def changes(self) -> list[_Change]:
        """What would be done, in the order of the tree, what goes last."""
        return [change for change in self._diff if change.action != "same"]

    @property
    def unsure(self) -> list[_Change]:
        """What stays as it is for all that is known, and has properties that nobody knows yet."""
        return [change for change in self._diff if change.action == "same"]

    @property
    def _diff(self) -> list[_Change]:
        found = [_change(entry, self.graph) for entry in mappings(self.page.plan.get("diff"))]
        return sorted(found, key=lambda change: (change.row is None, change.row.number if change.row else 0))

    @property
    def notes(self) -> list[Entry]:
        return mappings(self.page.plan.get("notes"))

    @property
    def outputs(self) -> list[tuple[str, Any]]:
        return sorted(mapped(self.page.plan.get("outputs")).items())

    @property
    def open_findings(self) -> list[_Rule]:
        return _by_rule([f for f in self._findings if f.waiver is None and not f.known], self.graph)

    @property
    def excused(self) -> list[tuple[Finding, Row | None]]:
        """Findings that a waiver or the baseline covers."""
        return [(f, self.graph.by_urn.get(f.urn)) for f in self._findings if f.waiver is not None or f.known]

    @property
    def stale_waivers(self) -> list[tuple[str, str]]:
        """Waivers that cover nothing, or not any more, and why."""
        uses = self.page.report.waivers if self.page.report else ()
        why = {WaiverState.EXPIRED: "expired on {}", WaiverState.UNUSED: "covers nothing; remove it"}
        return [
            (f"{use.waiver.policy} {use.waiver.urn}", why[use.state].format(use.waiver.expires.isoformat()))
            for use in uses
            if use.state in why
        ]

    @property
    def verdict(self) -> Mapping[str, int]:
        """How many findings of each weight count."""
        counted = [f for f in self._findings if f.waiver is None and not f.known]
        failing = [f for f in counted if f.kind is Kind.FAIL]
        return {
            "violation": sum(f.level is Level.MANDATORY for f in failing),
            "warning": sum(f.level is Level.ADVISORY for f in failing),
            "unknown": sum(f.kind is Kind.UNKNOWN for f in counted),
        }

    @property
    def _findings(self) -> tuple[Finding, ...]:
        return self.page.report.findings if self.page.report else ()


def _views(stacks: Sequence[StackPage]) -> Iterator[_View]:
    first = 0
    for number, page in enumerate(stacks):
        findings = page.report.findings if page.report else ()
        counted = Counter(f.urn for f in findings if f.waiver is None and not f.known)
        found = graph(page.plan, counted, first)
        first += len(found.rows)
        yield _View(number=number, page=page, graph=found)


def _change(entry: Entry, found: Graph) -> _Change:
    urn = text(entry, "urn")
    row = found.by_urn.get(urn)
    *_, types, name = ("", *urn.split("::"))
    return _Change(
        action=text(entry, "action"),
        name=row.name if row else name,
        type=row.type if row else short_type(types.rpartition("$")[2]),
        row=row,
        properties=mappings(entry.get("properties")),
        unclear=[str(path) for path in entry.get("unclear") or ()],
        may_replace=bool(entry.get("mayReplace")),
    )


def _by_rule(findings: Sequence[Finding], found: Graph) -> list[_Rule]:
    """Findings of the same rule and kind together; what is certain and mandatory first."""
    grouped: dict[tuple[str, Kind], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.rule.id, finding.kind), []).append(finding)
    rules = [_Rule(finding=g[0], places=[(f, found.by_urn.get(f.urn)) for f in g]) for g in grouped.values()]
    return sorted(rules, key=lambda r: (r.finding.kind is not Kind.FAIL, r.finding.level is not Level.MANDATORY))


def _shown(value: object) -> str:
    """A value as text: what is short on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return value or '""'
    compact = json.dumps(value, ensure_ascii=False, default=str)
    return compact if len(compact) <= _SHORT else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _tone(value: object) -> str:
    """Class of a value that is none: a secret, or something that nobody knows yet."""
    if value is None:
        return "nothing"
    if value == "[secret]":
        return "secret"
    return "unknown" if isinstance(value, str) and (value == "[unknown]" or "hybridml-unknown" in value) else ""


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _percent(number: float) -> str:
    return f"{number:g} %"


def _asset(name: str) -> str:
    return (files("hybridml.report") / "page" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _data_block(value: object) -> str:
    """JSON that is safe inside a script element: no tag or comment can begin in it."""
    said = json.dumps(value, separators=(",", ":"), default=str, ensure_ascii=False)
    return said.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
