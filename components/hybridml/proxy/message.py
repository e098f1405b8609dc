"""The few shapes that all of Envoy's messages share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Message = Mapping[str, object]
"""A protobuf message in its JSON form; Envoy reads JSON wherever it reads YAML."""

_TYPES = "type.googleapis.com/"


def typed(type_name: str, **fields: object) -> Message:
    """A message of that protobuf type, as it stands inside an `Any`."""
    return {"@type": _TYPES + type_name, **fields}


def extension(name: str, type_name: str, **fields: object) -> Message:
    """A named extension (filter, matcher, access logger) with its configuration."""
    return {"name": name, "typed_config": typed(type_name, **fields)}


def discovery(version: str, resources: Sequence[Message]) -> Message:
    """What Envoy expects in a file of clusters or routes: a discovery response, `version` shown in its statistics."""
    return {"version_info": version, "resources": list(resources)}


def percent(value: float) -> Message:
    """A share of requests, `value` in percent (0 to 100), exact to a ten-thousandth of a percent."""
    return {"default_value": {"numerator": round(value * 10_000), "denominator": "MILLION"}}


def to_json(message: Message | Sequence[Message]) -> str:
    """The message or list of messages as Envoy reads it; equal messages give equal text."""
    return json.dumps(message, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
