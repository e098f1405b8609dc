"""YAML files that people write, with the line of every value."""

from __future__ import annotations

from pathlib import Path

from hybridml.errors import ConfigurationError, Problem
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError


def load_yaml(path: Path) -> object:
    """The document in `path`; objects and lists know their lines (see `line_of`).

    Raises `ConfigurationError` when the file cannot be read or is no YAML.
    """
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError([Problem(file=str(path), message=f"cannot be read: {reason}")]) from error
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        line = mark.line + 1 if mark is not None else 0
        reason = getattr(error, "problem", None) or "not YAML"
        raise ConfigurationError(
            [Problem(file=str(path), line=line, message=f"is not valid YAML: {reason}")]
        ) from error


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
