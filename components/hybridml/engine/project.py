"""Reads what describes a Pulumi project: `Pulumi.yaml` and `Pulumi.<stack>.yaml`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridml.engine import secrets, shapes
from hybridml.engine.documents import Document, read_document
from hybridml.errors import ConfigurationError, Problem, StateError

_NAMES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str, int, float, bool),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]{1,100}")
"""What projects and stacks may be called (sdk/go/common/tokens/names.go)."""


@dataclass(frozen=True, kw_only=True)
class ConfigKey:
    """One key of the configuration that a project declares."""

    type: str = "string"
    """string, integer, boolean, array or object."""
    default: Any = None
    """The default or the fixed value; None when there is neither."""
    secret: bool = False
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project on disk."""

    name: str
    root: Path
    """Folder of `Pulumi.yaml`."""
    file: str
    """Name of the project file."""
    main: Path
    """The program: a folder with `__main__.py`, or a file."""
    runtime: str
    virtualenv: Path | None = None
    """The program's own environment, whether it exists or not."""
    stack_config_dir: Path
    """Folder of the stack files."""
    config: Mapping[str, ConfigKey] = field(default_factory=dict)
    """Declared configuration by full key (`namespace:key`)."""
    plugins: Mapping[str, Path] = field(default_factory=dict)
    """Provider plugins by name, with the folder that `plugins.providers[].path` names."""

    def stack_file(self, stack: str) -> Path:
        """Where the configuration of `stack` is."""
        return self.stack_config_dir / f"Pulumi.{stack}.yaml"

    def stacks(self) -> tuple[str, ...]:
        """The stacks that have a file, sorted."""
        found = self.stack_config_dir.glob("Pulumi.*.yaml")
        return tuple(sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in found))


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration of one stack, as a program is given it."""

    values: Mapping[str, str]
    """By full key; objects and lists are JSON text."""
    secret_keys: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()
    """Secrets that could not be decrypted; each has a placeholder for its value."""

    def with_values(self, given: Mapping[str, object]) -> Config:
        """This configuration with other values for some keys."""
        return Config(
            values={**self.values, **{key: _text(value) for key, value in given.items()}},
            secret_keys=self.secret_keys,
            opaque=self.opaque - given.keys(),
        )


def load_project(directory: str | Path) -> Project:
    """The project in `directory`.

    Errors: `ConfigurationError` when there is none, or it is no Python project.
    """
    root = Path(directory).resolve()
    path = next((root / name for name in _NAMES if (root / name).is_file()), None)
    if path is None:
        raise ConfigurationError([Problem(file=str(root), message="holds no Pulumi.yaml", fix="name a Pulumi project")])
    document = read_document(path)
    runtime, options = _runtime(document)
    main = root / str(document.get("main") or ".")
    _check(document, runtime, options, main)
    name = str(document["name"])
    return Project(
        name=name,
        root=root,
        file=path.name,
        main=main.resolve(),
        runtime=runtime,
        virtualenv=root / str(options["virtualenv"]) if options.get("virtualenv") else None,
        stack_config_dir=(root / _stack_config_dir(document)).resolve(),
        config=_declared(document, name),
        plugins=_plugins(document, root),
    )


def stack_name(text: str) -> str:
    """`text`, where it can be the name of a stack: it becomes part of paths. Errors: `ConfigurationError` otherwise."""
    if not _NAME.fullmatch(text):
        fix = "letters, digits, hyphens, underscores and dots"
        raise ConfigurationError([Problem(message=f"{text!r} is no name of a stack", fix=fix)])
    return text


def stack_config(
    project: Project, stack: str, passphrase: str | None = None, given: Mapping[str, object] | None = None
) -> Config:
    """The configuration of `stack`: defaults of the project, then the stack file, secrets decrypted where possible.

    `passphrase` is asked for only when there are secrets, and taken from the environment when None; `given` are values
    by full key that go before all others.
    Errors: `ConfigurationError` with every key that is required and missing, or has the wrong type; `StateError` when a
    passphrase is given and wrong.
    """
    document = _stack_document(project, stack_name(stack))
    written = {**_full_keys(document.get("config") or {}, project.name), **(given or {})}
    opener = _Opener(document, passphrase)
    values: dict[str, Any] = {key: item.default for key, item in project.config.items() if item.default is not None}
    secret = {key for key, item in project.config.items() if item.secret}
    for key, value in written.items():
        values[key] = opener.open(value, key)
        if _has_secret(value):
            secret.add(key)
    _check_declared(project, stack, values, document)
    texts = {key: _text(value) for key, value in values.items()}
    return Config(
        values=dict(sorted(texts.items())),
        secret_keys=frozenset(secret & texts.keys()),
        opaque=frozenset(opener.opaque),
    )


class _Opener:
    """Decrypts the secure values of one stack file; without a passphrase each becomes a placeholder."""

    def __init__(self, document: Document, passphrase: str | None) -> None:
        self._file = document.shown
        self._salt = document.get("encryptionsalt")
        self._passphrase = passphrase
        self._crypter: secrets.Crypter | None = None
        self.opaque: set[str] = set()

    def open(self, value: Any, key: str) -> Any:
        """`value` with everything in it decrypted that can be."""
        if isinstance(value, dict) and set(value) == {"secure"}:
            return self._decrypt(str(value["secure"]), key)
        if isinstance(value, dict):
            return {name: self.open(item, key) for name, item in value.items()}
        return [self.open(item, key) for item in value] if isinstance(value, list) else value

    def _decrypt(self, sealed: str, key: str) -> str:
        if self._crypter is None and self._salt:
            passphrase = self._passphrase if self._passphrase is not None else secrets.given_passphrase()
            if passphrase is not None:
                self._crypter = secrets.unlock(str(self._salt), passphrase)
        if self._crypter is not None:
            try:
                return self._crypter.decrypt(sealed)
            except StateError as error:
                raise StateError(f"{self._file} {key}: {error}") from error
        self.opaque.add(key)
        return shapes.physical_name(key)


def _runtime(document: Document) -> tuple[str, Any]:
    runtime = document.get("runtime")
    if isinstance(runtime, dict):
        return str(runtime.get("name", "")), runtime.get("options") or {}
    return str(runtime or ""), {}


def _check(document: Document, runtime: str, options: Any, main: Path) -> None:
    name = document.get("name")
    wrong: list[tuple[str, str]] = []
    if name is None:
        wrong.append(("name", "is missing"))
    elif not isinstance(name, str | int) or not _NAME.fullmatch(str(name)):
        wrong.append(("name", f"{name!r} is no name of a project (letters, digits, hyphens, underscores and dots)"))
    if runtime != "python":
        wrong.append(("runtime", f"{runtime or 'no runtime'!r} is not a Python project"))
    elif not isinstance(options, dict):
        wrong.append(("runtime.options", "is not a mapping"))
    elif not (main / "__main__.py" if main.is_dir() else main).is_file():
        wrong.append(("main", f"there is no program at {document.get('main') or '__main__.py'}"))
    if not isinstance(document.get("config"), dict | str | None):
        wrong.append(("config", "is not a mapping"))
    if not _are_plugins(_providers(document)):
        wrong.append(("plugins.providers", "is not a list of mappings, each with a name and a path"))
    if wrong:
        raise ConfigurationError(
            Problem(file=document.shown, line=document.line(*path.split(".")), path=path, message=message)
            for path, message in wrong
        )


def _stack_config_dir(document: Document) -> str:
    legacy = document.get("config")
    return str(document.get("stackConfigDir") or (legacy if isinstance(legacy, str) else "."))


def _declared(document: Document, project: str) -> dict[str, ConfigKey]:
    config = document.get("config")
    if not isinstance(config, dict):
        return {}
    return {
        key: _declared_key(item, document.line("config", name))
        for name, item in config.items()
        for key in [_full_key(name, project)]
    }


def _declared_key(item: Any, line: int) -> ConfigKey:
    if not isinstance(item, dict):
        return ConfigKey(default=item, line=line, type=_type_of(item))
    value = item.get("value", item.get("default"))
    return ConfigKey(
        type=str(item.get("type") or _type_of(value)), default=value, secret=bool(item.get("secret")), line=line
    )


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", list: "array", dict: "object"}
    return names.get(type(value), "string")


def _plugins(document: Document, root: Path) -> dict[str, Path]:
    return {str(p["name"]): (root / str(p["path"])).resolve() for p in _providers(document) if p.get("path")}


def _providers(document: Document) -> Any:
    plugins = document.get("plugins") or {}
    return (plugins.get("providers") or []) if isinstance(plugins, dict) else plugins


def _are_plugins(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(item, dict) and item.get("name") for item in given)


def _stack_document(project: Project, stack: str) -> Document:
    path = project.stack_file(stack)
    if path.is_file():
        document = read_document(path, shown=_relative(path, project.root))
        if not isinstance(document.get("config"), dict | None):
            line = document.line("config")
            raise ConfigurationError(
                [Problem(file=document.shown, line=line, path="config", message="is not a mapping")]
            )
        return document
    known = project.stacks()
    if known:
        message, fix = f"there is no stack {stack!r}", f"one of: {', '.join(known)}"
        raise ConfigurationError([Problem(file=_relative(path, project.root), message=message, fix=fix)])
    return Document({}, {}, _relative(path, project.root))


def _full_keys(config: Mapping[str, Any], project: str) -> dict[str, Any]:
    return {_full_key(key, project): value for key, value in config.items()}


def _full_key(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_has_secret, value.values()))
    return any(map(_has_secret, value)) if isinstance(value, list) else False


def _check_declared(project: Project, stack: str, values: Mapping[str, Any], document: Document) -> None:
    """A declared key without a value, or with one of another type, stops the run as it would stop Pulumi."""
    problems = []
    for key, declared in project.config.items():
        where = Problem(file=project.file, line=declared.line, path=key, message="")
        if key not in values and key.startswith(f"{project.name}:"):
            fix = f"set it in {document.shown} or with `pulumi config set {key} <value> -s {stack}`"
            problems.append(
                Problem(file=where.file, line=where.line, path=key, message="required but not set", fix=fix)
            )
        elif key in values and not _fits(values[key], declared.type):
            message = f"{json.dumps(values[key])} is not of type {declared.type}"
            line = document.line("config", key) or document.line("config", key.removeprefix(f"{project.name}:"))
            problems.append(Problem(file=document.shown, line=line, path=key, message=message))
    if problems:
        raise ConfigurationError(problems)


def _fits(value: Any, type_: str) -> bool:
    if shapes.is_placeholder(value):
        return True
    if isinstance(value, str) and type_ in ("integer", "boolean"):
        return value.lstrip("-").isdigit() if type_ == "integer" else value in ("true", "false")
    return not (type_ == "integer" and isinstance(value, bool)) and isinstance(value, _TYPES.get(type_, (object,)))


def _text(value: object) -> str:
    """A value as Pulumi hands it to a program: text as it is, all else as JSON, whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
