"""A plan as a person reads it: the resources as a tree of the components that they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from hybridml.report.changes import Changes
from hybridml.report.entries import Entry, children, mappings, short_type, source_of, text
from hybridml.report.paint import Line, painted


def plan_text(plan: Mapping[str, object], *, colour: bool = False) -> str:
    """The plan's JSON as a tree, with what it exports and what it could not see; `colour` only for a terminal.

    Compared with a state, each resource carries a mark: `+` created, `~` updated, `±` replaced; what goes comes last.
    """
    resources = mappings(plan.get("resources"))
    return painted(_lines(plan, resources), colour=colour)


def _lines(plan: Mapping[str, object], resources: Sequence[Entry]) -> Iterator[Line]:
    count = f"{len(resources)} resource{'' if len(resources) == 1 else 's'}"
    yield [(f"{text(plan, 'project')}/{text(plan, 'stack')}", "bold"), (f"  {count}", "dim")]
    tree, changes = children(resources), Changes(plan)
    yield from [[]] if resources else []
    for root in tree.get("", []):
        yield _resource(root, changes, "")
        yield from _branches(root, tree, changes, "")
    yield from changes.gone()
    yield from _outputs(plan.get("outputs"))
    yield from _notes(plan.get("notes"))
    yield from changes.total()


def _branches(parent: Entry, tree: Mapping[str, list[Entry]], changes: Changes, indent: str) -> Iterator[Line]:
    urn = text(parent, "urn")
    below = tree.get(urn, []) if urn else []
    for position, child in enumerate(below, start=1):
        last = position == len(below)
        yield [(f"{indent}{'└─ ' if last else '├─ '}", "dim"), *_resource(child, changes, source_of(parent))]
        yield from _branches(child, tree, changes, f"{indent}{'   ' if last else '│  '}")


def _resource(resource: Entry, changes: Changes, above: str) -> Line:
    """A resource, with the place that asks for it where that is another than the one `above` it."""
    source = source_of(resource)
    name = (text(resource, "name"), "" if resource.get("custom") else "bold cyan")
    urn, token = text(resource, "urn"), (f"  {short_type(text(resource, 'type'))}", "dim")
    place = (f"  {source}" if source != above else "", "dim")
    return [*changes.mark(urn), name, token, place, *changes.why(urn)]


def _outputs(outputs: object) -> Iterator[Line]:
    if not isinstance(outputs, Mapping) or not outputs:
        return
    yield []
    yield [("outputs", "bold")]
    for name, value in sorted(outputs.items()):
        yield from _output(name, value, "    ")


def _output(name: str, value: object, indent: str) -> Iterator[Line]:
    """One output; a map is a line for each of its keys."""
    if isinstance(value, Mapping) and value:
        yield [(f"{indent}{name}:", "")]
        for key, item in sorted(value.items()):
            yield from _output(key, item, f"{indent}  ")
    else:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        yield [(f"{indent}{name}: ", ""), (said, "dim")]


def _notes(notes: object) -> Iterator[Line]:
    found = mappings(notes)
    if not found:
        return
    yield []
    yield [("not seen", "bold")]
    for note in found:
        yield [(f"    {text(note, 'subject')}: {text(note, 'message')}", "")]
