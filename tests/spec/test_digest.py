"""The digest of an artifact covers every byte and nothing that may change behind it."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hybridml.spec.digest import NotAnArtifact, digest, lines
from hypothesis import given, settings
from hypothesis import strategies as st


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.bin").write_bytes(b"model")
    (tmp_path / "MLmodel").write_bytes(b"flavours")
    (tmp_path / "a.txt").write_bytes(b"")
    return tmp_path


def test_a_file_has_its_own_digest(folder: Path) -> None:
    """The digest of a file is its SHA-256."""
    assert digest(folder / "MLmodel") == sha(b"flavours")


def test_a_folder_has_the_digest_of_its_sorted_lines(folder: Path) -> None:
    """The lines are those of sha256sum, sorted by path, with slashes."""
    expected = [
        f"{sha(b'flavours')}  MLmodel\n",
        f"{sha(b'')}  a.txt\n",
        f"{sha(b'model')}  b/model.bin\n",
    ]
    assert lines(folder) == expected
    assert digest(folder) == sha("".join(expected).encode())


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum on this machine")
def test_it_is_what_sha256sum_says(folder: Path) -> None:
    """Anybody can compute it with one pipe of standard tools."""
    pipe = "find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(["sh", "-c", pipe], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert digest(folder) == said.split()[0]


@pytest.mark.parametrize("change", ["content", "name", "new file", "moved"])
def test_every_change_shows(folder: Path, change: str) -> None:
    """A byte, a name, a file more or in another place give another digest."""
    before = digest(folder)
    if change == "content":
        (folder / "MLmodel").write_bytes(b"flavourS")
    elif change == "name":
        (folder / "a.txt").rename(folder / "c.txt")
    elif change == "new file":
        (folder / "b" / "empty").touch()
    else:
        (folder / "a.txt").rename(folder / "b" / "a.txt")
    assert digest(folder) != before


def test_times_and_modes_do_not_count(folder: Path) -> None:
    """A copy has the same digest."""
    before = digest(folder)
    os.utime(folder / "MLmodel", (0, 0))
    (folder / "MLmodel").chmod(0o600)
    assert digest(folder) == before


def test_links_are_refused(folder: Path) -> None:
    """What a link leads to may change without the digest, so there is none."""
    (folder / "b" / "link").symlink_to(folder / "MLmodel")
    with pytest.raises(NotAnArtifact, match="b/link: a link"):
        digest(folder)
    with pytest.raises(NotAnArtifact, match="a link"):
        digest(folder / "b" / "link")
    (folder / "b" / "link").unlink()
    (folder / "elsewhere").symlink_to("/", target_is_directory=True)
    with pytest.raises(NotAnArtifact, match="elsewhere: a link"):
        digest(folder)


def test_special_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe or a socket has no bytes to pin, and does not hang the digest."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(NotAnArtifact, match="pipe: not a regular file"):
        digest(folder)
    (folder / "pipe").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        with pytest.raises(NotAnArtifact, match="not a regular file"):
            digest(folder)


def test_nothing_has_no_digest(tmp_path: Path) -> None:
    """A missing path and an empty folder are refused."""
    with pytest.raises(NotAnArtifact, match="No such file"):
        digest(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAnArtifact, match="holds no file"):
        digest(tmp_path)


def test_names_that_could_forge_a_line_are_refused(tmp_path: Path) -> None:
    """A line break in a name could imitate another file."""
    (tmp_path / f"a\n{'0' * 64}  b").touch()
    with pytest.raises(NotAnArtifact, match="not printable"):
        digest(tmp_path)


def test_large_files_are_streamed(tmp_path: Path) -> None:
    """A file larger than any buffer is read piece by piece."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300 << 20)
    code = (
        "import resource, sys; from pathlib import Path; from hybridml.spec.digest import digest;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; digest(Path(sys.argv[1]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    grown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large")], capture_output=True, text=True, check=True
    ).stdout
    assert int(grown) < 20_000


def test_it_needs_nothing_but_the_standard_library() -> None:
    """The digest loads no pydantic, no YAML, no Pulumi."""
    code = "import sys, hybridml.spec.digest; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "ruamel", "pulumi"} & set(loaded)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?", fullmatch=True), st.binary(max_size=9), min_size=1))
def test_the_order_of_making_does_not_count(files: dict[str, bytes]) -> None:
    """Two folders with the same files have the same digest, in whatever order they were made."""
    import tempfile

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        made = {
            name: content
            for name, content in files.items()
            if name.partition("/")[0] == name or name.partition("/")[0] not in files
        }
        for root, names in ((one, list(made)), (other, list(made)[::-1])):
            for name in names:
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(made[name])
        assert digest(Path(one)) == digest(Path(other))
