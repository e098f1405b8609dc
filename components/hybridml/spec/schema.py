"""The rules of endpoint and stack files as JSON Schema (draft 2020-12), for editors.

It says what the loader says about single values and fields; rules between fields stay with the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from hybridml.spec.assembly import SAID_BY_STACK
from hybridml.spec.endpoint import EndpointSpec
from hybridml.spec.stack import NAMESPACE, StackSpec

Schema = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_ENCRYPTED: Final = {
    "type": "object",
    "description": "A secret that runtime.secrets names as config:<key>; any other key of ours is a mistake.",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}


def json_schema(kind: Literal["endpoint", "stack"]) -> Schema:
    """The JSON Schema of `infra/endpoints/*.yaml` or of `stacks/Pulumi.*.yaml`."""
    return _endpoint() if kind == "endpoint" else _stack()


def _endpoint() -> Schema:
    schema = EndpointSpec.model_json_schema(by_alias=True)
    for field in ("name", *SAID_BY_STACK):
        schema["properties"].pop(field, None)
    schema["required"].remove("name")
    return {"$schema": DRAFT, **_closed_keys(_with_defs(schema, unused={"Placement"})), "title": "hybridml endpoint"}


def _stack() -> Schema:
    stack = StackSpec.model_json_schema(by_alias=True)
    definitions = {name: _closed_keys(part) for name, part in stack.pop("$defs").items()}
    overrides, parts = _overrides()
    definitions["EndpointOverride"]["additionalProperties"] = False
    definitions["EndpointOverride"]["properties"] |= overrides
    config = {
        "type": "object",
        "properties": {NAMESPACE + name: field for name, field in stack["properties"].items()},
        "required": [NAMESPACE + name for name in stack["required"]],
        "patternProperties": {rf"^{NAMESPACE}(?!({'|'.join(stack['properties'])})$)": _ENCRYPTED},
    }
    whole = {"type": "object", "properties": {"config": config}, "required": ["config"]}
    return {"$schema": DRAFT, "title": "hybridml stack", **whole, "$defs": definitions | parts}


def _overrides() -> tuple[Schema, Schema]:
    """The fields of an endpoint as a stack may override them, and the definitions that they refer to."""
    schema = _endpoint()
    parts = {f"Partial{name}": _partial(part) for name, part in schema["$defs"].items()}
    return _partial(schema)["properties"], parts


def _partial(schema: Any) -> Any:
    """`schema` for values that are laid over others: nothing is required, and null takes an entry away."""
    if isinstance(schema, list):
        return [_partial(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        kept = {key: value for key, value in schema.items() if key != "default"}
        return {**kept, "$ref": str(schema["$ref"]).replace("#/$defs/", "#/$defs/Partial")}
    result = {
        key: _partial(value) for key, value in schema.items() if key not in {"required", "default", "minProperties"}
    }
    if "properties" in schema:
        result["properties"] = {name: _or_null(_partial(field)) for name, field in schema["properties"].items()}
    for keyed in ("patternProperties", "additionalProperties"):
        if isinstance(schema.get(keyed), Mapping):
            result[keyed] = _nullable_entries(result[keyed], keyed)
    return result


def _nullable_entries(entries: Schema, keyed: str) -> Schema:
    if keyed == "additionalProperties":
        return _or_null(entries)
    return {pattern: _or_null(entry) for pattern, entry in entries.items()}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _with_defs(schema: Schema, unused: set[str]) -> Schema:
    definitions = {name: _closed_keys(part) for name, part in schema["$defs"].items() if name not in unused}
    return {**schema, "$defs": definitions}


def _closed_keys(schema: Any) -> Any:
    """`schema`, with mappings whose keys have a pattern closed to other keys, as the loader does."""
    if isinstance(schema, list):
        return [_closed_keys(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    result = {key: _closed_keys(value) for key, value in schema.items()}
    if "patternProperties" in result:
        result["additionalProperties"] = False
    return result
