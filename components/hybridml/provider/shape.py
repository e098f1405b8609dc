"""From what arrives on the wire to typed values, and back: one reader for the inputs and states of every resource.

The dataclass is the only description: types and defaults come from its fields, limits from `wanted`, descriptions
from the string below each field. The schema is generated from the same place.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from hybridml.provider.unknown import UNKNOWN

T = TypeVar("T")

_KINDS: dict[type, str] = {str: "a string", int: "a whole number", bool: "true or false"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """One thing wrong with an input: the property's path and what to do about it."""

    path: str
    """Path of the property: `deployedModels[0].trafficPercent`."""
    reason: str
    """What is wrong, and the allowed values."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Which values of its type an input may have."""

    minimum: int | None = None
    """Smallest number, or shortest text."""
    maximum: int | None = None
    """Largest number, or longest text."""
    choices: tuple[str, ...] = ()
    """The allowed values, where they are a closed set."""
    pattern: str = ""
    """Regular expression that the whole text matches."""
    like: str = ""
    """What the pattern means, for the message."""
    secret: bool = False
    """Never shown in a message."""


def wanted(default: Any = dataclasses.MISSING, **limits: Any) -> Any:
    """A dataclass field with limits; mappings and sequences get their empty default as `()` or `{}`."""
    metadata = {"limits": Limits(**limits)}
    if default == {}:
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def camel(name: str) -> str:
    """`start_timeout` → `startTimeout`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@dataclasses.dataclass(frozen=True)
class Property:
    """One field of an input or state dataclass, as schema and reader see it."""

    name: str
    wire: str
    type: Any
    required: bool
    default: Any
    limits: Limits


_described: dict[type, tuple[Property, ...]] = {}


def properties(cls: type) -> tuple[Property, ...]:
    """The fields of a dataclass in order, with resolved types and wire names."""
    if cls not in _described:
        hints = typing.get_type_hints(cls)
        _described[cls] = tuple(_property(field, hints[field.name]) for field in dataclasses.fields(cls))
    return _described[cls]


def _property(field: dataclasses.Field[Any], hint: Any) -> Property:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    required = default is dataclasses.MISSING
    limits = field.metadata.get("limits", Limits())
    return Property(field.name, camel(field.name), hint, required, None if required else default, limits)


def optional(hint: Any) -> Any:
    """`X` for `X | None`, anything else as it is."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    return hint


def read(cls: type[T], raw: Mapping[str, Any], failures: list[Failure], path: str = "") -> T:
    """`raw` as a `cls`; everything wrong is added to `failures`, and the value stands in as UNKNOWN."""
    known = {prop.wire: prop for prop in properties(cls)}
    for key in raw.keys() - known.keys():
        failures.append(Failure(path=_join(path, key), reason=f"no such property; allowed are {', '.join(known)}"))
    return cls(**{prop.name: _read_property(prop, raw, failures, path) for prop in known.values()})


def _read_property(prop: Property, raw: Mapping[str, Any], failures: list[Failure], path: str) -> Any:
    value, place = raw.get(prop.wire), _join(path, prop.wire)
    if value is None and prop.required:
        failures.append(Failure(path=place, reason="required, but missing"))
        return UNKNOWN
    if value is None:
        return prop.default
    result = _convert(optional(prop.type), value, failures, place)
    failures.extend(Failure(path=place, reason=reason) for reason in _beyond(prop.limits, result))
    return result


def _convert(hint: Any, value: Any, failures: list[Failure], path: str) -> Any:
    if value is UNKNOWN:
        return UNKNOWN
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
        return read(hint, value, failures, path)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, Sequence) and not isinstance(value, str):
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, entry, failures, f"{path}[{index}]") for index, entry in enumerate(value))
    if _is_mapping(origin) and isinstance(value, Mapping):
        item = typing.get_args(hint)[1]
        return {key: _convert(item, entry, failures, _join(path, key)) for key, entry in value.items()}
    return _scalar(hint, value, failures, path)


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _scalar(hint: Any, value: Any, failures: list[Failure], path: str) -> Any:
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint in _KINDS and isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    failures.append(Failure(path=path, reason=f"must be {_kind(hint)}"))
    return UNKNOWN


def _kind(hint: Any) -> str:
    if hint in _KINDS:
        return _KINDS[hint]
    return "a list" if typing.get_origin(hint) is tuple else "an object"


def _beyond(limits: Limits, value: Any) -> Iterator[str]:
    if value is UNKNOWN or value is None:
        return
    shown = "" if limits.secret else f", not {value!r}"
    if limits.choices and value not in limits.choices:
        yield f"must be one of {', '.join(limits.choices)}{shown}"
    if limits.pattern and not re.fullmatch(limits.pattern, value):
        yield f"must be {limits.like or limits.pattern}{shown}"
    yield from _out_of_range(limits, value, shown)


def _out_of_range(limits: Limits, value: Any, shown: str) -> Iterator[str]:
    if limits.minimum is None and limits.maximum is None:
        return
    number = isinstance(value, int)
    size, unit = (value, "") if number else (len(value), " characters" if isinstance(value, str) else " entries")
    shown = shown if number else f", not {size}"
    if limits.minimum is not None and size < limits.minimum:
        yield f"must be at least {limits.minimum}{unit}{shown}"
    if limits.maximum is not None and size > limits.maximum:
        yield f"must be at most {limits.maximum}{unit}{shown}"


def _join(path: str, key: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_$][\w$]*", key) is not None
    step = key if plain else f'["{key}"]'
    return f"{path}.{step}" if path and plain else f"{path}{step}"


def write(value: Any) -> Any:
    """A typed value as plain lists and camelCase mappings; what is None is left out of objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {prop.wire: getattr(value, prop.name) for prop in properties(type(value))}
        return {wire: write(entry) for wire, entry in fields.items() if entry is not None}
    if value is UNKNOWN or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: write(entry) for key, entry in value.items()}
    return [write(entry) for entry in value] if isinstance(value, (list, tuple)) else value
