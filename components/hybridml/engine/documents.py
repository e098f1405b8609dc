"""YAML files with the line of every key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridml.errors import ConfigurationError, Problem


class Document:
    """The mapping in a YAML file, and where its keys are."""

    def __init__(self, content: Mapping[str, Any], lines: Mapping[tuple[str, ...], int], shown: str) -> None:
        self._content = content
        self._lines = lines
        self.shown = shown
        """The file's name in messages."""

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def get(self, key: str) -> Any:
        """The value of a top-level key; None when it is absent."""
        return self._content.get(key)

    def line(self, *path: str) -> int:
        """The one-based line of the key at `path`; 0 when it is absent."""
        return self._lines.get(path, 0)


def read_document(path: Path, shown: str = "") -> Document:
    """Read a YAML (or JSON) file that holds a mapping.

    Errors: `ConfigurationError` when the file cannot be read, is not YAML, or holds something else.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    shown = shown or path.name
    try:
        yaml = YAML(typ="rt")
        content = yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(file=shown, message=f"cannot be read: {error}")]) from error
    except YAMLError as error:
        raise ConfigurationError([_syntax(error, shown)]) from error
    if content is None:
        return Document({}, {}, shown)
    if not isinstance(content, dict):
        raise ConfigurationError([Problem(file=shown, line=1, message="is not a mapping")])
    lines: dict[tuple[str, ...], int] = {}
    _collect(content, (), lines)
    return Document(_plain(content), lines, shown)


def _syntax(error: Any, shown: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or "not valid YAML"
    return Problem(file=shown, line=mark.line + 1 if mark else 0, message=f"is not valid YAML: {reason}")


def _collect(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        lines[(*path, str(key))] = node.lc.key(key)[0] + 1  # type: ignore[attr-defined]
        _collect(value, (*path, str(key)), lines)


def _plain(node: Any) -> Any:
    """Built-in types in place of the reader's own."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)
