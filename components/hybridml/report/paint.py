"""Text with colours where a terminal shows it, and without anywhere else."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TypeAlias

Line: TypeAlias = "list[tuple[str, str]]"
"""Pieces of a line, each with its style: `bold red`, `dim`, or empty."""


def painted(lines: Iterable[Line], *, colour: bool) -> str:
    """The lines as text; with `colour`, with the escape codes of a terminal. No line is wrapped or ends in blanks."""
    if not colour:
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)
    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", soft_wrap=True, highlight=False)
    for line in lines:
        console.print(Text.assemble(*line))
    return stream.getvalue()
