"""Which rules hold in an environment, and how strictly. Profiles are data: `profiles/*.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hybridml.errors import ConfigurationError, Problem

from hybridml_policies.rules import ALL
from hybridml_policies.yaml_file import line_of, load_yaml

_FOLDER = Path(__file__).parent / "profiles"
_FIELDS = ("description", "default", "rules")


class Level(StrEnum):
    """What a violation leads to."""

    MANDATORY = "mandatory"
    """The check fails."""
    ADVISORY = "advisory"
    """It is reported."""
    OFF = "off"
    """The rule is not asked."""


@dataclass(frozen=True)
class Profile:
    """The level of every rule."""

    name: str
    description: str
    default: Level
    """Of every rule that `rules` does not name."""
    rules: Mapping[str, Level]

    def level(self, rule_id: str) -> Level:
        """How strictly the rule `rule_id` holds."""
        return self.rules.get(rule_id, self.default)


def profile_names() -> tuple[str, ...]:
    """The profiles that come with hybridml."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_profile(name: str) -> Profile:
    """The profile `name`, or the one in the YAML file of that path.

    Raises `ConfigurationError` with every problem of the file, or when there is no such profile.
    """
    own = name.endswith((".yaml", ".yml"))
    if not own and name not in profile_names():
        fix = f"choose one of {', '.join(profile_names())}, or give the path of a YAML file"
        raise ConfigurationError([Problem(message=f"there is no policy profile {name!r}", fix=fix)])
    path = Path(name) if own else _FOLDER / f"{name}.yaml"
    document = load_yaml(path)
    problems = list(_problems(str(path), document))
    if problems or not isinstance(document, Mapping):
        raise ConfigurationError(problems)
    return Profile(
        name=path.stem,
        description=str(document.get("description", "")),
        default=Level(document.get("default", Level.MANDATORY)),
        rules={str(rule): Level(level) for rule, level in (document.get("rules") or {}).items()},
    )


def _problems(file: str, document: object) -> Iterator[Problem]:
    if not isinstance(document, Mapping):
        yield Problem(file=file, line=1, message="is not a profile", fix=f"write an object with {', '.join(_FIELDS)}")
        return
    for key in document:
        if key not in _FIELDS:
            fix = f"use {', '.join(_FIELDS)}"
            yield Problem(file=file, line=line_of(document, key), path=str(key), message="is no field", fix=fix)
    yield from _level_problem(file, document, "default", "default")
    rules = document.get("rules") or {}
    if not isinstance(rules, Mapping):
        yield Problem(file=file, line=line_of(document, "rules"), path="rules", message="is not an object")
        return
    for rule in rules:
        yield from _level_problem(file, rules, rule, f"rules.{rule}")
        if rule not in ALL:
            yield Problem(file=file, line=line_of(rules, rule), path=f"rules.{rule}", message="is no rule")


def _level_problem(file: str, owner: Mapping[object, object], key: str, path: str) -> Iterator[Problem]:
    value = owner.get(key, Level.MANDATORY)
    if not isinstance(value, str) or value not in set(Level):
        fix = f"use {', '.join(Level)}, in quotes"
        yield Problem(file=file, line=line_of(owner, key), path=path, message=f"{value!r} is no level", fix=fix)
