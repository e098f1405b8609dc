"""The repository's own local stack, planned; and what a platform refuses, with file and line."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.program import plan
from hybridml.errors import ConfigurationError
from ruamel.yaml import YAML

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The program, its endpoints and its stacks, without the components."""
    for part in ("infra", "stacks", "docs/models"):
        shutil.copytree(HOME / part, tmp_path / part)
    shutil.copy2(HOME / "Pulumi.yaml", tmp_path)
    return tmp_path


def edit(path: Path, change: Any) -> None:
    """Changes one YAML file."""
    yaml = YAML()
    document = yaml.load(path.read_text())
    change(document)
    with path.open("w") as file:
        yaml.dump(document, file)


def kinds(planned: Plan) -> Counter[str]:
    """How many resources of each class there are."""
    return Counter(each.type.rpartition(":")[2] for each in planned.resources)


def test_the_local_stack_is_one_platform(project: Path) -> None:
    """Two endpoints share one key and one registry; every served version is stored, served and registered."""
    planned = plan(project, "local")

    assert kinds(planned) == {
        "Platform": 1,
        "HostKey": 1,
        "ModelRegistry": 1,
        "ModelEndpoint": 2,
        "ArtifactStore": 2,
        "Proxy": 2,
        "GuardedRollout": 2,
        "ModelVersion": 3,
        "HostFile": 3 + 2,
        "HostService": 3 + 2 + 1,
    }


def test_every_resource_has_a_parent_in_the_platform(project: Path) -> None:
    """Only the platform stands by itself."""
    planned = plan(project, "local")

    by_urn = {each.urn: each for each in planned.resources}

    def top(resource: PlannedResource) -> str:
        return top(by_urn[resource.parent]) if resource.parent in by_urn else resource.name

    assert {top(each) for each in planned.resources} == {"platform"}


def test_registrations_carry_what_the_specification_says(project: Path) -> None:
    """Card, lineage, owner and alias of a version arrive in its registration."""
    planned = plan(project, "local")

    (champion,) = (each for each in planned.resources if each.name == "churn-3" and each.custom)

    assert champion.inputs["lineage"] == {
        "git": "v0.1.0",
        "data": "scikit-learn:load_breast_cancer",
        "run": "examples/train.py",
    }
    assert champion.inputs["aliases"] == ["champion"]
    assert champion.inputs["card"] == (HOME / "docs/models/churn.md").read_text()
    assert champion.inputs["tags"] == {"owner": "team-growth", "data-class": "internal"}


def test_the_champion_is_registered_first_and_after_its_rollout(project: Path) -> None:
    """Aliases are what serves: nothing is registered before the split has moved, and the champion's comes first."""
    entries = {each.name: each for each in plan(project, "local").resources if each.type.endswith(":ModelVersion")}
    rollouts = [each.urn for each in plan(project, "local").resources if each.type.endswith(":GuardedRollout")]

    champion, challenger = entries["churn-3"], entries["churn-4"]

    assert champion.urn in challenger.dependencies and challenger.urn not in champion.dependencies
    assert set(rollouts) & set(champion.dependencies)


def test_endpoints_are_exported_by_name(project: Path) -> None:
    """The one export is `endpoints`, which `hybridml status` and `hybridml invoke` read."""
    outputs = plan(project, "local").to_json()["outputs"]

    assert list(outputs) == ["endpoints"]
    assert {name: each["target"] for name, each in outputs["endpoints"].items()} == {"churn": "local", "wine": "local"}


def test_refusals_of_all_endpoints_come_at_once_with_their_places(project: Path) -> None:
    """What two endpoints ask in vain is said in one error, each with the file and line that asks."""
    edit(project / "infra/endpoints/wine.yaml", lambda wine: wine.update({"mode": "async"}))
    edit(
        project / "stacks/Pulumi.local.yaml",
        lambda stack: stack["config"]["hybridml:endpoints"]["churn"].update({"instance": "ml.m7i.large"}),
    )

    with pytest.raises(ConfigurationError) as refused:
        plan(project, "local")

    found = [(problem.file, problem.line > 0, problem.path) for problem in refused.value.problems]
    assert found == [
        ("infra/endpoints/wine.yaml", True, "wine.mode"),
        ("stacks/Pulumi.local.yaml", True, "churn.instance"),
    ]


def test_a_default_that_is_refused_names_what_holds_it(project: Path) -> None:
    """Nobody wrote `strategy`, so the place of the rollout that asks for the default is named."""
    edit(project / "infra/endpoints/wine.yaml", lambda wine: wine.update({"rollout": {"bake": "5m"}}))
    edit(
        project / "stacks/Pulumi.onprem.yaml",
        lambda stack: stack["config"]["hybridml:endpoints"]["wine"].pop("rollout"),
    )

    with pytest.raises(ConfigurationError) as refused:
        plan(project, "onprem")

    assert [(problem.file, problem.path) for problem in refused.value.problems] == [
        ("infra/endpoints/wine.yaml", "wine.rollout.strategy")
    ]


def test_overflow_is_refused_by_name(project: Path) -> None:
    """Nothing moves requests from one target to another yet, and the plan says so."""

    def overflow(stack: dict[str, Any]) -> None:
        stack["config"]["hybridml:targets"]["second"] = {"kind": "local", "port": 9080, "registry_port": 9500}
        stack["config"]["hybridml:endpoints"]["wine"]["placement"] = {"primary": "laptop", "overflow": ["second"]}

    edit(project / "stacks/Pulumi.local.yaml", overflow)

    with pytest.raises(ConfigurationError) as refused:
        plan(project, "local")

    assert [problem.path for problem in refused.value.problems] == ["wine.placement.overflow"]
    assert "second" in str(refused.value)


def test_digests_of_training_reach_the_store(project: Path) -> None:
    """What training wrote is what the store verifies; before it, the digest is not known."""
    before = _digest(plan(project, "local"))
    (project / ".hybridml").mkdir()
    digests = {"churn": {"3": {"sha256": "a" * 64}, "4": {"sha256": "b" * 64}}, "wine": {"1": {"sha256": "c" * 64}}}
    with (project / ".hybridml/digests.yaml").open("w") as file:
        YAML().dump(digests, file)

    assert before is None
    assert _digest(plan(project, "local")) == "b" * 64


def _digest(planned: Plan) -> object:
    (stored,) = (each for each in planned.resources if each.name.startswith("churn-artifacts-4"))
    return stored.inputs.get("sha256")
