"""The files that a batch prediction reads, and the digest that says whether they changed."""

from __future__ import annotations

import glob
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from hybridml.errors import HybridMLError
from hybridml.spec.digest import NotAnArtifact, digest


class Changed(HybridMLError):  # noqa: N818 - says what happened
    """A file of the input cannot be read."""


@dataclass(frozen=True)
class Digested:
    """Files with the digest of each."""

    folder: Path
    """What names start from: the part of the pattern in which nothing is left open."""
    entries: tuple[tuple[Path, str], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in order."""
        return tuple(path for path, _ in self.entries)

    @property
    def sha256(self) -> str:
        """One digest over names and digests of all files."""
        lines = (f"{sha256}  {self.name(path)}\n" for path, sha256 in self.entries)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def name(self, path: Path) -> str:
        """What a result calls the file at `path`; no two files of an input have the same name."""
        return path.relative_to(self.folder).as_posix()

    def below(self, folder: Path) -> Path | None:
        """The first file that lies in `folder`, wherever links lead; None where there is none."""
        real = folder.resolve()
        return next((path for path in self.paths if path.resolve().is_relative_to(real)), None)

    def described(self) -> list[dict[str, str]]:
        """The files as a manifest names them."""
        return [{"file": self.name(path), "sha256": sha256} for path, sha256 in self.entries]


def matching(pattern: str) -> list[Path]:
    """The files that `pattern` names, sorted; of a folder, those directly in it."""
    folder = Path(pattern)
    found = folder.glob("*") if folder.is_dir() else map(Path, glob.glob(_stars(pattern), recursive=True))  # noqa: PTH207 - absolute
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def _stars(pattern: str) -> str:
    """A pattern in which only `*` is one: a folder above the project may be called `[1]`."""
    return re.sub(r"[?[]", r"[\g<0>]", pattern)


def digested(pattern: str) -> Digested:
    """The files that `pattern` names. Raises `Changed` for one that is gone or cannot be read."""
    try:
        return Digested(_folder(pattern), tuple((file, digest(file)) for file in matching(pattern)))
    except NotAnArtifact as error:
        raise Changed(f"the input cannot be read: {error}") from None


def _folder(pattern: str) -> Path:
    path = Path(pattern)
    if path.is_dir():
        return path
    return next(each for each in path.parents if "*" not in str(each))
