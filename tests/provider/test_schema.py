"""The package schema: valid in itself, and the same as what the SDK's classes declare."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hybridml
import pulumi
import pytest
from hybridml.provider import sdk
from hybridml.provider.resources import RESOURCES
from hybridml.provider.schema import schema, schema_json
from hybridml.provider.shape import camel

from .conftest import Engine

SCHEMA: dict[str, Any] = schema(RESOURCES)
NAMES = sorted(token.rsplit(":", 1)[-1] for token in RESOURCES)


def test_the_plugin_answers_with_the_schema(engine: Engine) -> None:
    """GetSchema gives the same text each time."""
    from pulumi.runtime.proto import provider_pb2

    answer = engine.stub.GetSchema(provider_pb2.GetSchemaRequest())

    assert answer.schema == schema_json(RESOURCES)
    assert json.loads(answer.schema) == SCHEMA


def test_the_package_names_its_plugin() -> None:
    """Pulumi finds name and version of the plugin in the installed package."""
    named = json.loads((Path(hybridml.__file__).parent / "pulumi-plugin.json").read_text())

    assert named == {"resource": True, "name": "hybridml", "version": hybridml.__version__}
    assert SCHEMA["version"] == hybridml.__version__


def specs(value: Any) -> list[dict[str, Any]]:
    """Every property of an object of the schema, with those inside."""
    inner = [value["items"]] if "items" in value else []
    inner += [value["additionalProperties"]] if "additionalProperties" in value else []
    return [value, *(found for each in inner for found in specs(each))]


def objects() -> list[tuple[str, dict[str, Any], list[str]]]:
    found = [(name, kind["properties"], kind["required"]) for name, kind in SCHEMA["types"].items()]
    for name, kind in SCHEMA["resources"].items():
        found.append((name, kind["inputProperties"], kind["requiredInputs"]))
        found.append((name, kind["properties"], kind["required"]))
    return found


def test_every_name_reference_and_type_is_valid() -> None:
    """Tokens, references, types and required names follow Pulumi's metaschema, and everything is described."""
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", SCHEMA["version"])
    for token, described in {**SCHEMA["types"], **SCHEMA["resources"]}.items():
        assert re.fullmatch(r"hybridml:index:[A-Z]\w+", token)
        assert described["description"]
    for name, props, required in objects():
        assert set(required) <= set(props), name
        for key, prop in props.items():
            assert re.fullmatch(r"[a-z][A-Za-z0-9]*", key), (name, key)
            assert key not in {"id", "urn"}, name
            assert prop.get("description"), (name, key)
            for spec in specs(prop):
                assert ("$ref" in spec) != ("type" in spec)
                assert spec.get("type", "string") in {"string", "integer", "boolean", "array", "object"}
                assert spec.get("$ref", "").removeprefix("#/types/") in {"", *SCHEMA["types"]}


def described(hint: Any) -> Any:
    """A type of the SDK, as the schema writes it, references as `object`."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        plain = [kind for kind in inner if kind is not type(None) and not _is_output(kind)]
        return described(plain[0])
    if origin is pulumi.Output:
        return described(inner[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return ["array", described(inner[0])]
    return {str: "string", int: "integer", bool: "boolean"}.get(hint, "object")


def _is_output(hint: Any) -> bool:
    """Whether a member of `pulumi.Input` is the awaitable or the output, not the plain value."""
    return isinstance(hint, typing.ForwardRef) or typing.get_origin(hint) in {Awaitable, pulumi.Output}


def shown(spec: Mapping[str, Any]) -> Any:
    if spec.get("type") == "array":
        return ["array", shown(spec["items"])]
    return spec.get("type", "object")


@pytest.mark.parametrize("name", NAMES)
def test_arguments_of_the_sdk_are_the_inputs_of_the_schema(name: str) -> None:
    """Names, types and which of them are required."""
    args = getattr(sdk, f"{name}Args")
    asked = SCHEMA["resources"][f"hybridml:index:{name}"]
    hints = inspect.get_annotations(args)
    required = {
        camel(parameter.name)
        for parameter in inspect.signature(args).parameters.values()
        if parameter.default is inspect.Parameter.empty
    }

    assert {camel(key): described(hint) for key, hint in hints.items()} == {
        key: shown(spec) for key, spec in asked["inputProperties"].items()
    }
    assert required == set(asked["requiredInputs"])


@pytest.mark.parametrize("name", NAMES)
def test_outputs_of_the_sdk_are_the_properties_of_the_schema(name: str) -> None:
    """Names, types and which of them are always there."""
    hints = inspect.get_annotations(getattr(sdk, name))
    there = SCHEMA["resources"][f"hybridml:index:{name}"]

    assert {camel(key): described(hint) for key, hint in hints.items()} == {
        key: shown(spec) for key, spec in there["properties"].items()
    }
    always = {camel(key) for key, hint in hints.items() if type(None) not in typing.get_args(typing.get_args(hint)[0])}
    assert always == set(there["required"])


def test_nested_arguments_of_the_sdk_are_the_types_of_the_schema() -> None:
    """Health, policy, container and variant: the same names and required ones."""
    for token, kind in SCHEMA["types"].items():
        args = getattr(sdk, f"{token.rsplit(':', 1)[-1]}Args")
        names = {camel(key) for key in inspect.get_annotations(args)}
        required = {
            camel(parameter.name)
            for parameter in inspect.signature(args).parameters.values()
            if parameter.default is inspect.Parameter.empty
        }
        assert (names, required) == (set(kind["properties"]), set(kind["required"])), token
