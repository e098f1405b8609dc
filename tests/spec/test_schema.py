"""The JSON Schemas say what the loader says, and the reference says what the schemas say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hybridml.spec import EndpointSpec, StackSpec, json_schema
from hybridml.spec.document import read
from hybridml.spec.reference import reference
from hybridml.spec.shape import models_in, target_kinds
from pydantic import BaseModel
from spec.project import MINIMAL

ROOT = Path(__file__).parents[2]
ENDPOINT = jsonschema.Draft202012Validator(json_schema("endpoint"))
STACK = jsonschema.Draft202012Validator(json_schema("stack"))


def every_model() -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [EndpointSpec, StackSpec, *target_kinds().values()]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += [below for field in model.model_fields.values() for below in models_in(field.annotation)]
    return found


def stack(**over: Any) -> dict[str, Any]:
    ours = {"environment": "test", "targets": {"here": {"kind": "local"}}} | over
    return {"config": {f"hybridml:{key}": value for key, value in ours.items()}}


@pytest.mark.parametrize("kind", ["endpoint", "stack"])
def test_the_schemas_are_schemas(kind: Any) -> None:
    """They follow draft 2020-12 and say so."""
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))
    assert json_schema(kind)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schemas_accept_the_files_of_this_repository() -> None:
    """What the loader reads here, an editor does not mark."""
    for path in (ROOT / "infra" / "endpoints").glob("*.yaml"):
        ENDPOINT.validate(read(path, path.name)[0].plain())
    for path in (ROOT / "stacks").glob("Pulumi.*.yaml"):
        STACK.validate(read(path, path.name)[0].plain())


@pytest.mark.parametrize("field", ["name", "placement", "instance", "port"])
def test_an_endpoint_file_has_no_place_for_what_the_stack_says(field: str) -> None:
    """An editor offers neither name nor placement in an endpoint's file."""
    assert field not in json_schema("endpoint")["properties"]
    assert not ENDPOINT.is_valid(MINIMAL | {field: "x"})


def test_an_override_may_be_partial_and_null() -> None:
    """In a stack any field of an endpoint may stand alone, or be taken away."""
    entry = {
        "placement": {"primary": "here"},
        "traffic": {"champion": {"weight": 5}, "routes": None},
        "versions": {"3": {"artifact": {"sha256": None}}, "4": None},
        "slo": None,
        "scaling": {"max": 3},
    }
    STACK.validate(stack(endpoints={"iris": entry}))
    assert not STACK.is_valid(stack(endpoints={"iris": entry | {"placement": None}}))
    assert not STACK.is_valid(stack(endpoints={"iris": entry | {"traffic": {"champion": {"wight": 5}}}}))
    assert not STACK.is_valid(stack(endpoints={"iris": entry | {"scaling": {"max": "3"}}}))
    assert not STACK.is_valid(stack(endpoints={"iris": {"scaling": {"max": 3}}}))


def test_keys_of_others_are_free_and_ours_are_known() -> None:
    """Other namespaces and encrypted secrets pass; a misspelt key of ours does not."""
    good = stack()
    good["config"] |= {"aws:region": "eu-west-1", "hybridml:token": {"secure": "v1:x"}}
    STACK.validate(good | {"encryptionsalt": "v1:x"})
    good["config"]["hybridml:enviroment"] = "x"
    assert not STACK.is_valid(good)


@pytest.mark.parametrize(
    "target",
    [{}, {"kind": "azure"}, {"kind": "aws"}, {"kind": "local", "port": 80}, {"kind": "kubernetes", "context": 5}],
)
def test_targets_are_told_apart(target: dict[str, Any]) -> None:
    """Each kind has its own fields."""
    assert not STACK.is_valid(stack(targets={"here": target}))


def test_names_of_versions_have_their_spelling() -> None:
    """A mapping with a pattern on its names is closed to other names."""
    version = MINIMAL["versions"]["1"]
    assert not ENDPOINT.is_valid(MINIMAL | {"versions": {"1": version, "V 2": version}})


def test_every_field_says_what_it_is() -> None:
    """Each field of each model has a description that ends as a sentence, and each model a docstring."""
    for model in every_model():
        assert model.__doc__, model
        for name, field in model.model_fields.items():
            assert field.description, (model, name)
            assert field.description.endswith((".", "…")), (model, name)


def test_numbers_say_their_unit_or_range() -> None:
    """A field with a bounded number repeats the bounds or the unit in words."""
    units = (
        "percent",
        "share",
        "millisecond",
        "day",
        "replica",
        "port",
        "gpu",
        "pod",
        "request",
        "index",
        "value",
        "disparate",
        "agreement",
        "rows",
    )
    for model in every_model():
        for name, field in model.model_fields.items():
            if field.annotation in (int, float):
                said = f"{name} {field.description}".lower()
                assert any(unit in said for unit in units), (model, name)


def test_the_reference_is_the_one_that_is_generated() -> None:
    """`python -m hybridml.spec.reference docs/reference/spec.md` brings it up to date."""
    assert (ROOT / "docs" / "reference" / "spec.md").read_text("utf-8") == reference()


def test_every_field_has_its_row_in_the_reference() -> None:
    """Nothing can be written in a spec that the reference does not have."""
    text = reference()
    rows = {line.split("`")[1].removeprefix("hybridml:") for line in text.splitlines() if line.startswith("| `")}
    for model in every_model():
        assert {field.alias or name for name, field in model.model_fields.items()} <= rows, model
    for kind in target_kinds():
        assert f"### `target: {kind}`" in text


def test_every_mapping_has_its_heading_in_the_reference() -> None:
    """Each part of the example in the design has a section under its path."""
    headings = [line.strip("# `") for line in reference().splitlines() if line.startswith("### ")]
    assert len(headings) == len(set(headings))
    expected = {
        "versions.<name>", "versions.<name>.artifact", "versions.<name>.artifact.signature", "versions.<name>.lineage",
        "runtime", "runtime.resources", "runtime.resources.gpu", "runtime.routes", "traffic", "traffic.champion",
        "traffic.routes[]", "traffic.shadow", "scaling", "scaling.schedules[]", "rollout", "rollout.abort_on",
        "capture", "monitors", "monitors.drift", "monitors.data_quality", "monitors.model_quality", "monitors.bias",
        "monitors.explainability", "slo", "access", "placement", "hybridml:endpoints.<name>",
    }  # fmt: skip
    assert expected <= set(headings)
