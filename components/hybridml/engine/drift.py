"""What differs between two records of one resource, property by property, and what a provider found to differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hybridml.engine.values import Properties, Secret, Value, contains_secret, reveal, to_json
from hybridml.errors import printable

_SHOWN: Final = 80
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One property that differs."""

    path: str
    """`spec.template.replicas`, `rules[0].id`."""
    before: Value
    """None when it was not there."""
    after: Value
    """None when it is there no more."""

    def to_json(self) -> dict[str, Any]:
        """As documents show it; a secret is `[secret]`."""
        return {"path": self.path, "before": to_json(self.before), "after": to_json(self.after)}

    def __str__(self) -> str:
        if isinstance(self.before, Secret) and isinstance(self.after, Secret):
            return f"{printable(self.path)}: [secret] changed"
        return f"{printable(self.path)}: {_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A resource that is not what the state recorded of it."""

    urn: str
    gone: bool = False
    """Its provider finds it no more."""
    properties: tuple[Difference, ...] = ()
    """What differs where it is still there: recorded and found."""
    correction: str = ""
    """What its provider would do to make it as recorded: `update`, `replace`; empty for nothing, or when not asked."""

    def to_json(self) -> dict[str, Any]:
        """As documents show it; secrets hidden."""
        found = [difference.to_json() for difference in self.properties]
        return {"urn": self.urn, "gone": self.gone, "properties": found, "correction": self.correction}


def drifted(before: tuple[Properties, Properties], after: tuple[Properties, Properties]) -> tuple[Difference, ...]:
    """What differs between inputs and outputs as recorded and as found; of an output named like an input the latter."""
    inputs = tuple(differences(before[0], after[0]))
    said = {difference.path for difference in inputs}
    outputs = (found for found in differences(before[1], after[1]) if found.path not in said)
    return tuple(sorted((*inputs, *outputs), key=lambda found: found.path))


def differences(before: Properties, after: Properties, path: str = "") -> Iterator[Difference]:
    """Every property that differs, the innermost one. A secret is compared as a whole and stays one."""
    for key in sorted(before.keys() | after.keys()):
        yield from _differences(before.get(key), after.get(key), _member(path, key))


def _differences(before: Value, after: Value, path: str) -> Iterator[Difference]:
    if isinstance(before, Secret) or isinstance(after, Secret):
        if not _same(reveal(before), reveal(after)):
            yield Difference(path=path, before=_closed(before), after=_closed(after))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from differences(before, after, path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    elif not _same(reveal(before), reveal(after)):
        either = contains_secret(before) or contains_secret(after)
        yield (
            Difference(path=path, before=before, after=after)
            if not either
            else Difference(path=path, before=_closed(before), after=_closed(after))
        )


def _same(before: Value, after: Value) -> bool:
    """Whether two values are equal; `1` and `1.0` are, `1` and `true` are not."""
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def _closed(value: Value) -> Value:
    return value if value is None or isinstance(value, Secret) else Secret(value)


def _member(path: str, key: str) -> str:
    """A property path as Pulumi writes it: a key with a dot or bracket in it is quoted."""
    if any(sign in key for sign in '.[]"'):
        quoted = key.replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key


def _shown(value: Value) -> str:
    if value is None:
        return "(absent)"
    text = printable(json.dumps(to_json(value), ensure_ascii=False))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
