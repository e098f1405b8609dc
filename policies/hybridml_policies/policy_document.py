"""AWS policy documents, read leniently: texts or lists, any letter case of the element names, values not known yet.

Source of the shapes: AWS IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hybridml_policies.values import document, is_unknown


@dataclass(frozen=True)
class Statement:
    """One statement; an element that is not written is an empty tuple."""

    effect: str
    principals: tuple[str, ...]
    """`*` for everyone, else the principals of every kind; all of a kind that is not AWS are not everyone."""
    actions: tuple[str, ...]
    """In lower case, as actions are compared."""
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Values by operator and key, both in lower case."""
    not_actions: tuple[str, ...] = ()
    """Every action but these."""
    not_resources: tuple[str, ...] = ()
    """Every resource but these."""


def statements(policy: object) -> tuple[Statement, ...] | None:
    """The statements of a document given as JSON text or object; None while nobody can read it.

    A statement that is not known is one whose every element is unknown.
    """
    listed = _element(document(policy), "statement")
    if listed is None or is_unknown(listed):
        return None
    return tuple(_statement(entry) for entry in (listed if isinstance(listed, list | tuple) else (listed,)))


def _statement(entry: object) -> Statement:
    if is_unknown(entry):
        text = str(entry)
        return Statement(text, (text,), (text,), (text,), {})
    effect = _element(entry, "effect")
    return Statement(
        effect=effect if isinstance(effect, str) else "",
        principals=tuple(_principals(_element(entry, "principal"))),
        actions=tuple(a if is_unknown(a) else a.lower() for a in _listed(_element(entry, "action"))),
        resources=_listed(_element(entry, "resource")),
        conditions=_conditions(_element(entry, "condition")),
        not_actions=_listed(_element(entry, "notaction")),
        not_resources=_listed(_element(entry, "notresource")),
    )


def _principals(principal: object) -> Iterable[str]:
    if isinstance(principal, Mapping):
        return [text for kind, value in principal.items() for text in _listed(value) if text != "*" or kind == "AWS"]
    return _listed(principal)


def _conditions(condition: object) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    if not isinstance(condition, Mapping):
        return {str(condition): {}} if is_unknown(condition) else {}
    return {
        str(operator).lower(): {str(key).lower(): _listed(value) for key, value in keys.items()}
        for operator, keys in condition.items()
        if isinstance(keys, Mapping)
    }


def _element(entry: object, name: str) -> object:
    if not isinstance(entry, Mapping):
        return None
    return next((value for key, value in entry.items() if isinstance(key, str) and key.lower() == name), None)


def _listed(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple(str(v).lower() if isinstance(v, bool) else v for v in values if isinstance(v, str | bool))
