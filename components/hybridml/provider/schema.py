"""The package schema that Pulumi generates SDKs from: types from the server's classes, descriptions from the SDK's."""

from __future__ import annotations

import ast
import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hybridml import __version__
from hybridml.provider.resource import Resource
from hybridml.provider.shape import Property, optional, properties

_SCALARS = {str: "string", int: "integer", bool: "boolean"}


def schema(resources: Mapping[str, type[Resource[Any, Any]]]) -> dict[str, Any]:
    """Pulumi's package schema for `resources`, by token."""
    texts = _descriptions()
    nested = {kind for resource in resources.values() for kind in _nested(resource.inputs) | _nested(resource.state)}
    return {
        "name": "hybridml",
        "displayName": "hybridml",
        "version": __version__,
        "description": "What no official provider offers to serve models: files, keys, processes, deployments.",
        "license": "Apache-2.0",
        "provider": {},
        "types": {_type_token(kind): _object(kind, texts) for kind in sorted(nested, key=lambda kind: kind.__name__)},
        "resources": {token: _resource(resource, texts) for token, resource in resources.items()},
    }


def schema_json(resources: Mapping[str, type[Resource[Any, Any]]]) -> str:
    """`schema` as text, the same bytes each time."""
    return json.dumps(schema(resources), indent=2, sort_keys=True)


def _resource(resource: type[Resource[Any, Any]], texts: Mapping[str, str]) -> dict[str, Any]:
    name = resource.__name__
    asked = [prop for prop in properties(resource.inputs) if prop.name not in resource.automatic]
    there = properties(resource.state)
    return {
        "description": texts[name],
        "inputProperties": {prop.wire: _property(prop, texts.get(f"{name}Args.{prop.name}")) for prop in asked},
        "requiredInputs": [prop.wire for prop in asked if prop.required],
        "properties": {prop.wire: _property(prop, texts.get(f"{name}.{prop.name}")) for prop in there},
        "required": [prop.wire for prop in there if optional(prop.type) is prop.type],
    }


def _object(kind: type, texts: Mapping[str, str]) -> dict[str, Any]:
    name = f"{kind.__name__}Args"
    return {
        "type": "object",
        "description": texts[name],
        "properties": {prop.wire: _property(prop, texts.get(f"{name}.{prop.name}")) for prop in properties(kind)},
        "required": [prop.wire for prop in properties(kind) if prop.required],
    }


def _property(prop: Property, text: str | None) -> dict[str, Any]:
    return {**_type(optional(prop.type)), **({"description": text} if text else {})}


def _type(hint: Any) -> dict[str, Any]:
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return {"$ref": f"#/types/{_type_token(hint)}"}
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _type(inner[0])}
    return {"type": "object", "additionalProperties": _type(inner[1])}


def _type_token(kind: type) -> str:
    return f"hybridml:index:{kind.__name__}"


def _nested(kind: type) -> set[type]:
    found: set[type] = set()
    for prop in properties(kind):
        hint = optional(prop.type)
        for part in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                found |= {part} | _nested(part)
    return found


def _descriptions() -> dict[str, str]:
    """Docstring of each SDK class, and the string below each attribute, read from the source without importing it."""
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "sdk").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.update(_class_descriptions(node))
    return found


def _class_descriptions(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    yield node.name, ast.get_docstring(node) or ""
    for attribute, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(attribute, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield f"{node.name}.{typing.cast(ast.Name, attribute.target).id}", str(text.value.value)
