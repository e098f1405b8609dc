"""The profile and the waivers of a stack, found from the stack's name as Pulumi finds its configuration file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hybridml_policies.profile import Profile, load_profile
from hybridml_policies.waiver import Waiver, load_waivers
from hybridml_policies.yaml_file import load_yaml

PROFILE_VARIABLE = "HYBRIDML_PROFILE"
STRICTEST = "prod"


@dataclass(frozen=True)
class StackSettings:
    """How one stack is judged."""

    profile: Profile
    waivers: tuple[Waiver, ...] = ()


def settings_of(stack: str, starts: Iterable[Path]) -> StackSettings:
    """The settings of `stack`, from its file in the project at or above one of the folders `starts`.

    The profile is the environment variable `HYBRIDML_PROFILE`, else `hybridml:profile`, else the strictest, as in
    `hybridml check`. Raises `ConfigurationError` when a file is wrong.
    """
    file = next((found for start in starts if (found := _stack_file(stack, start)) is not None), None)
    config = _config(file)
    name = os.environ.get(PROFILE_VARIABLE) or str(config.get("hybridml:profile") or STRICTEST)
    return StackSettings(load_profile(name), load_waivers(file) if file is not None else ())


def _stack_file(stack: str, start: Path) -> Path | None:
    for folder in (start, *start.parents):
        project = folder / "Pulumi.yaml"
        if project.is_file():
            document = load_yaml(project)
            place = document.get("stackConfigDir") if isinstance(document, Mapping) else None
            file = folder / str(place or ".") / f"Pulumi.{stack}.yaml"
            return file if file.is_file() else None
    return None


def _config(file: Path | None) -> Mapping[str, object]:
    document = load_yaml(file) if file is not None else None
    config = document.get("config") if isinstance(document, Mapping) else None
    return config if isinstance(config, Mapping) else {}
