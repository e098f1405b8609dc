"""Whatever valid specs say, they load; whatever is wrong with others, it is said with file, path and reason."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import jsonschema
import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import explain, json_schema, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec.strategies import Broken, Project, broken_projects, endpoints, projects, write

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
FULL = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))

ENDPOINT_SCHEMA = jsonschema.Draft202012Validator(json_schema("endpoint"))
STACK_SCHEMA = jsonschema.Draft202012Validator(json_schema("stack"))


def check_valid(project: Project) -> None:
    with tempfile.TemporaryDirectory() as folder:
        platform = load(*write(project, Path(folder)))
    assert sorted(platform.endpoints) == sorted(project.endpoints)
    for name, endpoint in platform.endpoints.items():
        assert sum(variant.weight for variant in endpoint.traffic.variants.values()) == 100
        assert set(endpoint.served) <= set(endpoint.versions)
        files = {line.file for line in explain(platform, name)}
        assert files <= {f"infra/endpoints/{name}.yaml", "stacks/Pulumi.any.yaml", "default"}


def check_broken(broken: Broken) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(ConfigurationError) as raised:
        load(*write(broken.project, Path(folder)))
    problems = raised.value.problems
    assert all(problem.file and problem.path and problem.message and problem.fix for problem in problems)
    places = [problem.path for problem in problems if problem.file == broken.file]
    assert any(place.startswith(broken.path) or broken.path.startswith(place) for place in places), (broken, problems)
    assert "pydantic" not in str(raised.value)
    assert "Traceback" not in str(raised.value)


@QUICK
@given(projects())
def test_valid_projects_load(project: Project) -> None:
    """A valid project loads, and every value of it is explained by a file of it or a default."""
    check_valid(project)


@QUICK
@given(broken_projects())
def test_broken_projects_say_where_and_why(broken: Broken) -> None:
    """One mistake anywhere gives a problem with file, path, reason and way out, at its place."""
    check_broken(broken)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@FULL
@given(projects())
def test_a_thousand_valid_projects_load(project: Project) -> None:
    """A thousand valid projects load."""
    check_valid(project)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@FULL
@given(broken_projects())
def test_a_thousand_broken_projects_say_where_and_why(broken: Broken) -> None:
    """A thousand mistakes give file, path and reason."""
    check_broken(broken)


@QUICK
@given(projects())
def test_the_schemas_accept_what_the_loader_accepts(project: Project) -> None:
    """An editor marks nothing in a project that loads."""
    for endpoint in project.endpoints.values():
        ENDPOINT_SCHEMA.validate(endpoint)
    STACK_SCHEMA.validate(project.stack)


STRUCTURAL = {"wrong type", "unknown field", "missing field", "out of range", "wrong override", "wrong target"}


@QUICK
@given(broken_projects().filter(lambda broken: broken.kind in STRUCTURAL))
def test_the_schemas_refuse_what_the_loader_refuses(broken: Broken) -> None:
    """An editor marks wrong types, words, ranges, unknown and missing fields."""
    if "steps" in json.dumps(broken.project.endpoints) and broken.path == "rollout":
        return  # their order is a rule between values
    refused = [ENDPOINT_SCHEMA.is_valid(endpoint) for endpoint in broken.project.endpoints.values()]
    assert not all([*refused, STACK_SCHEMA.is_valid(broken.project.stack)])


@settings(QUICK, max_examples=200)
@given(st.binary(max_size=200))
def test_no_bytes_end_in_a_traceback(content: bytes) -> None:
    """Whatever a file holds, the answer is a configuration error or, by luck, an endpoint."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "infra").mkdir()
        (root / "infra" / "junk.yaml").write_bytes(content)
        (root / "stacks").mkdir()
        (root / "stacks" / "Pulumi.any.yaml").write_bytes(content)
        with pytest.raises(ConfigurationError) as raised:
            load(root / "infra", root / "stacks" / "Pulumi.any.yaml")
    assert {problem.file for problem in raised.value.problems} == {"infra/junk.yaml", "stacks/Pulumi.any.yaml"}


@QUICK
@given(endpoints(), st.data())
def test_no_cut_file_loads(endpoint: dict[str, object], data: st.DataObject) -> None:
    """A file cut short anywhere is refused, by name."""
    text = json.dumps(endpoint)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "cut.yaml").write_text(cut, "utf-8")
        (root / "Pulumi.any.yaml").write_text("config: {'hybridml:environment': x}", "utf-8")
        with pytest.raises(ConfigurationError) as raised:
            load(root, root / "Pulumi.any.yaml")
    assert "cut.yaml" in str(raised.value)
