"""Reads a YAML 1.2 file into values that know their lines. Constructs nothing but scalars, mappings and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from hybridml.errors import Problem
from hybridml.spec.written import DEEPEST, Scalar, Written, dotted, legible
from hybridml.spec.written import Path as Keys

LARGEST: Final = 256 * 1024
"""Bytes that no spec comes near."""
MOST: Final = 20_000
"""Values that no spec comes near, aliases expanded."""

_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_HARMLESS: Final = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


class Unreadable(Exception):  # noqa: N818 - says what the file is
    """A file is not a YAML mapping."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*map(str, problems))


def read(path: Path, label: str) -> tuple[Written, list[Problem]]:
    """The mapping in the file at `path`, which messages call `label`, and what is wrong with single entries of it.

    Raises `Unreadable` where there is no mapping to go on with.
    """
    text = _text(path, label)
    reader = _Reader(label)
    try:
        document = reader.document(YAML(typ="safe", pure=True).parse(text))
    except YAMLError as error:
        raise Unreadable(_syntax(error, label)) from None
    if document is None or document.value is None:
        raise Unreadable(Problem(file=label, message="the file is empty", fix="write its fields, or remove the file"))
    if document.fields is None:
        message = f"the file holds {'a list' if document.items is not None else 'one value'}, not a mapping"
        raise Unreadable(Problem(file=label, line=document.line, message=message, fix='write fields as "name: value"'))
    return document, reader.problems


def _text(path: Path, label: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror or 'unknown reason'}"
        raise Unreadable(Problem(file=label, message=message, fix="check that it exists and may be read")) from None
    if len(content) > LARGEST:
        message = f"is larger than {LARGEST // 1024} KiB"
        raise Unreadable(Problem(file=label, message=message, fix="this is not a spec; check the path"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(Problem(file=label, line=line, message="is not UTF-8 text", fix="save it as UTF-8")) from None


def _syntax(error: YAMLError, label: str) -> Problem:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    said = error.problem if isinstance(error, MarkedYAMLError) else "a character that YAML does not allow"
    line = mark.line + 1 if mark else 0
    return Problem(file=label, line=line, message=f"is not YAML: {said}", fix="check indentation, quotes and brackets")


class _Reader:
    """Builds values out of parser events; depth and number of values are bounded before anything is built."""

    def __init__(self, label: str) -> None:
        self.problems: list[Problem] = []
        self._label = label
        self._anchors: dict[str, Written] = {}

    def document(self, events: Iterator[Event]) -> Written | None:
        """The one document of the stream; None when there is none."""
        root: Written | None = None
        for event in events:
            if isinstance(event, StreamEndEvent):
                break
            if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent):
                if root is not None:
                    self._refuse(event, (), "a second document begins", "keep one document in a file")
                root = self._value(event, events, ())
            elif isinstance(event, DocumentEndEvent) and root is None:
                return None
        return root

    def _value(self, event: Any, events: Iterator[Event], path: Keys) -> Written:
        if len(path) > DEEPEST:
            self._refuse(event, path[:3], f"is nested more than {DEEPEST} levels deep", "flatten it")
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        self._untagged(event, path)
        if isinstance(event, MappingStartEvent):
            value = self._mapping(event, events, path)
        elif isinstance(event, SequenceStartEvent):
            value = self._list(event, events, path)
        else:
            value = self._place(event, path, self._scalar(event))
        if value.size > MOST:
            self._refuse(event, path[:3], f"holds more than {MOST} values", "check the aliases")
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: AliasEvent, path: Keys) -> Written:
        if event.anchor not in self._anchors:
            self._refuse(
                event, path, f"alias {legible(event.anchor)!r} names nothing before it", "define the anchor first"
            )
        return self._anchors[event.anchor]

    def _mapping(self, event: Event, events: Iterator[Event], path: Keys) -> Written:
        entries: dict[str, Written] = {}
        size = 1
        for key_event in events:
            if isinstance(key_event, MappingEndEvent):
                break
            key = self._key(key_event, events, path)
            value = self._value(next(events), events, (*path, key))
            size += value.size
            line = key_event.start_mark.line + 1
            if key in entries:
                first = entries[key].line
                self._note(line, (*path, key), f"is written twice, first in line {first}", "keep one of the two")
            entries[key] = value if value.path != (*path, key) else replace(value, line=line)
        return replace(self._place(event, path, entries), size=size)

    def _key(self, event: Any, events: Iterator[Event], path: Keys) -> str:
        if not isinstance(event, ScalarEvent):
            self._refuse(event, path, "a key is not text", 'write keys as "name:"')
        key = self._scalar(event)
        if not isinstance(key, str):
            self._note(
                event.start_mark.line + 1,
                (*path, event.value),
                f"the key {event.value} is {'nothing' if key is None else 'not text'}",
                f'write it in quotes: "{event.value}"',
            )
        return str(event.value)

    def _list(self, event: Event, events: Iterator[Event], path: Keys) -> Written:
        items: list[Written] = []
        for item in events:
            if isinstance(item, SequenceEndEvent):
                break
            items.append(self._value(item, events, (*path, len(items))))
        return replace(self._place(event, path, items), size=1 + sum(item.size for item in items))

    def _untagged(self, event: Any, path: Keys) -> None:
        tag = str(event.tag or "!")
        if tag not in _HARMLESS:
            self._note(event.start_mark.line + 1, path, f"has the tag {legible(tag)}", "remove the tag")

    def _scalar(self, event: ScalarEvent) -> Scalar:
        quoted = event.style is not None or bool(event.tag)
        return str(event.value) if quoted else resolved(event.value)

    def _place(self, event: Event, path: Keys, value: object) -> Written:
        return Written(value=value, file=self._label, line=event.start_mark.line + 1, path=path)

    def _note(self, line: int, path: Keys, message: str, fix: str) -> None:
        self.problems.append(Problem(file=self._label, line=line, path=dotted(path), message=message, fix=fix))

    def _refuse(self, event: Event, path: Keys, message: str, fix: str) -> None:
        self._note(event.start_mark.line + 1, path, message, fix)
        raise Unreadable(*self.problems)


def resolved(text: str) -> Scalar:
    """What plain `text` stands for in the core schema of YAML 1.2 (section 10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text, 10 if text[:2] not in {"0o", "0x"} else 0)
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
    return text
