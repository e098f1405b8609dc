"""Where a result is written to, whatever lies there already and whatever it says."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hybridml.cli import output
from hybridml.errors import HybridMLError

from .conftest import Run


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """`--out /dev/null` or a pipe of another command: nothing takes its place, not even where root asks for it."""
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")), daemon=True)
    reader.start()

    output.write("a plan\n", pipe)

    reader.join(10)
    assert (read, pipe.is_fifo()) == (["a plan\n"], True)


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it names is written, whole; the link still names it."""
    (tmp_path / "kept").mkdir()
    link, file = tmp_path / "plan.json", tmp_path / "kept" / "plan.json"
    link.symlink_to(file)

    output.write("one", link)
    output.write("two", link)

    assert (link.is_symlink(), file.read_text(encoding="utf-8"), list(file.parent.iterdir())) == (True, "two", [file])


def test_a_folder_is_no_place_for_a_result(tmp_path: Path) -> None:
    """It is said in one line, with what to do."""
    with pytest.raises(HybridMLError, match=r"it is a folder\. Write it elsewhere: another --out FILE"):
        output.write("a plan", tmp_path)


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    """Bytes of a file's name that are no UTF-8 stand in JSON as JSON says them."""
    name = os.fsdecode(b"caf\xe9.py")

    output.write(output.as_json({"file": name}), tmp_path / "plan.json")

    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")) == {"file": name}


def test_a_dash_is_stdout(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--out -` makes no file of that name."""
    monkeypatch.chdir(project)

    ran = run("plan", "-s", "one", "--format", "json", "--out", "-")

    assert json.loads(ran.out)["stack"] == "one"
    assert not Path("-").exists()
