"""The documents are true: links lead somewhere, every block is run or marked as output."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hybridml.cli.app import app

from .documents import OUTPUT, ROOT, RUN, blocks, documents

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


def _anchors(document: Path) -> set[str]:
    headings = HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file that is there, and a heading that is in it."""
    missing = []
    for match in LINK.finditer((ROOT / document).read_text(encoding="utf-8")):
        target, _, anchor = match["target"].partition("#")
        if "://" in target:
            continue
        path = (ROOT / document).parent / target if target else ROOT / document
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            missing.append(match["target"])

    assert missing == []


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_block_is_run_or_is_output(document: Path) -> None:
    """A block has a language, and the language says whether a test runs it or it shows what a command prints."""
    unknown = [f"{block.document}:{block.line} {block.language!r}" for block in blocks(document)]

    assert [each for each in unknown if each.split("'")[1] not in RUN | OUTPUT] == []


@pytest.mark.parametrize("document", documents(), ids=str)
def test_python_blocks_are_python(document: Path) -> None:
    """Every Python block parses."""
    for block in blocks(document, "python"):
        ast.parse(block.text, f"{block.document}:{block.line}")


def test_the_picture_is_there() -> None:
    """README shows one picture, and it is a drawing that says in words what it shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[(?P<words>[^\]]+)\]\((?P<path>[^)]+)\)", readme)

    assert len(pictures) == 1
    assert (ROOT / pictures[0][1]).read_text(encoding="utf-8").startswith("<svg")


def test_every_command_and_option_is_in_the_reference() -> None:
    """The reference has a heading for each command, and names each option."""
    from typer.main import get_command

    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    headings = [set(re.findall(r"\w+", heading)) for heading in HEADING.findall(text)]
    commands = dict(get_command(app).commands)  # type: ignore[attr-defined]
    for name, group in list(commands.items()):
        commands |= {f"{name} {word}": command for word, command in getattr(group, "commands", {}).items()}
    options = {name for command in commands.values() for each in command.params for name in each.opts if name[0] == "-"}

    assert [name for name in commands if not any(set(name.split()) <= words for words in headings)] == []
    assert sorted(option for option in options - {"--help"} if f"`{option}" not in text) == []
