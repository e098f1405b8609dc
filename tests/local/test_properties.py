"""Whatever a valid specification says: it plans, or it is refused by name."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.errors import ConfigurationError
from hypothesis import HealthCheck, given, settings
from spec.strategies import Project, local_projects, projects, write

HOME = Path(__file__).resolve().parents[2]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
FULL = settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))


def planned(project: Project) -> Plan:
    """The repository's program, over the files of `project`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _, stack_file = write(project, root)
        shutil.copy2(HOME / "Pulumi.yaml", root)
        shutil.copy2(HOME / "infra" / "__main__.py", root / "infra")
        return plan(root, stack_file.stem.removeprefix("Pulumi."), log=lambda *_: None)


def check_local(project: Project) -> None:
    """Every endpoint has its servers, and a proxy whose clusters are those that its routes name."""
    made = planned(project)
    configs = [each for each in made.resources if each.type == "hybridml:index:GuardedRollout"]
    assert len(configs) == len(project.endpoints)
    for config in configs:
        clusters = {cluster["name"] for cluster in json.loads(str(config.inputs["envoy"]["clusters"]))}
        routes = json.dumps(json.loads(str(config.inputs["envoy"]["routes"])))
        assert clusters
        assert all(f'"{name}"' in routes or name.startswith(("version-", "direct-")) for name in clusters)


def check_any(project: Project) -> None:
    """A plan, or one configuration error whose problems all say where, what and the way out."""
    try:
        planned(project)
    except ConfigurationError as refused:
        assert all(problem.path and problem.message and problem.fix for problem in refused.problems)
        assert all(problem.file for problem in refused.problems)


@QUICK
@given(local_projects())
def test_what_the_local_target_keeps_plans(project: Project) -> None:
    """A random specification that asks only what this machine keeps is planned."""
    check_local(project)


@QUICK
@given(projects())
def test_anything_valid_plans_or_is_refused_by_name(project: Project) -> None:
    """A random valid specification on random targets ends in a plan or in refusals, never in a traceback."""
    check_any(project)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@FULL
@given(local_projects())
def test_a_thousand_local_specifications_plan(project: Project) -> None:
    """A thousand random specifications that ask only what this machine keeps are planned."""
    check_local(project)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@FULL
@given(projects())
def test_a_thousand_valid_specifications_plan_or_are_refused_by_name(project: Project) -> None:
    """A thousand random valid specifications on random targets end in a plan or in refusals."""
    check_any(project)
