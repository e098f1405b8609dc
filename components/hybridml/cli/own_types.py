"""What is known of our own resources without starting their plugin, for exact plans against a state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridml.engine.comparison import KnownTypes
    from hybridml.engine.values import Properties
    from hybridml.provider.resource import Resource


def own_types() -> KnownTypes:
    """The rules of every own resource: its defaults, what it derives, and what replaces it."""
    from hybridml.engine.comparison import TypeRules
    from hybridml.provider.resources import RESOURCES
    from hybridml.provider.shape import camel

    return {
        token: TypeRules(frozenset(map(camel, kind.replaces_on)), partial(_checked, kind))
        for token, kind in RESOURCES.items()
    }


def _checked(kind: type[Resource[Any, Any]], name: str, given: Properties, recorded: Properties) -> Properties:
    """The inputs as the resource's own check completes them; as they are where it refuses them."""
    from hybridml.engine.values import reveal
    from hybridml.provider.resource import Context

    plain: Mapping[str, Any] = reveal(given)
    checked = kind().check(plain, Context(name=name, seed=b"", old=reveal(recorded)))
    if checked.failures:
        return given
    return {key: given[key] if plain.get(key) == value else value for key, value in checked.inputs.items()}
