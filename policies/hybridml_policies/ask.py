"""The questions that rules are made of; each answers with a verdict and names the property that decided it.

`present(bucket, "kmsKeyArn")` asks a resource about a path of its inputs; `is_present(found)` asks about one place that
`values.find` led to. A path that leads nowhere fails what asks for a value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from hybridml_policies.values import Found, Missing, Resource, find_input, number, shown
from hybridml_policies.verdict import PASS, Verdict, all_of, fails, unknown

Scalar: TypeAlias = str | bool | float


def present(resource: Resource, path: str) -> Verdict:
    """Pass when every place of `path` is set; a value that is not known yet counts as set."""
    return each(resource, path, is_present)


def equals(resource: Resource, path: str, wanted: Scalar) -> Verdict:
    """Pass when every place of `path` holds `wanted`."""
    return each(resource, path, lambda found: is_one_of(found, (wanted,)))


def at_most(resource: Resource, path: str, limit: float, unit: str = "") -> Verdict:
    """Pass when every place of `path` holds a number up to `limit`."""
    return each(resource, path, lambda found: is_at_most(found, limit, unit))


def each(resource: Resource, path: str, question: Callable[[Found], Verdict]) -> Verdict:
    """Pass when `question` passes at every place of `path`, asked about an absent one when it leads nowhere."""
    return all_of(map(question, find_input(resource, path) or (Found(path, Missing.ABSENT),)))


def is_present(found: Found) -> Verdict:
    """Pass when something is set here."""
    if found.hidden:
        return unknown(f"{found.path} is not known yet")
    return fails(f"{found.path} is not set") if found.absent else PASS


def is_one_of(found: Found, wanted: Collection[Scalar]) -> Verdict:
    """Pass when one of the `wanted` values is set here."""
    if found.unknown:
        return unknown(f"{found.path} is not known yet, {_choice(wanted)} is needed")
    if any(same(found.value, value) for value in wanted):
        return PASS
    state = "is not set" if found.absent else f"is {shown(found.value)}"
    return fails(f"{found.path} {state}, {_choice(wanted)} is needed")


def is_at_most(found: Found, limit: float, unit: str = "") -> Verdict:
    """Pass when a number up to `limit` is set here; `unit` only serves the reason."""
    wanted = f"at most {shown(limit)}{unit} is needed"
    if found.unknown:
        return unknown(f"{found.path} is not known yet, {wanted}")
    value = number(found.value)
    if value is not None and value <= limit:
        return PASS
    return fails(f"{found.path} is {'not set' if found.absent else shown(found.value)}, {wanted}")


def same(value: object, wanted: Scalar) -> bool:
    """Compare as providers do: `true` and `"true"`, `2` and `2.0` and `"2"` are the same."""
    if isinstance(wanted, bool):
        return value is wanted or (isinstance(value, str) and value.lower() == str(wanted).lower())
    if isinstance(wanted, str):
        return value == wanted
    return number(value) == wanted


def _choice(wanted: Collection[Scalar]) -> str:
    return " or ".join(shown(value) for value in wanted)
