"""Turns what validation found into problems that a person can act on: file, line, path, value, what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from hybridml.errors import Problem
from hybridml.spec.closest import closest
from hybridml.spec.endpoint import EndpointSpec
from hybridml.spec.part import RULE, Finding
from hybridml.spec.scalars import SPELLINGS
from hybridml.spec.shape import fields_of, model_at, target_kinds
from hybridml.spec.stack import NAMESPACE, StackSpec
from hybridml.spec.written import LONGEST, Path, Written, dotted, legible

_SECRET_PLACES: Final = {"env", "secrets"}
_TELLING: Final = re.compile("passw|token|secret|credential|key", re.IGNORECASE)
_NOUNS: Final[dict[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of this size",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def problems_of(error: ValidationError, document: Written, model: type[BaseModel]) -> Iterator[Problem]:
    """Every problem that `error` found in `document`, which was to be a `model`."""
    every = error.errors(include_url=False, include_input=False)
    places = {found["loc"] for found in every}
    for found in every:
        if _follows(found["type"], found["loc"], places):
            continue
        path, kind = _real_path(found["loc"], document)
        if found["type"] == RULE:
            for finding in found["ctx"]["findings"]:
                yield problem_at(document, (*path, *finding.path), finding.message, finding.fix)
        else:
            say = _SAYINGS.get(found["type"], _other)
            message, fix = say(_Found(found, document, path, model_at(model, path[:-1], kind)))
            yield problem_at(document, path, message, fix)


def _follows(kind: str, loc: Path, places: set[Path]) -> bool:
    """Whether something is wrong only because something else is: entries are refused, or what a default is made of."""
    if kind == "too_short":
        return any(place[: len(loc)] == loc != place for place in places)
    return kind == "default_factory_not_called"


def problems_from(findings: Iterable[Finding], document: Written) -> Iterator[Problem]:
    """A problem for each of `findings`, whose paths start at `document`."""
    for finding in findings:
        yield problem_at(document, finding.path, finding.message, finding.fix)


def problem_at(document: Written, path: Path, message: str, fix: str) -> Problem:
    """A problem with the value at `path` of `document`, placed where that value, or else what holds it, is written."""
    here, rest = document.nearest(path)
    where = dotted((*here.path, *rest))
    return Problem(file=here.file, line=here.line, path=where, message=message, fix=fix)


def _real_path(loc: Path, document: Written) -> tuple[Path, str | None]:
    """`loc` without what pydantic adds (the kind of a target, the mark of a key), and that kind."""
    path = tuple(part for part in loc if part != "[key]")
    is_target = len(path) > 2 and path[0] == "targets" and path[2] in target_kinds()  # noqa: PLR2004 - targets.<name>.<kind>
    return ((*path[:2], *path[3:]), str(path[2])) if is_target else (path, None)


class _Found:
    """One error of pydantic, and what its message may need."""

    def __init__(self, error: Any, document: Written, path: Path, parent: type[BaseModel] | None) -> None:
        self.context: dict[str, Any] = error.get("ctx", {})
        self.text: str = error["msg"]
        self.type: str = error["type"]
        self.name = legible(path[-1]) if path else ""
        self.allowed = (
            [name for name in fields_of(parent) if (parent, name) != (EndpointSpec, "name")] if parent else []
        )
        self.prefix = NAMESPACE if parent is StackSpec else ""
        value, rest = document.nearest(path)
        self.value = value.value if not rest else None
        if error["loc"] and error["loc"][-1] == "[key]":
            self.value = self.name
        self.secret = (
            value.secret or any(part in _SECRET_PLACES for part in path[:-1]) or bool(_TELLING.search(self.name))
        )

    @property
    def shown(self) -> str:
        """The offending value, as a message may show it."""
        return _shown(self.value, secret=self.secret)


def _shown(value: object, *, secret: bool) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing (null)"
    if secret or (isinstance(value, str) and ("://" in value and "@" in value)):
        return "the value (not shown)"
    if isinstance(value, str | int | float | bool):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"a {type(value).__name__}"


_Saying = Callable[[_Found], tuple[str, str]]


def _wrong_type(found: _Found) -> tuple[str, str]:
    wanted = _NOUNS[found.type]
    fix = f"write {wanted}"
    if wanted == "text" and isinstance(found.value, int | float) and not isinstance(found.value, bool):
        fix = "write it in quotes" if found.secret else f'write it in quotes: "{found.value}"'
    elif wanted.endswith("number") and isinstance(found.value, str):
        fix = "write a number, without quotes"
    return f"{found.shown} is not {wanted}", fix


def _missing(found: _Found) -> tuple[str, str]:
    return "is required", f"add {found.prefix}{found.name}"


def _unknown(found: _Found) -> tuple[str, str]:
    meant = closest(found.name, found.allowed)
    hint = f"did you mean {found.prefix + meant!r}? " if meant else ""
    return f"unknown field {found.prefix + found.name!r}", f"{hint}fields here: {', '.join(found.allowed)}"


def _spelling(found: _Found) -> tuple[str, str]:
    return f"{found.shown} is not spelled as it should be", f"write {SPELLINGS[found.context['pattern']]}"


def _word(found: _Found) -> tuple[str, str]:
    allowed = found.context.get("expected") or found.context.get("expected_tags") or ""
    words = [word.strip(" '") for word in str(allowed).replace(" or ", ", ").split(",")]
    meant = closest(found.value, words) if isinstance(found.value, str) else None
    hint = f"did you mean {meant!r}? " if meant else ""
    return f"{found.shown} is not allowed", f"{hint}allowed: {', '.join(words)}"


def _no_kind(found: _Found) -> tuple[str, str]:
    return "kind is required", f"add kind: {', '.join(target_kinds())}"


def _wrong_kind(found: _Found) -> tuple[str, str]:
    tag = str(found.context.get("tag", ""))
    meant = closest(tag, target_kinds())
    hint = f"did you mean {meant!r}? " if meant else ""
    return f"kind {_shown(tag, secret=False)} is not allowed", f"{hint}allowed: {', '.join(target_kinds())}"


_LIMITS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _limit(found: _Found) -> tuple[str, str]:
    key, words = _LIMITS[found.type]
    return f"{found.shown} is outside the allowed range", f"write {words} {found.context[key]:g}"


def _length(found: _Found) -> tuple[str, str]:
    short = found.type.endswith("short")
    bound = found.context["min_length" if short else "max_length"]
    unit = (
        ("character" if found.type.startswith("string") else "entry")
        if bound == 1
        else ("characters" if found.type.startswith("string") else "entries")
    )
    empty = short and bound == 1
    shown = "it" if found.type.startswith("string") else found.shown
    return (f"{shown} is empty" if empty else f"{shown} is too {'short' if short else 'long'}"), (
        f"write {'at least' if short else 'at most'} {bound} {unit}"
    )


def _day(found: _Found) -> tuple[str, str]:
    return f"{found.shown} is not a day", "write year, month and day, such as 2027-03-31"


def _other(found: _Found) -> tuple[str, str]:
    return f"{found.shown} is not allowed", found.text


_SAYINGS: Final[dict[str, _Saying]] = {
    **dict.fromkeys(_NOUNS, _wrong_type),
    **dict.fromkeys(_LIMITS, _limit),
    **dict.fromkeys(("too_short", "too_long", "string_too_short", "string_too_long"), _length),
    "hybridml_day": _day,
    "missing": _missing,
    "extra_forbidden": _unknown,
    "string_pattern_mismatch": _spelling,
    "enum": _word,
    "literal_error": _word,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _wrong_kind,
}
