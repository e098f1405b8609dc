"""The endpoints and stacks of this repository are what the documents say they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hybridml.spec import PlatformSpec, StackSpec, TargetKind, load
from hybridml.spec.document import read

ROOT = Path(__file__).parents[2]


def platform(stack: str) -> PlatformSpec:
    return load(ROOT / "infra" / "endpoints", ROOT / "stacks" / f"Pulumi.{stack}.yaml", digests=ROOT / "none.yaml")


@pytest.mark.parametrize(
    ("stack", "kinds"),
    [
        ("local", {"churn": "local", "wine": "local"}),
        ("dev", {"churn": "aws", "wine": "aws"}),
        ("staging", {"churn": "gcp", "wine": "gcp"}),
        ("prod", {"churn": "kubernetes", "digits": "aws", "wine": "gcp"}),
        ("onprem", {"churn": "kubernetes", "wine": "kubernetes"}),
    ],
)
def test_each_stack_places_its_endpoints(stack: str, kinds: dict[str, str]) -> None:
    """Local serves what training makes; prod spans three kinds of target."""
    here = platform(stack)
    assert here.environment == stack
    assert here.stack.profile == stack
    assert {placed.endpoint.name: str(placed.target.kind) for placed in here.placed()} == kinds


def test_local_serves_what_training_makes() -> None:
    """Two endpoints on two ports, models by path, digests not yet known, one replica each."""
    here = platform("local")
    assert {name: endpoint.port for name, endpoint in here.endpoints.items()} == {"churn": 8080, "wine": 8081}
    for name, endpoint in here.endpoints.items():
        assert (endpoint.scaling.min, endpoint.scaling.max) == (1, 1)
        for number, version in endpoint.versions.items():
            assert version.artifact.uri == f".hybridml/models/{name}/{number}"
            assert version.artifact.sha256 is None
    traffic = here.endpoints["churn"].traffic
    assert [(each.version, each.weight) for each in traffic.variants.values()] == [("3", 90), ("4", 10)]
    assert traffic.routes[0].header == {"x-cohort": "beta"}
    assert traffic.shadow is not None
    assert (traffic.shadow.version, traffic.shadow.sample) == ("4", 20)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod", "onprem"])
def test_shared_stacks_pin_images_and_stay_private(stack: str) -> None:
    """Outside this machine images have a digest, data has a residency, and no endpoint is public."""
    for placed in platform(stack).placed():
        target = placed.target
        assert target.residency
        if target.kind is not TargetKind.LOCAL:
            assert target.serving_image
            assert target.serving_image.digest
        if target.kind is TargetKind.AWS:
            assert target.subnet_ids
            assert target.security_group_ids
        if target.kind is TargetKind.GCP:
            assert target.network or target.consumer_projects


def test_every_card_is_there() -> None:
    """A version that names a model card has one."""
    for name in ("churn", "wine", "digits"):
        document, _ = read(ROOT / "infra" / "endpoints" / f"{name}.yaml", name)
        versions = document.child("versions")
        assert versions is not None
        for version in (versions.fields or {}).values():
            card = version.child("card")
            assert card is not None
            assert (ROOT / str(card.value)).is_file()


def test_the_project_declares_every_key() -> None:
    """`Pulumi.yaml` knows each key of ours, with the types that Pulumi has."""
    project, problems = read(ROOT / "Pulumi.yaml", "Pulumi.yaml")
    config = project.child("config")
    assert problems == []
    assert config is not None
    assert set(config.fields or {}) == {f"hybridml:{key}" for key in StackSpec.model_fields}
    for entry in (config.fields or {}).values():
        kind = entry.child("type")
        assert kind is not None
        assert kind.value in {"string", "integer", "boolean", "array", "object"}
