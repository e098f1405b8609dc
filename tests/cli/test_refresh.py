"""`hybridml refresh`, and `up` and `destroy` of a part of a stack: what is shown, what is recorded, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hybridml.cli import deploy, plan, progress
from hybridml.engine import apply
from hybridml.engine.apply import RefreshResult
from hybridml.engine.apply_events import Drifted, Progress
from hybridml.engine.drift import Difference, Drift
from hybridml.engine.selection import EVERYTHING, Targets
from hybridml.errors import ResourceError

from .conftest import Run

PROGRAM = """
import pulumi
from hybridml.provider.sdk import HostFile, HostFileArgs

folder = pulumi.Config().require("folder")
first = HostFile("first", HostFileArgs(path=f"{folder}/first.txt", content="hello"))
opts = pulumi.ResourceOptions(depends_on=[first])
HostFile("second", HostFileArgs(path=f"{folder}/second.txt", content="world"), opts=opts)
"""
URN = "urn:pulumi:one::notes::hybridml:index:HostFile::"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A project that writes two files, the second after the first."""
    (tmp_path / "Pulumi.yaml").write_text("name: notes\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "Pulumi.one.yaml").write_text(f"config: {{notes:folder: {tmp_path / 'out'}}}\n", encoding="utf-8")
    return tmp_path


def test_drift_is_shown_and_recorded(run: Run, notes: Path) -> None:
    """A look changes nothing and exits 0, or 4 when told to; recorded it is no drift any more, and `up` mends it."""
    run("up", "--yes", "--project", notes)
    (notes / "out" / "first.txt").write_text("by hand")
    (notes / "out" / "second.txt").unlink()
    before = (notes / ".hybridml" / "one" / "state.json").read_bytes()

    look = run("refresh", "--preview-only", "--project", notes)
    strict = run("refresh", "--preview-only", "--expect-no-changes", "--format", "json", "--project", notes)
    unchanged = (notes / ".hybridml" / "one" / "state.json").read_bytes()
    recorded = run("refresh", "--yes", "--project", notes)
    again = run("refresh", "--yes", "--expect-no-changes", "--project", notes)
    up = run("up", "--yes", "--project", notes)

    assert (look.code, strict.code, recorded.code, again.code, up.code) == (0, 4, 0, 0, 0)
    assert look.out == recorded.out
    assert look.out.splitlines()[0] == "drift: first (HostFile); up would update it"
    assert look.out.splitlines()[1].startswith('    sha256: "2cf24dba')
    assert look.out.splitlines()[2] == "drift: second (HostFile) is gone"
    assert look.err == "1 changed, 1 gone\n"
    document = json.loads(strict.out)
    assert (document["engine"], document["recorded"]) == ("embedded", False)
    assert [(each["urn"], each["gone"]) for each in document["drift"]] == [
        (f"{URN}first", False),
        (f"{URN}second", True),
    ]
    assert unchanged == before
    assert (again.out, again.err) == ("", "1 as recorded\n")
    assert (notes / "out" / "first.txt").read_text() == "hello"


def test_drift_is_told_though_something_cannot_be_read(run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is recorded, so nobody would see it again."""

    def refresh(*_: object, progress: Progress, **__: object) -> None:
        progress(Drifted(drift=Drift(urn=f"{URN}first", gone=True)))
        raise ResourceError("second: Read failed")

    monkeypatch.setattr(apply, "refresh", refresh)
    ran = run("refresh", "--yes", "--project", notes)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "drift: first (HostFile) is gone\nsecond: Read failed\n"


def test_any_change_counts_where_none_is_expected(run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is no property, as when something does not work any more."""
    changed = RefreshResult(changes={"update": 1, "same": 1}, drift=(), found={})
    monkeypatch.setattr(apply, "refresh", lambda *_, **__: changed)

    codes = [run("refresh", "--yes", *more, "--project", notes).code for more in ([], ["--expect-no-changes"])]

    assert codes == [0, 4]


def test_only_the_target_is_touched(run: Run, notes: Path) -> None:
    """By name; what it needs and what needs it is named when it is missing."""
    alone = run("up", "--yes", "--target", "second", "--project", notes)
    run("up", "--yes", "--project", notes)
    (notes / "out" / "first.txt").write_text("by hand")
    (notes / "out" / "second.txt").write_text("by hand")
    up = run("up", "--yes", "-t", "second", "--project", notes)
    held = run("destroy", "--yes", "-t", "first", "--project", notes)
    unknown = run("refresh", "--yes", "-t", "frist", "-t", "second", "--project", notes)
    both = run("destroy", "--yes", "-t", "first", "--target-dependents", "--project", notes)

    assert [ran.code for ran in (alone, up, held, unknown, both)] == [2, 0, 2, 2, 0]
    assert f"second needs {URN}first, which does not exist yet" in alone.err
    assert "updating second" in up.err
    assert "first" not in up.err
    assert "second, which is not targeted, needs it (add --target-dependents)" in held.err
    assert unknown.err == "--target: 'frist' names no resource of this stack (the nearest are: first)\n"
    assert "2 deleted" in both.err
    assert list((notes / "out").iterdir()) == []


def test_dependents_of_nothing_are_refused(run: Run, notes: Path) -> None:
    """`--target-dependents` says nothing by itself."""
    ran = run("up", "--yes", "--project", notes, "--target-dependents")

    assert ran.code == 2
    assert "--target-dependents: says nothing without --target" in ran.err


def test_a_refresh_needs_an_answer(run: Run, notes: Path) -> None:
    """Where nobody can be asked, the message says what to type."""
    ran = run("refresh", "--project", notes)

    assert ran.code == 1
    assert "hybridml refresh -s one --yes" in ran.err


def test_the_preview_of_an_up_marks_what_it_will_mend(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift counts as a change, though the program asks for what it did before; of targets, theirs alone."""
    here = plan.place.find(notes)
    monkeypatch.chdir(notes)
    differs = Difference(path="sha256", before="recorded", after="found")
    drift = (Drift(urn=f"{URN}first", properties=(differs,), correction="update"), Drift(urn=f"{URN}second", gone=True))
    first = {"urn": f"{URN}first", "type": "hybridml:index:HostFile", "custom": True, "id": "1", "inputs": {}}
    inputs = {"path": str(notes / "out" / "first.txt"), "content": "hello"}
    found = {"version": 3, "deployment": {"resources": [{**first, "inputs": inputs, "outputs": inputs}]}}
    result = RefreshResult(changes={}, drift=drift, found=found)

    whole = plan.preview(here, "one", result, EVERYTHING)
    part = plan.preview(here, "one", result, Targets(patterns=("second",)))

    assert "1 to create, 1 to update" in whole
    assert "~ first" in whole
    assert "sha256" in whole
    assert "1 to create  (" in part
    assert "~ first" not in part


def test_drift_as_text() -> None:
    """Old and new of each property; long values are cut, secrets never shown."""
    long = Difference(path="content", before="a" * 200, after=None)

    steering = Difference(path="a\x1b[2J", before=1, after="\x9b31m")

    text = progress.drift_text(Drift(urn=f"{URN}first", properties=(long, steering)))

    assert text.splitlines() == [
        "drift: first (HostFile)",
        f'    content: "{"a" * 78}… → (absent)',
        '    a\ufffd[2J: 1 → "\ufffd31m"',
    ]
    assert deploy.DRIFTED == 4


@pytest.mark.pulumi
def test_the_real_engine_is_given_the_same_options(start: Run, notes: Path) -> None:
    """A look, a record and targets by name work as with the embedded engine; the exit status is Pulumi's own."""
    start("up", "--yes", "--engine", "pulumi", cwd=notes)
    (notes / "out" / "first.txt").write_text("by hand")

    look = start("refresh", "--preview-only", cwd=notes)
    unasked = [start(verb, cwd=notes, stdin=-3).code for verb in ("destroy", "refresh")]
    strict = start("refresh", "--yes", "--expect-no-changes", cwd=notes)
    targeted = start("up", "--yes", "--engine", "pulumi", "--refresh", "-t", "first", cwd=notes)
    mended = (notes / "out" / "first.txt").read_text()
    destroyed = start("destroy", "--yes", "-t", "first", "--target-dependents", cwd=notes)
    start("destroy", "--yes", cwd=notes)

    assert (look.code, targeted.code, destroyed.code) == (0, 0, 0), look.err + targeted.err + destroyed.err
    assert 0 not in (strict.code, *unasked)
    assert mended == "hello"
    assert list((notes / "out").iterdir()) == []
