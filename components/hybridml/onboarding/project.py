"""The files of a new project: rendered, compared with what is there, and written where nothing is in the way."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from hybridml.errors import ConfigurationError, Problem
from hybridml.onboarding.stage import unwritable

_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST: Final = 40
"""Characters of a project's name; clouds take it as a tag, and as part of names."""
_LAST: Final = "Pulumi.yaml"
"""Written last: with it a folder is a project."""


@dataclass(frozen=True, kw_only=True)
class ProjectArgs:
    """What a new project is asked for."""

    name: str
    """Lower-case letters, digits and inner hyphens, a letter first."""
    port: int
    """First port of the endpoints of this machine."""
    registry_port: int
    """Port of this machine's model registry."""
    version: str
    """Version of hybridml that the project asks for."""


def template(file: str, /, **values: object) -> str:
    """The text of a template of this package with `values` filled in."""
    from importlib.resources import files

    text = (files("hybridml.onboarding") / "templates" / file).read_text(encoding="utf-8")
    return Template(text).substitute({key: str(value) for key, value in values.items()})


def rendered(args: ProjectArgs) -> dict[str, str]:
    """Path from the project's root → text, in the order in which the files are written."""
    ports = {"port": args.port, "registry_port": args.registry_port}
    return {
        "infra/__main__.py": template("program.txt"),
        "infra/endpoints/.gitkeep": "",
        "stacks/Pulumi.local.yaml": template("stack.yaml", **ports),
        "requirements.txt": template("requirements.txt", version=args.version),
        ".gitignore": template("gitignore.txt"),
        _LAST: template("project.yaml", name=args.name),
    }


def named(folder: Path, name: str | None) -> str:
    """The project's name: `name`, or that of the folder. Errors: `ConfigurationError` where it cannot be one."""
    said = name if name is not None else folder.resolve().name
    if _NAME.fullmatch(said) and len(said) <= _LONGEST:
        return said
    where = "--name" if name is not None else str(folder)
    suggestion = as_name(said) or "scoring"
    message = f"{said!r} is no name of a project"
    fix = f"a letter, then lower-case letters, digits and hyphens, at most {_LONGEST}: --name {suggestion}"
    raise ConfigurationError([Problem(path=where, message=message, fix=fix)])


def as_name(words: str) -> str:
    """A name made of anybody's words: a letter, then letters, digits and hyphens; empty where they hold none."""
    plain = unicodedata.normalize("NFKD", words.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-").lstrip("-0123456789")[:_LONGEST].strip("-")


def write(folder: Path, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Writes the files that are missing below `folder`; their paths.

    What is there is never changed: a file is either what would be written, or holds its lines (`.gitignore`,
    `requirements.txt`), or it is in the way. Where every file is there, whatever is in them, there is nothing to do.

    Errors: `ConfigurationError` with everything that is in the way; then nothing is written.
    """
    missing = [path for path in texts if not os.path.lexists(folder / path)]
    if not missing:
        return ()
    problems = list(_in_the_way(folder, texts))
    if problems:
        raise ConfigurationError(problems)
    for path in missing:
        try:
            _create(folder / path, texts[path])
        except OSError as error:
            raise unwritable(error, folder / path) from error
    return tuple(missing)


def _in_the_way(folder: Path, texts: Mapping[str, str]) -> Iterator[Problem]:
    if os.path.lexists(folder) and not folder.is_dir():
        yield Problem(path=str(folder), message="is no folder", fix="name another one: hybridml init DIR")
        return
    parents = {parent for path in texts for parent in Path(path).parents if parent != Path()}
    for parent in sorted(parents):
        if os.path.lexists(folder / parent) and ((folder / parent).is_symlink() or not (folder / parent).is_dir()):
            yield Problem(path=parent.as_posix(), message="is in the way of a folder", fix="move it")
    for path, text in texts.items():
        if os.path.lexists(folder / path) and (problem := _differs(folder / path, path, text)):
            yield problem


def _differs(file: Path, path: str, text: str) -> Problem | None:
    """What is wrong with a file that is there already; None where it serves."""
    there = _read(file)
    if there == text:
        return None
    if path in (".gitignore", "requirements.txt") and there is not None:
        held = {line.strip() for line in there.splitlines()}
        lacking = [line for line in text.splitlines() if line not in held]
        if not lacking or (path == "requirements.txt" and any(line.startswith("hybridml") for line in held)):
            return None
        return Problem(path=path, message="is there already", fix=f"add to it: {' and '.join(lacking)}")
    return Problem(path=path, message="is there already", fix="move it, or take another folder: hybridml init DIR")


def _read(file: Path) -> str | None:
    """The text of a file; None for whatever else lies there."""
    try:
        return file.read_text(encoding="utf-8") if file.is_file() and not file.is_symlink() else None
    except (OSError, UnicodeDecodeError):
        return None


def _create(file: Path, text: str) -> None:
    """Writes a file that is not there, whole or not at all; one that appears meanwhile is left alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
