"""Which project and which stacks a command is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybridml.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from hybridml.engine.project import Project

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")


@dataclass(frozen=True)
class Place:
    """A project on disk and the stacks it has files for."""

    project: Project
    stacks: tuple[str, ...]
    """Names, sorted."""

    @property
    def root(self) -> Path:
        """Folder of `Pulumi.yaml`."""
        return self.project.root

    @property
    def endpoints(self) -> Path:
        """Folder of the endpoint files; need not exist."""
        return self.project.program / "endpoints"

    def stack_file(self, stack: str) -> Path:
        """The stack's configuration file; need not exist."""
        return self.project.stack_file(stack)

    def state_folder(self, stack: str) -> Path:
        """Where everything lies that this machine knows of the stack."""
        return self.root / ".hybridml" / stack

    def one(self, stack: str | None) -> str:
        """The stack that is meant. Errors: `ConfigurationError` when there is no telling, or no such stack."""
        if stack is not None and (stack in self.stacks or not self.stacks):
            return stack
        if stack is None and len(self.stacks) <= 1:
            return self.stacks[0] if self.stacks else "dev"
        message = "say which stack" if stack is None else f"there is no stack {stack!r}"
        known = f"one of {', '.join(self.stacks)}"
        raise ConfigurationError([Problem(file=self.project.stack_folder, message=message, fix=f"-s with {known}")])

    def several(self, stack: str | None, everything: bool) -> tuple[str, ...]:
        """Every stack, or the one that is meant."""
        return self.stacks if everything and stack is None and self.stacks else (self.one(stack),)


def find(folder: Path | None) -> Place:
    """The project in `folder`, or the nearest one upwards from the working directory.

    Errors: `ConfigurationError` when there is none, or its file cannot be used.
    """
    from hybridml.engine.project import load_project

    project = load_project(folder if folder is not None else _nearest(Path.cwd()))
    return Place(project, _stacks(project))


def _nearest(start: Path) -> Path:
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    fix = "go to a folder with one, or say where it is: --project DIR"
    raise ConfigurationError([Problem(message=f"no Pulumi.yaml in {start} or above it", fix=fix)])


def _stacks(project: Project) -> tuple[str, ...]:
    folder = project.root / project.stack_folder
    found = {path.name.removeprefix("Pulumi.").rpartition(".")[0] for path in folder.glob("Pulumi.*.y*ml")}
    return tuple(sorted(name for name in found if name))
