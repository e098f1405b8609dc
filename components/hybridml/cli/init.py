"""`hybridml init`: a new project, from templates that the package brings."""

from __future__ import annotations

import shlex
from pathlib import Path

import hybridml
from hybridml.cli import output
from hybridml.errors import ConfigurationError, Problem
from hybridml.onboarding import project


def init(folder: Path, *, name: str | None, port: int, registry_port: int) -> None:
    """Writes the files of a project into `folder` and says what comes next. Nothing that is there is changed."""
    if port == registry_port:
        fix = "give them two"
        raise ConfigurationError([Problem(path="--registry-port", message=f"{port} is also --port", fix=fix)])
    args = project.ProjectArgs(
        name=project.named(folder, name), port=port, registry_port=registry_port, version=hybridml.__version__
    )
    written = project.write(folder, project.rendered(args))
    if not written:
        output.write(f"{folder}: everything that init writes is there already; nothing was changed.\n")
        return
    where = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))}\n  "
    output.write(
        f"project {args.name}: wrote {', '.join(written)}\n\nNext, with a model on disk:\n"
        f"  {where}hybridml add NAME --model PATH --data FILE\n  hybridml up -s local\n"
    )
