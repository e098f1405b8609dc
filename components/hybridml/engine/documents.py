"""YAML files with the line of every key."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hybridml.errors import ConfigurationError, Problem

LARGEST: Final = 4 * 1024 * 1024
"""Bytes that no project or stack file comes near."""
MOST: Final = 100_000
"""Values that no project or stack file comes near, aliases expanded."""


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
    """Read a YAML (or JSON) file that holds a mapping; one that has not changed since is not read again.

    Errors: `ConfigurationError` when the file cannot be read, is not YAML, or holds something else.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError([_unreadable(error, shown or path.name)]) from error
    return _read(path, shown or path.name, (found.st_ino, found.st_size, found.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _read(path: Path, shown: str, version: tuple[int, ...]) -> Document:
    """`version` says which content of the file is meant."""
    from ruamel.yaml.error import YAMLError

    try:
        content = _yaml().load(_text(path))
        reader = _Reader()
        plain = reader.plain({} if content is None else content, ())
    except (OSError, UnicodeDecodeError, _TooMuch, RecursionError) as error:
        raise ConfigurationError([_unreadable(error, shown)]) from error
    except (YAMLError, ValueError) as error:
        raise ConfigurationError([_syntax(error, shown)]) from error
    if not isinstance(plain, dict):
        raise ConfigurationError([Problem(file=shown, line=1, message="is not a mapping", fix="write `name: value`")])
    return Document(plain, reader.lines, shown)


def _yaml() -> Any:
    """A reader that knows lines, and leaves dates the text they are, as Pulumi does."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import RoundTripConstructor

    class Constructor(RoundTripConstructor):
        pass

    Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)
    yaml = YAML(typ="rt")
    yaml.Constructor = Constructor
    return yaml


class _TooMuch(Exception):  # noqa: N818 - says what the file holds
    """A file is larger than any that describes a project."""


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _TooMuch(f"is larger than {LARGEST // 1024**2} MiB")
    return content.decode("utf-8-sig")


def _unreadable(error: Exception, shown: str) -> Problem:
    if isinstance(error, _TooMuch):
        return Problem(file=shown, message=str(error), fix="check the path, and the aliases in the file")
    if isinstance(error, RecursionError):
        return Problem(
            file=shown, message="is nested too deeply, or holds an anchor that refers to itself", fix="flatten it"
        )
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(file=shown, line=line, message="is not UTF-8 text", fix="save it as UTF-8")
    reason = getattr(error, "strerror", None) or str(error)
    return Problem(file=shown, message=f"cannot be read: {reason}", fix="check that it is a file and may be read")


def _syntax(error: Any, shown: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return Problem(
        file=shown,
        line=mark.line + 1 if mark else 0,
        message=f"is not valid YAML: {reason}",
        fix="check indentation, quotes and brackets",
    )


class _Reader:
    """Turns the reader's own types into built-in ones, and notes the line of every key on the way."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, ...], int] = {}
        self._seen = 0

    def plain(self, node: Any, path: tuple[str, ...]) -> Any:
        """`node` in built-in types. Errors: `_TooMuch` when aliases make it larger than any file."""
        self._seen += 1
        if self._seen > MOST:
            raise _TooMuch(f"holds more than {MOST:,} values")
        if isinstance(node, dict):
            return {str(key): self._entry(node, key, (*path, str(key))) for key in node}
        if isinstance(node, list):
            return [self.plain(item, ()) for item in node]
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return node if node is None else str(node)

    def _entry(self, node: Any, key: Any, path: tuple[str, ...]) -> Any:
        place = node.lc.data.get(key) if node.lc.data else None  # a merged key (`<<`) has none of its own
        self.lines[path] = place[0] + 1 if place else node.lc.line + 1
        return self.plain(node[key], path)
