"""What a command is about to write into a project: prepared beside it, then put in place all at once.

Files are prepared in a folder below the project's state folder. Once all are there, a list of moves is written, and
each is a rename. A command that is killed before the list is complete changes nothing, and the next one clears up after
it; one that is killed later has done its work, and the next one finishes the moves.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hybridml.errors import ConfigurationError, HybridMLError, LockedError, Problem

FOLDER: Final = Path(".hybridml", "adding")
"""Where things are prepared, from the project's root."""
_MOVES: Final = "moves.json"


class Stage:
    """A folder in which files of a project are prepared. Paths are relative to the project's root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FOLDER
        self._moves: list[str] = []

    @property
    def scratch(self) -> Path:
        """A folder for what is needed on the way."""
        folder = self._folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def put(self, path: str, text: str) -> None:
        """Prepares a file with this text."""
        self._place(path).write_text(text, encoding="utf-8")

    def take(self, path: str, source: Path) -> None:
        """Prepares a file or folder that lies in the scratch folder."""
        source.rename(self._place(path))

    def staged(self, path: str) -> Path:
        """Where what will be `path` lies until then."""
        return self._folder / "new" / path

    def commit(self) -> None:
        """Puts everything in place."""
        draft = self._folder / f".{_MOVES}"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(self._moves, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / _MOVES)
        _finish(self._root, self._folder)

    def _place(self, path: str) -> Path:
        self._moves.append(path)
        place = self.staged(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """A stage for the project at `root`, gone with the block; first what a killed command left is finished or removed.

    Errors: `LockedError` while another command holds it.
    """
    state = root / FOLDER.parent
    state.mkdir(mode=0o700, exist_ok=True)
    with (state / "adding.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = "Another `hybridml add` is at work in this project. Wait for it, then run this again."
            raise LockedError(message) from None
        _finish(root, root / FOLDER)
        (root / FOLDER).mkdir(mode=0o700)
        try:
            yield Stage(root)
        finally:
            if not (root / FOLDER / _MOVES).exists():
                shutil.rmtree(root / FOLDER, ignore_errors=True)


def _finish(root: Path, folder: Path) -> None:
    """Makes the moves that are still to be made, and removes the stage."""
    with suppress(FileNotFoundError):
        for path in json.loads((folder / _MOVES).read_text(encoding="utf-8")):
            if (folder / "new" / path).exists():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / "new" / path).rename(root / path)
    if folder.exists():
        with suppress(FileNotFoundError):
            (folder / _MOVES).unlink()
        shutil.rmtree(folder)


def outside(root: Path, paths: list[str]) -> None:
    """Refuses paths that lead out of the project by a link. Errors: `ConfigurationError` with all of them."""
    problems = [
        Problem(path=path, message="leads out of the project by a link", fix="make it a folder of the project")
        for path in paths
        if not (root / path).parent.resolve().is_relative_to(root.resolve())
    ]
    if problems:
        raise ConfigurationError(problems)


def unwritable(error: OSError, path: Path | None = None) -> HybridMLError:
    """What is said of a file, the one of the error unless another is named, that cannot be written."""
    reason = error.strerror or str(error)
    return HybridMLError(
        f"{path or error.filename or 'The project'} cannot be written: {reason}. "
        "Make room for it, or make it writable, and run again."
    )
