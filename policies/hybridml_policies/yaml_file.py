"""YAML files that people write, with the line of every value."""

from __future__ import annotations

from pathlib import Path

from hybridml.errors import ConfigurationError, Problem
from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError


class _Constructor(RoundTripConstructor):
    """Leaves dates the text they are, so that whoever reads one that does not exist can say where it is."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


def load_yaml(path: Path) -> object:
    """The document in `path`; objects and lists know their lines (see `line_of`), dates are text.

    Raises `ConfigurationError` when the file cannot be read or is no YAML.
    """
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, YAMLError) as error:
        raise ConfigurationError([_problem(str(path), error)]) from error


def _problem(file: str, error: Exception) -> Problem:
    if isinstance(error, OSError):
        fix = "check that it is a file and may be read"
        return Problem(file=file, message=f"cannot be read: {error.strerror or error}", fix=fix)
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(file=file, line=line, message="is not UTF-8 text", fix="save it as UTF-8")
    if isinstance(error, RecursionError):
        return Problem(file=file, message="is nested too deeply", fix="flatten it")
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    reason = getattr(error, "problem", None) or str(error)
    fix = "check indentation, quotes and brackets"
    return Problem(file=file, line=mark.line + 1 if mark else 0, message=f"is not valid YAML: {reason}", fix=fix)


def line_of(container: object, key: object = None) -> int:
    """The one-based line of `container`, or of its entry `key`; 0 when the container was not read from a file."""
    position = getattr(container, "lc", None)
    if position is None:
        return 0
    try:
        line = position.line if key is None else position.key(key)[0] if isinstance(key, str) else position.item(key)[0]
    except (KeyError, TypeError, IndexError, AttributeError):
        line = position.line
    return int(line) + 1 if line is not None else 0
