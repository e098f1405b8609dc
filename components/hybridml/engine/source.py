"""Where in the user's program something happens: the innermost frame that is the user's own code."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType, TracebackType

from hybridml.engine.monitor import Source

_DEPTH = 200
"""How many frames are looked at before giving up; far more than a program nests components."""


class SourceMap:
    """Knows which files belong to the program under `root`, and remembers the answer for each."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._foreign = tuple(f"{path}/" for path in _installed_paths())
        self._known: dict[str, str | None] = {}

    def here(self) -> tuple[str, int] | None:
        """File and line of the calling thread's innermost frame that is the user's; None when there is none."""
        return self.of_frame(sys._getframe(1))

    def of_frame(self, frame: FrameType | None) -> tuple[str, int] | None:
        """As `here`, from any frame."""
        for _ in range(_DEPTH):
            if frame is None:
                return None
            if self.file(frame.f_code.co_filename) is not None:
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return None

    def of_traceback(self, traceback: TracebackType | None) -> Source | None:
        """The innermost frame of a traceback that is the user's."""
        found = None
        while traceback is not None:
            file = self.file(traceback.tb_frame.f_code.co_filename)
            if file is not None:
                found = Source(file=file, line=traceback.tb_lineno)
            traceback = traceback.tb_next
        return found

    def file(self, filename: str) -> str | None:
        """`filename` as it is shown, relative to the project's root; None when it is not the user's file."""
        if filename not in self._known:
            self._known[filename] = self._shown(filename)
        return self._known[filename]

    def _shown(self, filename: str) -> str | None:
        if filename.startswith("<") or "/site-packages/" in filename:
            return None
        path = Path(filename).resolve()
        if f"{path}".startswith(self._foreign) or not path.is_relative_to(self._root):
            return None
        return path.relative_to(self._root).as_posix()


def _installed_paths() -> set[str]:
    """Folders of the interpreter, of installed packages and of this one; never the user's code, even in a project."""
    ours = str(Path(__file__).resolve().parents[1])
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {str(Path(path).resolve()) for path in paths} | {ours}
