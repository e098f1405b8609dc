"""Which project and which stacks a command is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybridml.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from hybridml.engine.project import Project
    from hybridml.spec import PlatformSpec

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
ANY_STACK = "dev"
"""Name of the stack of a project that has no stack file."""


@dataclass(frozen=True)
class Place:
    """A project on disk and the stacks it has files for."""

    project: Project

    @property
    def root(self) -> Path:
        """Folder of `Pulumi.yaml`."""
        return self.project.root

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stacks that have a file, sorted."""
        return self.project.stacks()

    @property
    def endpoints(self) -> Path:
        """Folder of the endpoint files; a program of somebody else has none."""
        return self.project.main / "endpoints"

    def state_folder(self, stack: str) -> Path:
        """Where everything lies that this machine knows of the stack."""
        return self.root / ".hybridml" / stack

    def one(self, stack: str | None) -> str:
        """The stack that is meant. Errors: `ConfigurationError` when there is no telling, or no such stack."""
        from hybridml.engine.project import stack_name

        if stack is not None and (stack in self.stacks or not self.stacks):
            return stack_name(stack)
        if stack is None and len(self.stacks) <= 1:
            return self.stacks[0] if self.stacks else ANY_STACK
        message = "say which stack" if stack is None else f"there is no stack {stack!r}"
        raise ConfigurationError([Problem(path="--stack", message=message, fix=f"one of {', '.join(self.stacks)}")])

    def several(self, stack: str | None, everything: bool) -> tuple[str, ...]:
        """Every stack, or the one that is meant. Errors: `ConfigurationError` when both are asked for."""
        if everything and stack is not None:
            raise contradiction("--all", "--stack")
        return self.stacks if everything and self.stacks else (self.one(stack),)

    def specification(self, stack: str) -> PlatformSpec:
        """What the stack's files ask for. Errors: `ConfigurationError` with every problem."""
        from hybridml.spec import load

        file = self.project.stack_file(stack)
        return load(self.endpoints, file, digests=self.root / ".hybridml" / "digests.yaml")


def contradiction(*options: str) -> ConfigurationError:
    """What is said of options that no command can follow at once."""
    return ConfigurationError(
        [Problem(path=" ".join(options), message="contradict each other", fix="keep one of them")]
    )


def find(folder: Path | None) -> Place:
    """The project in `folder`, or the nearest one upwards from the working directory.

    Errors: `ConfigurationError` when there is none, or its file cannot be used.
    """
    from hybridml.engine.project import load_project

    return Place(load_project(folder if folder is not None else _nearest(Path.cwd())))


def _nearest(start: Path) -> Path:
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    fix = "go to a folder with one, or say where it is: --project DIR"
    raise ConfigurationError([Problem(message=f"no Pulumi.yaml in {start} or above it", fix=fix)])
