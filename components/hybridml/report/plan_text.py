"""A plan as a person reads it: the resources as a tree of the components that they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from hybridml.report.changes import Changes
from hybridml.report.paint import Line, painted

Entry: TypeAlias = Mapping[str, object]


def plan_text(plan: Mapping[str, object], *, colour: bool = False) -> str:
    """The plan's JSON as a tree, with what it exports and what it could not see; `colour` only for a terminal.

    Compared with a state, each resource carries a mark: `+` created, `~` updated, `±` replaced; what goes comes last.
    """
    resources = [resource for resource in _list(plan.get("resources")) if isinstance(resource, Mapping)]
    return painted(_lines(plan, resources), colour=colour)


def _lines(plan: Mapping[str, object], resources: Sequence[Entry]) -> Iterator[Line]:
    count = f"{len(resources)} resource{'' if len(resources) == 1 else 's'}"
    yield [(f"{_text(plan, 'project')}/{_text(plan, 'stack')}", "bold"), (f"  {count}", "dim")]
    tree, changes = _children(resources), Changes(plan)
    yield from [[]] if resources else []
    for root in tree.get("", []):
        yield _resource(root, changes)
        yield from _branches(root, tree, changes, "")
    yield from changes.gone()
    yield from _outputs(plan.get("outputs"))
    yield from _notes(plan.get("notes"))
    yield from changes.total()


def _children(resources: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    """Resources by the URN of their parent; empty for those whose parent is the stack or not in the plan."""
    known = {_text(resource, "urn") for resource in resources} - {""}
    grouped: dict[str, list[Entry]] = defaultdict(list)
    for resource in resources:
        parent = _text(resource, "parent")
        grouped[parent if parent in known and parent != _text(resource, "urn") else ""].append(resource)
    for group in grouped.values():
        group.sort(key=lambda resource: (_text(resource, "type"), _text(resource, "name")))
    return grouped


def _branches(parent: Entry, tree: Mapping[str, list[Entry]], changes: Changes, indent: str) -> Iterator[Line]:
    urn = _text(parent, "urn")
    below = tree.get(urn, []) if urn else []
    for position, child in enumerate(below, start=1):
        last = position == len(below)
        yield [(f"{indent}{'└─ ' if last else '├─ '}", "dim"), *_resource(child, changes)]
        yield from _branches(child, tree, changes, f"{indent}{'   ' if last else '│  '}")


def _resource(resource: Entry, changes: Changes) -> Line:
    component = not resource.get("custom")
    source = resource.get("source")
    place = f"  {_text(source, 'file')}:{source.get('line')}" if isinstance(source, Mapping) and component else ""
    name = (_text(resource, "name"), "bold cyan" if component else "")
    urn, token = _text(resource, "urn"), (f"  {_short(_text(resource, 'type'))}", "dim")
    return [*changes.mark(urn), name, token, (place, "dim"), *changes.why(urn)]


def _short(token: str) -> str:
    """The token without the part that says its last one again: `aws:s3/Bucket` for `aws:s3/bucket:Bucket`."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    folder, slash, leaf = module.rpartition("/")
    if slash and leaf.lower() == name.lower():
        return f"{package}:{folder}/{name}"
    return token


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
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        yield [(f"{indent}{name}: ", ""), (text, "dim")]


def _notes(notes: object) -> Iterator[Line]:
    found = [note for note in _list(notes) if isinstance(note, Mapping)]
    if not found:
        return
    yield []
    yield [("not seen", "bold")]
    for note in found:
        yield [(f"    {_text(note, 'subject')}: {_text(note, 'message')}", "")]


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
