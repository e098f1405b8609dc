"""Values together with where they were written, so that an error and `explain` can point at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import Final

LONGEST: Final = 80
"""Characters of a key or value that a message shows."""
DEEPEST: Final = 40
"""Levels of nesting that no spec comes near."""

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]


def legible(part: str | int) -> str:
    """A key as a message may show it: printable, and no longer than a line."""
    text = "".join(sign if sign.isprintable() else "�" for sign in str(part))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def dotted(path: Path) -> str:
    """`path` as a message shows it."""
    return ".".join(map(legible, path))


@dataclass(frozen=True, kw_only=True)
class Written:
    """A value of a document, and its place."""

    value: object
    """A scalar, a dict of `Written`, or a list of `Written`."""
    file: str = ""
    """File as messages name it."""
    line: int = 0
    """One-based line; 0 when unknown."""
    path: Path = ()
    """Where in that file."""
    size: int = field(default=1, compare=False)
    """Number of values in it, itself included."""
    secret: bool = False
    """Whether the file holds it encrypted; no message repeats it."""

    @property
    def fields(self) -> Mapping[str, Written] | None:
        """The entries of a mapping; None for anything else."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> Sequence[Written] | None:
        """The items of a list; None for anything else."""
        return self.value if isinstance(self.value, list) else None

    @property
    def encrypted(self) -> bool:
        """Whether it is a mapping `{secure: …}`, as Pulumi writes an encrypted value."""
        return self.fields is not None and set(self.fields) == {"secure"}

    def child(self, key: str | int) -> Written | None:
        """The entry or item `key`, where there is one."""
        if self.fields is not None:
            return self.fields.get(str(key))
        if self.items is not None and isinstance(key, int) and key < len(self.items):
            return self.items[key]
        return None

    def nearest(self, path: Path) -> tuple[Written, Path]:
        """The deepest value on the way to `path`, and what is left of the way."""
        here = self
        for index, key in enumerate(path):
            below = here.child(key)
            if below is None:
                return here, path[index:]
            here = below
        return here, ()

    def plain(self) -> object:
        """The value without places."""
        if self.fields is not None:
            return {key: entry.plain() for key, entry in self.fields.items()}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.value

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Written]]:
        """Every scalar and every empty mapping or list, with its path from here."""
        below = self.fields.items() if self.fields is not None else enumerate(self.items or ())
        empty = True
        for key, entry in below:
            empty = False
            yield from entry.leaves((*path, key))
        if empty:
            yield path, self

    def with_entries(self, entries: Mapping[str, Written]) -> Written:
        """This mapping with other entries."""
        return replace(self, value=dict(entries))


class TooDeep(ValueError):  # noqa: N818 - says what it is
    """A value is nested more deeply than any spec, or contains itself."""


def written(value: object, *, file: str = "", path: Path = ()) -> Written:
    """`value`, as a program wrote it, with the place that is known of it.

    Raises `TooDeep` for a value that is nested without end.
    """
    if len(path) > DEEPEST:
        raise TooDeep
    if isinstance(value, Mapping):
        entries = {str(key): written(entry, file=file, path=(*path, str(key))) for key, entry in value.items()}
        return Written(value=entries, file=file, path=path)
    if isinstance(value, list | tuple):
        items = [written(item, file=file, path=(*path, index)) for index, item in enumerate(value)]
        return Written(value=items, file=file, path=path)
    return Written(value=fspath(value) if isinstance(value, PathLike) else value, file=file, path=path)
