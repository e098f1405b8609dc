"""Where a stack keeps its state and who can read its secrets, as project and stack file say it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hybridml_policies.values import text_of
from hybridml_policies.yaml_file import line_of, load_yaml

STACK_TYPE = "pulumi:pulumi:Stack"
PASSPHRASE = "passphrase"  # noqa: S105 - Pulumi's word for the provider


def with_stack(plan: Mapping[str, object], root: Path, stack_file: Path) -> dict[str, object]:
    """The plan's JSON with the stack itself among its resources, for the rules about it.

    Its inputs are `backend.url` of `Pulumi.yaml` and the secrets provider of the stack file: the one it names, else
    `passphrase` when it has a salt. Raises `ConfigurationError` when a file is no YAML.
    """
    resources = plan.get("resources")
    listed = resources if isinstance(resources, list | tuple) else ()
    return {**plan, "resources": [*listed, _stack(plan, root, stack_file)]}


def _stack(plan: Mapping[str, object], root: Path, stack_file: Path) -> dict[str, object]:
    project, stack = text_of(plan, "project"), text_of(plan, "stack")
    settings = load_yaml(stack_file) if stack_file.is_file() else None
    key = next((key for key in ("secretsprovider", "encryptionsalt") if _value(settings, key)), "")
    provider = PASSPHRASE if key == "encryptionsalt" else _value(settings, "secretsprovider")
    inputs = {"backend": _value(_project(root), "backend"), "secretsProvider": provider}
    file = stack_file.relative_to(root) if stack_file.is_relative_to(root) else stack_file
    return {
        "urn": f"urn:pulumi:{stack}::{project}::{STACK_TYPE}::{project}-{stack}",
        "type": STACK_TYPE,
        "name": f"{project}-{stack}",
        "custom": False,
        "inputs": {name: value for name, value in inputs.items() if value},
        "source": {"file": file.as_posix(), "line": line_of(settings, key)} if key else None,
    }


def _project(root: Path) -> object:
    file = root / "Pulumi.yaml"
    return load_yaml(file) if file.is_file() else None


def _value(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, Mapping) else None
