"""Profile and waivers of a stack, found as Pulumi finds its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hybridml_policies.stack_settings import settings_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose stack files lie in a folder of their own."""
    monkeypatch.delenv("HYBRIDML_PROFILE", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: acme\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "infra").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("config", "profile"),
    [
        ("hybridml:profile: staging", "staging"),
        ("hybridml:environment: dev", "prod"),
        ("acme:x: 1", "prod"),
    ],
)
def test_profile_is_the_named_one_else_the_strictest(project: Path, config: str, profile: str) -> None:
    """As in `hybridml check`, so that both judge alike; from the folder of the program or any below the project."""
    (project / "stacks" / "Pulumi.one.yaml").write_text(f"config:\n  {config}\n")

    assert settings_of("one", [project / "infra"]).profile.name == profile


def test_environment_variable_overrides_the_profile(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a pack that is used where no stack file is."""
    monkeypatch.setenv("HYBRIDML_PROFILE", "local")

    assert settings_of("one", [project]).profile.name == "local"


def test_stack_without_a_file_is_judged_most_strictly(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither inside nor outside a project is anything waived."""
    for start in (project, tmp_path_factory.mktemp("elsewhere")):
        settings = settings_of("one", [start])
        assert (settings.profile.name, settings.waivers) == ("prod", ())


def test_waivers_come_with_the_stack(project: Path) -> None:
    """The ones beside its configuration."""
    (project / "stacks" / "Pulumi.one.yaml").write_text(
        "config:\n  hybridml:waivers:\n    - {policy: AWS-SM-003, urn: '*', reason: r, owner: o, expires: 2027-01-01}\n"
    )

    assert [waiver.policy for waiver in settings_of("one", [project]).waivers] == ["AWS-SM-003"]
