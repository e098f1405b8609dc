"""Our custom resources against the schemas of the projects that own them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from targets.planned import PlanOf

FOLDERS = (os.environ.get("HYBRIDML_CRDS", ""), str(Path(__file__).parents[3] / "shared" / "crds"))
"""Where the definitions may lie: a folder that is given, or one beside the project."""
TYPES = {"string": str, "object": Mapping, "array": list, "boolean": bool, "integer": int, "number": (int, float)}


def definitions(file: str) -> list[dict[str, Any]]:
    folder = next((Path(each) for each in FOLDERS if each and Path(each).is_dir()), None)
    if not folder or not (folder / file).is_file():
        pytest.skip(f"no {file}: name a folder with CustomResourceDefinitions in HYBRIDML_CRDS")
    with (folder / file).open() as text:
        return [each for each in YAML(typ="safe").load_all(text) if each]


def schema(file: str, kind: str, version: str) -> dict[str, Any]:
    definition = next(each for each in definitions(file) if each["spec"]["names"]["kind"] == kind)
    served = next(each for each in definition["spec"]["versions"] if each["name"] == version)
    found: dict[str, Any] = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def breaches(value: Any, schema: Mapping[str, Any], path: str = "spec") -> list[str]:
    """What a structural schema has against `value`: unknown fields, missing ones, types, enums, bounds."""
    if schema.get("x-kubernetes-int-or-string"):
        return []
    kind = schema.get("type")
    if kind and not isinstance(value, TYPES[kind]):
        return [f"{path}: {value!r} is no {kind}"]
    found = [f"{path}: {value!r} is none of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, Mapping):
        return found + _in_mapping(value, schema, path)
    if isinstance(value, list):
        found += [f"{path}: too many items"] if len(value) > schema.get("maxItems", len(value)) else []
        return found + [each for item in value for each in breaches(item, schema["items"], f"{path}[]")]
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        found.append(f"{path}: {value!r} is too long")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: {value!r} is out of bounds")
    return found


def _in_mapping(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, inner in value.items():
        if name in known:
            found += breaches(inner, known[name], f"{path}.{name}")
        elif not schema.get("additionalProperties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.append(f"{path}.{name} is unknown")
    return found


@pytest.mark.parametrize("sample", [20, 12.5])
def test_route_is_one_that_gateway_api_takes(plan: Callable[..., PlanOf], sample: float) -> None:
    """Every field of the HTTPRoute exists, with the right type, in Gateway API v1."""
    traffic = {
        "routes": [{"header": {"x-cohort": "beta"}, "version": "4"}],
        "shadow": {"version": "4", "sample": sample},
    }
    route = plan("kubernetes", {"traffic": traffic}).one("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute")

    assert breaches(route["spec"], schema("gateway-api.yaml", "HTTPRoute", "v1")) == []


def test_policy_is_one_that_envoy_gateway_takes(plan: Callable[..., PlanOf]) -> None:
    """Every field of the SecurityPolicy exists, with the right type, in Envoy Gateway's API."""
    policy = plan("kubernetes").one("kubernetes:gateway.envoyproxy.io/v1alpha1:SecurityPolicy")

    assert breaches(policy["spec"], schema("envoy-gateway.yaml", "SecurityPolicy", "v1alpha1")) == []


def test_a_wrong_field_is_noticed() -> None:
    """The check that the others stand on fails for an unknown field, a missing one and a wrong type."""
    shape = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "maximum": 3}, "b": {}}}

    assert breaches({"a": 4}, shape) == ["spec.a: 4 is out of bounds"]
    assert breaches({"a": "x"}, shape) == ["spec.a: 'x' is no integer"]
    assert breaches({"c": 1}, shape) == ["spec.a is missing", "spec.c is unknown"]
