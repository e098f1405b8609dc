"""`hybridml up` and `destroy`: which engine, what is asked, what is printed, and that no stack has two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hybridml.cli import deployed, place
from hybridml.cli.options import Engine

from .conftest import Run

PROGRAM = """
import pulumi
from hybridml.provider.sdk import HostFile, HostFileArgs

config = pulumi.Config()
note = HostFile("note", HostFileArgs(path=config.require("path"), content=config.get("text") or "hello"))
pulumi.export("sha256", note.sha256)
pulumi.export("motto", pulumi.Output.secret("read"))
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A project that writes one file."""
    (tmp_path / "Pulumi.yaml").write_text("name: notes\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    config = f"config: {{notes:path: {tmp_path / 'out' / 'note.txt'}}}\n"
    (tmp_path / "Pulumi.one.yaml").write_text(config, encoding="utf-8")
    return tmp_path


def test_up_makes_and_destroy_removes(start: Run, notes: Path) -> None:
    """Outputs are on stdout with secrets masked, progress is on stderr, and nothing is left afterwards."""
    up = start("up", "--yes", cwd=notes)
    made = (notes / "out" / "note.txt").read_text(encoding="utf-8")
    again = start("up", "--yes", cwd=notes)
    destroy = start("destroy", "--yes", cwd=notes)

    assert (up.code, again.code, destroy.code) == (0, 0, 0)
    assert made == "hello"
    assert up.out.splitlines()[0] == "motto: [secret]"
    assert up.out.splitlines()[1].startswith("sha256: 2cf24dba")
    assert "created note (HostFile)" in up.err
    assert again.err == "2 unchanged\n"
    assert not (notes / "out" / "note.txt").exists()


def test_up_as_json_counts_the_changes(start: Run, notes: Path) -> None:
    """`--format json` says engine, changes and endpoints."""
    document = json.loads(start("up", "--yes", "--format", "json", cwd=notes).out)
    start("destroy", "--yes", cwd=notes)

    assert document["engine"] == "embedded"
    assert document["changes"] == {"create": 2, "update": 0, "replace": 0, "delete": 0, "same": 0}
    assert document["endpoints"] == {}


@pytest.mark.parametrize("verb", ["up", "destroy"])
def test_nobody_is_asked_where_nobody_can_answer(start: Run, notes: Path, verb: str) -> None:
    """Without a terminal and without `--yes`, nothing happens and the message says what to type."""
    ran = start(verb, cwd=notes, stdin=-3)

    assert ran.code == 1
    assert f"hybridml {verb} -s one --yes" in ran.err
    assert not (notes / "out").exists()


def test_a_resource_of_somebody_else_is_refused_by_name(start: Run, notes: Path) -> None:
    """The embedded engine imitates no cloud provider; nothing is made."""
    (notes / "__main__.py").write_text(f"{PROGRAM}\nimport pulumi_aws\npulumi_aws.s3.Bucket('b')\n", encoding="utf-8")

    ran = start("up", "--yes", cwd=notes)

    assert ran.code == 1
    assert "aws:s3/bucket:Bucket" in ran.err
    assert "https://www.pulumi.com/docs" in ran.err
    assert not (notes / "out").exists()


def test_a_stack_elsewhere_needs_pulumi(start: Run, notes: Path) -> None:
    """A stack with a target that is not this machine is Pulumi's, and the message says where to get it."""
    config = "config:\n  hybridml:targets: {cloud: {kind: aws}}\n"
    (notes / "Pulumi.one.yaml").write_text(config, encoding="utf-8")

    ran = start("up", "--yes", cwd=notes, env={"PATH": "/nonexistent"})

    assert ran.code == 1
    assert "`pulumi` is not on the PATH" in ran.err
    assert "https://www.pulumi.com/docs/install/" in ran.err


def test_targets_that_are_no_mapping_are_refused(run: Run, notes: Path) -> None:
    """A stack file in which `hybridml:targets` is a list is named."""
    (notes / "Pulumi.one.yaml").write_text("config:\n  hybridml:targets: [local]\n", encoding="utf-8")

    ran = run("up", "--yes", "--project", notes)

    assert ran.code == 2
    assert "Pulumi.one.yaml hybridml:targets: is not a mapping" in ran.err


@pytest.mark.pulumi
def test_the_real_engine_does_the_same_and_neither_takes_the_others_stack(start: Run, notes: Path) -> None:
    """Pulumi makes the same file; either engine refuses what the other holds."""
    made = start("up", "--yes", "--engine", "pulumi", cwd=notes)
    refused = start("up", "--yes", cwd=notes)
    text = (notes / "out" / "note.txt").read_text(encoding="utf-8")
    removed = start("destroy", "--yes", cwd=notes)
    gone = not (notes / "out" / "note.txt").exists()
    start("up", "--yes", cwd=notes)
    refused_too = start("up", "--yes", "--engine", "pulumi", cwd=notes)
    start("destroy", "--yes", cwd=notes)

    assert (made.code, removed.code) == (0, 0), made.err
    assert made.out.splitlines()[1].startswith("sha256: 2cf24dba")
    assert (text, gone) == ("hello", True)
    assert (refused.code, refused_too.code) == (1, 1)
    assert "held by the pulumi engine" in refused.err
    assert "held by the embedded engine" in refused_too.err


@pytest.mark.pulumi
def test_the_real_engine_writes_to_the_state_folder_only(
    start: Run, notes: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Backend, home and passphrase are in `.hybridml`; the stack file stays as it is, and so does the home folder."""
    import os

    home = tmp_path_factory.mktemp("home")
    before = (notes / "Pulumi.one.yaml").read_bytes()

    start("up", "--yes", "--engine", "pulumi", cwd=notes, env={**os.environ, "HOME": str(home)})
    start("destroy", "--yes", cwd=notes, env={**os.environ, "HOME": str(home)})

    assert (notes / "Pulumi.one.yaml").read_bytes() == before
    assert list(home.iterdir()) == []
    assert (notes / ".hybridml" / "one" / "passphrase").stat().st_mode & 0o777 == 0o600


def test_the_state_of_either_engine_is_found(notes: Path) -> None:
    """An empty state is held by nobody; one with resources by the engine whose it is."""
    here = place.find(notes)
    path = deployed.pulumi_state(here, "one")
    path.parent.mkdir(parents=True)

    assert deployed.held_by(here, "one") is None
    path.write_text(json.dumps({"checkpoint": {"latest": {"resources": []}}}), encoding="utf-8")
    assert deployed.held_by(here, "one") is None
    path.write_text(
        json.dumps({"checkpoint": {"latest": {"resources": [{"urn": "u", "type": "t"}]}}}), encoding="utf-8"
    )
    assert deployed.held_by(here, "one") is Engine.PULUMI


def test_destroy_works_when_the_stack_file_is_broken(start: Run, notes: Path) -> None:
    """What was made can be removed although its configuration cannot be used any more."""
    start("up", "--yes", cwd=notes)
    (notes / "Pulumi.one.yaml").write_text("config:\n  hybridml:targets: [local]\n", encoding="utf-8")

    ran = start("destroy", "--yes", cwd=notes)

    assert ran.code == 0, ran.err
    assert not (notes / "out" / "note.txt").exists()
