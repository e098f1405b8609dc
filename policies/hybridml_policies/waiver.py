"""Exceptions that somebody answers for: which rule, for which resources, why, who, until when.

They lie beside the stack, under `hybridml:waivers` in its file, or in a file of their own that holds the list, also
under the key `waivers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from hybridml.errors import ConfigurationError, Problem

from hybridml_policies.rule import Severity
from hybridml_policies.rules import ALL
from hybridml_policies.yaml_file import line_of, load_yaml

MOST = 10
"""Waivers that one stack may have."""
KEY = "hybridml:waivers"
_FIELDS = {
    "policy": "the id of a rule",
    "urn": "a pattern of URNs, in quotes",
    "reason": "why the rule does not hold here",
    "owner": "who answers for it",
    "expires": "the last day it holds: 2027-03-31",
}


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One exception."""

    policy: str
    """Id of the rule."""
    urn: str
    """Pattern of the URNs it covers: `*` any text, `?` one character, `[…]` one of several."""
    reason: str
    owner: str
    expires: date
    """The last day on which it holds."""
    file: str = ""
    line: int = 0

    def covers(self, policy: str, urn: str) -> bool:
        """Tell whether it is about that rule and that resource."""
        return policy == self.policy and fnmatchcase(urn, self.urn)


def load_waivers(path: Path, name: str = "") -> tuple[Waiver, ...]:
    """The waivers in `path`, a stack file or a file of their own; messages call it `name`.

    Raises `ConfigurationError` with every problem.
    """
    document = load_yaml(path)
    listed: object = document
    if isinstance(document, Mapping):
        config = document.get("config")
        listed = config.get(KEY) if isinstance(config, Mapping) else document.get("waivers")
        if not isinstance(config, Mapping) and "waivers" not in document and not path.name.startswith("Pulumi."):
            fix = f"write them as a list under waivers, or under {KEY} of a stack's config"
            raise ConfigurationError([Problem(file=name or str(path), line=1, message="holds no waivers", fix=fix)])
    return parse_waivers(listed, name or str(path))


def parse_waivers(listed: object, file: str = "") -> tuple[Waiver, ...]:
    """The waivers of a list, as a stack's configuration delivers it.

    Raises `ConfigurationError` with every problem: missing or unknown fields, an unknown or critical rule, an expiry
    that is no date, more than ten.
    """
    if listed is None:
        return ()
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ConfigurationError(
            [Problem(file=file, line=1, path=KEY, message="is not a list of waivers", fix="begin each with a dash")]
        )
    problems = [problem for index, entry in enumerate(listed) for problem in _problems(file, listed, index, entry)]
    if len(listed) > MOST:
        fix = "fix some of the violations"
        problems.append(Problem(file=file, path=KEY, message=f"{len(listed)} waivers, at most {MOST}", fix=fix))
    if problems:
        raise ConfigurationError(problems)
    return tuple(_waiver(file, listed, index, entry) for index, entry in enumerate(listed))


def _waiver(file: str, listed: object, index: int, entry: Mapping[str, object]) -> Waiver:
    texts = {name: str(entry[name]).strip() for name in _FIELDS if name != "expires"}
    expires = _date(entry["expires"])
    assert expires is not None  # noqa: S101 - `_problems` found none
    return Waiver(**texts, expires=expires, file=file, line=line_of(listed, index))


def _problems(file: str, listed: object, index: int, entry: object) -> Iterator[Problem]:
    path, line = f"{KEY}[{index}]", line_of(listed, index)
    if not isinstance(entry, Mapping):
        yield Problem(file=file, line=line, path=path, message="is not a waiver", fix=f"give {', '.join(_FIELDS)}")
        return
    for key in entry:
        if key not in _FIELDS:
            fix = f"use {', '.join(_FIELDS)}"
            yield Problem(file=file, line=line_of(entry, key), path=f"{path}.{key}", message="is no field", fix=fix)
    for name in _FIELDS:
        reason, fix = _wrong(name, entry.get(name))
        if reason:
            at = line_of(entry, name) if name in entry else line
            yield Problem(file=file, line=at, path=f"{path}.{name}", message=reason, fix=fix)


def _wrong(name: str, value: object) -> tuple[str, str]:
    """What is wrong with a field, and what to do; both empty when nothing is."""
    if name == "expires":
        wrong = f"{value!r} is no date" if value is not None else "is missing"
        return ("", "") if _date(value) else (wrong, f"write {_FIELDS[name]}")
    if not isinstance(value, str) or not value.strip():
        return ("is missing" if value is None else f"{value!r} is no text"), f"write {_FIELDS[name]}"
    if name != "policy":
        return "", ""
    if value not in ALL:
        return f"there is no rule {value!r}", "the rules are listed in docs/reference/policies.md"
    if ALL[value].severity is Severity.CRITICAL:
        return f"{value} is critical and cannot be waived", ALL[value].fix
    return "", ""


def _date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
