"""Files that no person writes end in one message, soon, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hybridml.engine.documents import LARGEST, read_document
from hybridml.errors import ConfigurationError

BOMB = "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in zip("abcdefg", "bcdefgh", strict=True)
)
NESTED = "".join(
    f"{name}: &{name} {{{', '.join(f'k{n}: *{below}' for n in range(10))}}}\n"
    for below, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"a: &a [{', '.join(['1'] * 10)}]\n{BOMB}", "it.yaml: holds more than 100,000 values (check the path"),
        (f"a: &a {{k: 1}}\n{NESTED}", "it.yaml: holds more than 100,000 values (check the path"),
        ("a: " + "[" * 300 + "]" * 300, "it.yaml: is nested too deeply, or holds an anchor that refers to itself"),
        ("a: " + "x" * LARGEST, "it.yaml: is larger than 4 MiB (check the path"),
        (b"a: 1\nb: \xff\n", "it.yaml:2: is not UTF-8 text (save it as UTF-8)"),
        ("a:\n\tb: 1\n", "it.yaml:2: is not valid YAML"),
        ("a: 1\na: 2\n", "it.yaml:2: is not valid YAML: found duplicate key"),
        ("- a\n", "it.yaml:1: is not a mapping (write"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: str | bytes, said: str) -> None:
    """What is wrong, where, and what to do."""
    path = tmp_path / "it.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigurationError) as error:
        read_document(path)

    assert str(error.value).startswith(said)


def test_a_merged_key_has_the_line_of_what_it_is_merged_into(tmp_path: Path) -> None:
    """`<<` is read as Pulumi reads it."""
    path = tmp_path / "it.yaml"
    path.write_text("base: &base {size: 1}\nconfig:\n  <<: *base\n  where: here\n", encoding="utf-8")

    document = read_document(path)

    assert document.get("config") == {"where": "here", "size": 1}
    assert document.line("config", "size") in (1, 3)
    assert document.line("config", "where") == 4


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    """The commands ask for the same stack file several times."""
    path = tmp_path / "one.yaml"
    path.write_text("a: 1\n")
    first = read_document(path)

    assert read_document(path) is first
    path.write_text("a: 20\n")
    assert read_document(path).get("a") == 20
