"""The documents of the repository and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

RUN = frozenset({"sh", "python", "yaml"})
"""Languages of blocks that a test runs or loads."""
OUTPUT = frozenset({"console", "json", "text"})
"""Languages of blocks that show what a command prints."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: str
    """Path relative to the root."""
    line: int
    language: str
    text: str


def documents() -> list[Path]:
    """Every document of the repository, relative to its root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def blocks(document: Path, *languages: str) -> list[Block]:
    """The blocks of a document, those of the given languages or all."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = [
        Block(str(document), text.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def script(document: Path) -> str:
    """Every command of a document, in order, as one script that stops at the first failure."""
    commands = (f"echo '# {b.document}:{b.line}' >&2\n{b.text}" for b in blocks(document, "sh"))
    return "set -euo pipefail\n" + "".join(commands)
