"""What a target costs before it is used, and what is said when its provider is not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import AwsTarget, GcpTarget, KubernetesTarget
from hybridml.targets.base import StackContext, find
from targets.planned import TARGETS

CASES = {
    "aws": (AwsTarget, "pulumi_aws"),
    "gcp": (GcpTarget, "pulumi_gcp"),
    "kubernetes": (KubernetesTarget, "pulumi_kubernetes"),
}


@pytest.mark.parametrize("kind", CASES)
def test_asking_a_target_loads_no_provider(kind: str) -> None:
    """Promises and refusals are answered without the provider's package."""
    module = CASES[kind][1]
    program = (
        f"import sys; from hybridml.targets.base import find; find({kind!r}).promises; print({module!r} in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"


@pytest.mark.parametrize("kind", CASES)
def test_missing_extra_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Without the provider's package one line says what to install."""
    model, module = CASES[kind]
    target: Any = model.model_validate(TARGETS[kind])
    found = importlib.util.find_spec
    monkeypatch.setattr(
        f"hybridml.targets.{kind}.target.find_spec", lambda name: None if name == module else found(name)
    )
    stack = StackContext(root=Path(), project="acme", stack="prod", environment="prod")

    with pytest.raises(ConfigurationError, match=rf"needs {module} \(pip install 'hybridml\[{kind}\]'\)"):
        find(kind).foundation("main", target, stack, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", CASES)
def test_target_exports_one_name(kind: str) -> None:
    """The package has `TARGET` and nothing that was not asked for."""
    package = importlib.import_module(f"hybridml.targets.{kind}")

    assert package.TARGET.kind == kind
    with pytest.raises(AttributeError, match="TARGETS"):
        _ = package.TARGETS
