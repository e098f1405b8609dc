"""The policy pack says in Pulumi's policy engine what the rules say offline, and passes over nothing in silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hybridml_policies import ALL, Kind

from policies.cases import Case, cases, cases_of

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies"
ADVICE = {False: "hybridml-advice", True: "hybridml-advice-stack"}


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pack with the environment that its lock describes; skips where it cannot be installed."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(PACK, folder / "policies", ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    _link_components(folder)
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv, which installs the pack's environment, is not beside this Python")
    environment = folder / "policies" / ".venv"
    lock = folder / "policies" / "requirements.txt"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, environment],
        [uv, "pip", "install", "--quiet", "--python", environment, "--require-hashes", "-r", lock],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the pack's environment cannot be installed: {done.stderr.strip()[-300:]}")
    return folder / "policies"


def _link_components(folder: Path) -> None:
    """The package `hybridml` beside the pack, as in the repository."""
    (folder / "components").mkdir()
    (folder / "components" / "hybridml").symlink_to(ROOT / "components" / "hybridml")


def inside(pack: Path, inputs: Sequence[dict[str, Any]]) -> list[list[list[str]]]:
    """What the pack's policies report about each input."""
    done = subprocess.run(
        [pack / ".venv" / "bin" / "python", Path(__file__).with_name("inside_pack.py")],
        input=json.dumps(inputs),
        env={**os.environ, "PYTHONPATH": f"{pack}{os.pathsep}{pack.parent / 'components'}"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def given(case: Case, **more: Any) -> dict[str, Any]:
    """A fixture as the pack's process reads it."""
    return {"resources": case.resources, "waivers": [], "levels": {}, **more}


def expected(case: Case) -> list[tuple[str, str, str]]:
    """Policy, resource and reason for everything that the case's rule answers offline."""
    rule, urns = case.rule, {resource["name"]: resource["urn"] for resource in case.resources}
    policy = {Kind.FAIL: rule.id, Kind.UNKNOWN: ADVICE[rule.needs_stack]}
    return sorted((policy[kind], urns[name], reason) for name, kind, reason in case.verdicts() if kind in policy)


def test_pack_reports_what_the_rules_answer(pack: Path) -> None:
    """Every fixture, through the framework's own guards: what fails blocks, what nobody knows is advice."""
    chosen = [case for case in cases() if len({r["name"] for r in case.resources}) == len(case.resources)]
    reported = inside(pack, [given(case) for case in chosen])

    for case, found in zip(chosen, reported, strict=True):
        said = sorted((policy, urn, text) for policy, urn, text in found if _about(case, policy, text))
        wanted = expected(case)
        assert [(policy, urn) for policy, urn, _ in said] == [(policy, urn) for policy, urn, _ in wanted], str(case)
        assert all(reason in text for (_, _, text), (_, _, reason) in zip(said, wanted, strict=True))


def _about(case: Case, policy: str, text: str) -> bool:
    return policy == case.rule.id or (policy in ADVICE.values() and text.startswith(f"{case.rule.id} "))


def test_what_a_preview_does_not_know_is_said(pack: Path) -> None:
    """The framework alone would let a mandatory policy pass; here the advisory one names the rule and the property."""
    (case,) = cases_of("AWS-SM-003", "unknown")

    (found,) = inside(pack, [given(case)])

    message = "AWS-SM-003 cannot be judged yet: enableNetworkIsolation is not known yet, true is needed."
    assert [(policy, text[: len(message)]) for policy, _, text in found] == [("hybridml-advice", message)]


def test_profile_decides_what_blocks(pack: Path) -> None:
    """An advisory rule advises, one that is off is silent, a waiver silences one that is not critical."""
    (case,) = cases_of("AWS-SM-003", "waived")
    advisory = given(case, levels={"AWS-SM-003": "advisory"})
    off = given(case, levels={"AWS-SM-003": "off"})
    waived = given(case, waivers=[case.waiver])
    expired = given(case, waivers=[{**(case.waiver or {}), "expires": "2026-11-19"}])

    found = inside(pack, [advisory, off, waived, expired])

    assert [[policy for policy, _, _ in each] for each in found] == [["hybridml-advice"], [], [], ["AWS-SM-003"]]


PROGRAM = """
import pulumi


class ModelEndpoint(pulumi.ComponentResource):
    def __init__(self, name, props):
        super().__init__("hybridml:index:ModelEndpoint", name, props)
        self.register_outputs({})


ModelEndpoint("churn", {"versions": {"3": {"artifact": {"uri": "s3://models/churn/3/model.pkl"}, "format": "pickle"}}})
"""


@pytest.fixture
def project(pack: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A project with an unsigned pickle, and the environment in which Pulumi keeps its state in a folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text(
        f"name: acme\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\nstackConfigDir: stacks\n"
    )
    (tmp_path / "state").mkdir()
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PWD": str(folder),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return folder, environment


def pulumi(project: tuple[Path, dict[str, str]], *argv: str | Path) -> tuple[int, str]:
    """Exit status and everything that was written."""
    folder, environment = project
    command = ["pulumi", "--non-interactive", "--color", "never", *map(str, argv)]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.pulumi
def test_preview_with_the_pack_stops_at_a_violation(pack: Path, project: tuple[Path, dict[str, str]]) -> None:
    """The stack's own profile decides: production refuses the unsigned pickle, dev lets it pass."""
    stacks = project[0] / "stacks"
    stacks.mkdir()
    found = {}
    for stack in ("prod", "dev"):
        (stacks / f"Pulumi.{stack}.yaml").write_text(f"config:\n  hybridml:profile: {stack}\n")
        pulumi(project, "stack", "init", stack)
        found[stack] = pulumi(project, "preview", "-s", stack, "--policy-pack", pack)

    assert found["prod"][0] != 0, found["prod"][1]
    assert "ML-FMT-001" in found["prod"][1]
    assert "versions.3.format is pickle without a signature" in found["prod"][1]
    assert found["dev"][0] == 0, found["dev"][1]
    assert "ML-FMT-001" not in found["dev"][1]


@pytest.mark.pulumi
def test_what_is_deployed_is_analyzed_by_the_pack(pack: Path, project: tuple[Path, dict[str, str]]) -> None:
    """`pulumi policy analyze` over an exported state finds what a preview would."""
    token, stack = "aws:sagemaker/model:Model", "urn:pulumi:prod::acme::pulumi:pulumi:Stack::acme-prod"
    values = {"enableNetworkIsolation": False}
    model = {
        "urn": f"urn:pulumi:prod::acme::{token}::churn",
        "type": token,
        "custom": True,
        "id": "churn",
        "parent": stack,
    }
    resources = [{"urn": stack, "type": "pulumi:pulumi:Stack"}, {**model, "inputs": values, "outputs": values}]
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
    state = project[0] / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"manifest": manifest, "resources": resources}}))

    status, output = pulumi(project, "policy", "analyze", "--file", state, "--policy-pack", pack)

    assert status != 0
    assert "AWS-SM-003" in output
    assert "enableNetworkIsolation is false, true is needed" in output


def test_every_rule_is_a_policy(pack: Path) -> None:
    """The pack has each rule by its id, mandatory, with its severity and its fix."""
    code = (
        "import json; from hybridml_policies.crossguard import pack_policies as p\n"
        "print(json.dumps([[x.name, x.enforcement_level.value, x.severity and x.severity.value, x.remediation_steps]"
        " for x in p()]))"
    )
    done = subprocess.run(
        [pack / ".venv" / "bin" / "python", "-c", code],
        env={**os.environ, "PYTHONPATH": f"{pack}{os.pathsep}{pack.parent / 'components'}"},
        check=True,
        capture_output=True,
        text=True,
    )
    found = {name: rest for name, *rest in json.loads(done.stdout)}

    rules = {rule.id: ["mandatory", rule.severity.value, rule.fix] for rule in ALL.values()}
    assert found == rules | {name: ["advisory", None, None] for name in ADVICE.values()}
