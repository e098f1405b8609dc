"""Which value of a resource is secret, which is certain before it exists, and which was found changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridml.provider.resource import Resource
from hybridml.provider.shape import camel, properties, write
from hybridml.provider.unknown import UNKNOWN, NotKnownYet, same
from hybridml.provider.wire import Secret, conceal, holds_secret, reveal

AnyResource = Resource[Any, Any]


def mark_inputs(resource: AnyResource, raw: Mapping[str, Any], checked: Mapping[str, Any]) -> dict[str, Any]:
    """Checked inputs with the secrets of `raw`; what was derived from a secret is secret unless declared public."""
    defaults = {prop.wire: write(prop.default) for prop in properties(resource.inputs)}
    derived = {key for key, value in checked.items() if key not in raw and value != defaults.get(key)}
    return _mark(resource, raw, checked, derived)


def mark_outputs(resource: AnyResource, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with the secrets of the inputs; what was computed from a secret is secret unless declared public."""
    plain = {key: reveal(value) for key, value in inputs.items()}
    derived = {key for key, value in state.items() if key not in plain or not same(plain[key], value)}
    return _mark(resource, inputs, state, derived)


def _mark(
    resource: AnyResource, inputs: Mapping[str, Any], values: Mapping[str, Any], derived: set[str]
) -> dict[str, Any]:
    tainted = derived - set(map(camel, resource.public)) if holds_secret(inputs) else set()
    marked = {key: conceal(value, inputs.get(key)) for key, value in values.items()}
    return {key: Secret(reveal(value)) if key in tainted else value for key, value in marked.items()}


def foreseen(resource: AnyResource, inputs: Any, old: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs that are already certain before `inputs` are applied; all others are UNKNOWN.

    `old` is the state that an update in place starts from, empty for a new resource.
    """
    asked = write(inputs)
    kept = {camel(name): old[camel(name)] for name in resource.stable if camel(name) in old}
    shared = {prop.wire for prop in properties(resource.state)}
    certain = {key: value for key, value in asked.items() if key in shared}
    known = {**kept, **certain, **_forecasts(resource, inputs)}
    return {prop.wire: known.get(prop.wire, _absent(prop.wire, resource)) for prop in properties(resource.state)}


def _absent(wire: str, resource: AnyResource) -> Any:
    is_input = any(prop.wire == wire for prop in properties(resource.inputs))
    return None if is_input and wire not in map(camel, resource.foresight) else UNKNOWN


def _forecasts(resource: AnyResource, inputs: Any) -> dict[str, Any]:
    return {camel(name): _forecast(rule, inputs) for name, rule in resource.foresight.items()}


def _forecast(rule: Any, inputs: Any) -> Any:
    try:
        return write(rule(inputs))
    except NotKnownYet:
        return UNKNOWN


def observed_inputs(inputs: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """`inputs` as they would have to be for what was found: what differs in `state` wins."""
    found = {key: state[key] for key in inputs if key in state and not same(reveal(inputs[key]), state[key])}
    return {**inputs, **{key: conceal(value, inputs[key]) for key, value in found.items()}}
