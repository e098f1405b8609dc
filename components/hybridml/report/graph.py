"""The resources of a plan as the rows of a page: in the order of their tree, each with its neighbours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybridml.report.entries import Entry, children, listed, mapped, mappings, short_type, source_of, text

HUES = 6
"""Colours that tell packages apart."""
_PROVIDERS = "pulumi:providers:"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One resource."""

    number: int
    """Its place on the page, over all stacks; what links to it names."""
    entry: Entry
    level: int
    """One for what stands under the stack itself."""
    size: int
    """How many rows below belong to it."""
    holder: int | None
    """Number of the row that holds it, always a smaller one; None for what stands under the stack itself."""
    action: str
    """What would be done to it; empty where nothing was compared."""
    findings: int
    """Rules that it breaks, or may break."""
    source: str
    """File and line that ask for it; empty where nobody knows."""
    told: bool
    """Whether the row above that holds it already says its source."""

    @property
    def name(self) -> str:
        """Its name in the program."""
        return text(self.entry, "name")

    @property
    def type(self) -> str:
        """Its type, as people write it."""
        return short_type(text(self.entry, "type"))

    @property
    def package(self) -> str:
        """The package of its type: `aws`. That of a provider is the package it serves."""
        token = text(self.entry, "type")
        return token.removeprefix(_PROVIDERS) if token.startswith(_PROVIDERS) else token.partition(":")[0]

    @property
    def component(self) -> bool:
        """Whether it only groups others."""
        return not self.entry.get("custom")


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The rows of one stack."""

    rows: Sequence[Row]
    by_urn: Mapping[str, Row]

    @property
    def groups(self) -> Iterator[tuple[Row, Sequence[Row]]]:
        """What stands under the stack, or under its only resource, each with everything below it."""
        whole = len(self.rows) > 1 and self.rows[0].size == len(self.rows) - 1
        position = 1 if whole else 0
        while position < len(self.rows):
            head = self.rows[position]
            yield head, self.rows[position : position + 1 + head.size]
            position += 1 + head.size

    @property
    def packages(self) -> list[tuple[str, int]]:
        """Packages and how many resources are theirs, most first."""
        return _counted(row.package for row in self.rows)

    @property
    def hues(self) -> Mapping[str, int]:
        """Packages and the number of their colour; those with the fewest resources share none."""
        return {package: place for place, (package, _) in enumerate(self.packages[:HUES])}

    @property
    def types(self) -> list[tuple[str, int]]:
        """Types and how many resources have them, most first."""
        return _counted(row.type for row in self.rows)

    @property
    def data(self) -> list[dict[str, Any]]:
        """What the page's script knows of each row beyond what stands in it."""
        return [_data(row, self.by_urn) for row in self.rows]


def graph(plan: Entry, findings: Mapping[str, int], first: int) -> Graph:
    """The resources of `plan` numbered from `first`; `findings` says how many each URN has."""
    actions = _actions(plan)
    rows: list[Row] = []
    for position, (entry, level, size, holder) in enumerate(_in_order(mappings(plan.get("resources")))):
        urn, source = text(entry, "urn"), source_of(entry)
        row = Row(
            number=first + position,
            entry=entry,
            level=level,
            size=size,
            holder=None if holder is None else first + holder,
            action="" if actions is None else actions.get(urn, "same"),
            findings=findings.get(urn, 0),
            source=source,
            told=holder is not None and rows[holder].source == source,
        )
        rows.append(row)
    return Graph(rows=rows, by_urn={text(row.entry, "urn"): row for row in rows})


def _actions(plan: Entry) -> Mapping[str, str] | None:
    """What would be done to each URN; None where the plan was compared with nothing."""
    if not isinstance(plan.get("diff"), list | tuple):
        return None
    return {text(change, "urn"): text(change, "action") for change in mappings(plan["diff"])}


def _in_order(resources: Sequence[Entry]) -> list[tuple[Entry, int, int, int | None]]:
    """Every resource after the one that holds it: itself, its level, how many it holds, and its holder's position.

    A loop, because a chain may be longer than Python's stack. What is its own ancestor, as only a damaged plan says,
    stands under the stack.
    """
    below = children(resources)
    found: list[tuple[Entry, int, int, int | None]] = []
    seen: set[int] = set()
    for root in (*below.get("", ()), *resources):
        open_ends: list[tuple[Entry, tuple[int, ...]]] = [(root, ())]
        while open_ends:
            entry, path = open_ends.pop()
            if id(entry) in seen:
                continue
            seen.add(id(entry))
            for position in path:
                held = found[position]
                found[position] = (held[0], held[1], held[2] + 1, held[3])
            found.append((entry, len(path) + 1, 0, path[-1] if path else None))
            inside, urn = (*path, len(found) - 1), text(entry, "urn")
            open_ends += [(child, inside) for child in reversed(below.get(urn, []) if urn else [])]
    return found


def _data(row: Row, by_urn: Mapping[str, Row]) -> dict[str, Any]:
    entry = row.entry
    inputs, outputs = mapped(entry.get("inputs")), mapped(entry.get("outputs"))
    said = {
        "urn": text(entry, "urn"),
        "parent": row.holder,
        "needs": [by_urn[urn].number for urn in listed(entry.get("dependsOn")) if urn in by_urn],
        "inputs": _finite(inputs),
        "outputs": _finite({key: value for key, value in outputs.items() if inputs.get(key) != value}),
        "options": _finite({k: v for k, v in mapped(entry.get("options")).items() if k not in ("aliases", "version")}),
    }
    return {key: value for key, value in said.items() if value not in (None, "", [], {})}


def _finite(value: Any) -> Any:
    """`value` without the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _counted(words: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
