"""`HostFile`: the bytes that were asked for, or nothing changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import grpc
import pytest
from hybridml.provider import files
from hybridml.provider.wire import Secret
from hybridml.spec.digest import digest

from .conftest import Engine

TEXT = "weights: 90/10\n"
SHA = hashlib.sha256(TEXT.encode()).hexdigest()


def refusal(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    return str(error.value.details())  # type: ignore[attr-defined] # gRPC's errors are calls too


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def folder(path: Path, **files: str) -> Path:
    (path / "data").mkdir(parents=True)
    for name, text in files.items():
        (path / "data" / name).write_text(text)
    (path / "MLmodel").write_text("flavors: {}\n")
    return path


def test_content_is_written_readable_by_its_owner_alone(engine: Engine, tmp_path: Path) -> None:
    """Inline content lies at the path with mode 0600, and the outputs say its digest."""
    path = tmp_path / "deep" / "routes.json"
    inputs = engine.check("HostFile", {"path": str(path), "content": TEXT})

    identity, state = engine.create("HostFile", inputs)

    assert (path.read_text(), path.stat().st_mode & 0o777) == (TEXT, 0o600)
    assert identity == str(path)
    assert state == {"path": str(path), "content": TEXT, "sha256": SHA, "mode": "0600"}


def test_a_folder_is_copied_whole_and_verified(engine: Engine, tmp_path: Path) -> None:
    """Every file of the source lies at the path, and the copy has the digest that was asked for."""
    source = folder(tmp_path / "source", weights="1 2 3")
    target = tmp_path / "store" / "churn" / "3"
    asked = {"path": str(target), "source": str(source), "sha256": digest(source), "mode": "0640"}

    engine.create("HostFile", engine.check("HostFile", asked))

    assert digest(target) == digest(source)
    assert (target / "data" / "weights").stat().st_mode & 0o777 == 0o640
    assert (target / "data").stat().st_mode & 0o777 == 0o750
    assert names(target.parent) == ["3"]


def test_a_wrong_digest_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """A corrupted source ends in one message with both digests and the path; the old folder goes on being there."""
    source, target = folder(tmp_path / "source", weights="1"), tmp_path / "store"
    inputs = engine.check("HostFile", {"path": str(target), "source": str(source), "sha256": digest(source)})
    _, state = engine.create("HostFile", inputs)
    before = digest(target)
    (source / "data" / "weights").write_text("corrupted")

    with pytest.raises(grpc.RpcError) as error:
        engine.update("HostFile", state, {**inputs, "sha256": "0" * 64})

    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]
    assert all(part in refusal(error) for part in (str(source), str(target), digest(source), "0" * 64))
    assert digest(target) == before
    assert names(tmp_path) == ["source", "store"]


def test_a_missing_source_is_named_with_its_digest(engine: Engine, tmp_path: Path) -> None:
    """A source that is not there ends in one message: which file, for what, with which digest."""
    asked = {"path": str(tmp_path / "model"), "source": str(tmp_path / "gone"), "sha256": "1" * 64}

    with pytest.raises(grpc.RpcError) as error:
        engine.create("HostFile", engine.check("HostFile", asked))

    assert refusal(error) == f"{tmp_path}/gone is missing; {tmp_path}/model needs it with sha256 {'1' * 64}"


def test_a_folder_replaces_a_folder_in_one_step(engine: Engine, tmp_path: Path) -> None:
    """An update leaves the new files and none of the old ones."""
    first, second = folder(tmp_path / "a", one="1"), folder(tmp_path / "b", two="2")
    target = tmp_path / "model"
    _, state = engine.create("HostFile", engine.check("HostFile", {"path": str(target), "source": str(first)}))

    engine.update("HostFile", state, engine.check("HostFile", {"path": str(target), "source": str(second)}))

    assert names(target / "data") == ["two"]
    assert names(tmp_path) == ["a", "b", "model"]


def test_links_are_not_followed(engine: Engine, tmp_path: Path) -> None:
    """A source that holds a link is refused, and a link at the path survives the deletion of the file."""
    source, outside = folder(tmp_path / "source"), tmp_path / "outside"
    outside.write_text("private")
    (source / "data" / "link").symlink_to(outside)

    with pytest.raises(grpc.RpcError, match="links and devices are not followed"):
        engine.create("HostFile", engine.check("HostFile", {"path": str(tmp_path / "m"), "source": str(source)}))

    path = tmp_path / "file"
    _, state = engine.create("HostFile", engine.check("HostFile", {"path": str(path), "content": TEXT}))
    path.unlink()
    path.symlink_to(outside)
    engine.delete("HostFile", state)
    assert path.is_symlink()
    assert outside.read_text() == "private"


def test_reading_notices_what_happened(engine: Engine, tmp_path: Path) -> None:
    """Other bytes and another mode are found, the inputs follow what was found, and a missing file is gone."""
    path = tmp_path / "file"
    inputs = engine.check("HostFile", {"path": str(path), "content": TEXT})
    _, state = engine.create("HostFile", inputs)
    path.write_text("other")
    path.chmod(0o644)

    found = engine.read("HostFile", state, inputs)
    assert found is not None
    other = hashlib.sha256(b"other").hexdigest()
    assert (found[0]["sha256"], found[0]["mode"]) == (other, "0644")
    assert (found[1]["sha256"], found[1]["mode"]) == (other, "0644")

    path.unlink()
    assert engine.read("HostFile", state, inputs) is None


def test_changed_bytes_are_an_update_and_a_changed_path_a_replacement(engine: Engine, tmp_path: Path) -> None:
    """The diff names each property, and says which one replaces."""
    asked = {"path": str(tmp_path / "file"), "content": TEXT}
    old = engine.check("HostFile", asked)
    _, state = engine.create("HostFile", old)

    same = engine.diff("HostFile", state, old, engine.check("HostFile", asked, olds=old))
    bytes_ = engine.diff("HostFile", state, old, engine.check("HostFile", {**asked, "content": "x"}))
    moved = engine.diff("HostFile", state, old, engine.check("HostFile", {**asked, "path": "/elsewhere"}))

    assert (same.changes, list(same.diffs)) == (same.DIFF_NONE, [])
    assert (list(bytes_.diffs), list(bytes_.replaces)) == (["content", "sha256"], [])
    assert (list(moved.diffs), list(moved.replaces)) == (["path"], ["path"])


def test_a_file_that_somebody_changed_is_repaired(engine: Engine, tmp_path: Path) -> None:
    """Unchanged inputs with other bytes on disk are an update, and the update brings the bytes back."""
    path = tmp_path / "file"
    inputs = engine.check("HostFile", {"path": str(path), "content": TEXT})
    _, state = engine.create("HostFile", inputs)
    path.write_text("tampered")

    assert list(engine.diff("HostFile", state, inputs, inputs).diffs) == ["sha256"]
    engine.update("HostFile", state, inputs)
    assert path.read_text() == TEXT


def test_all_failures_come_at_once_with_their_paths(engine: Engine) -> None:
    """Every wrong input is named by property and allowed values, in one answer."""
    failures = engine.failures("HostFile", {"path": "relative", "mode": "644", "sha256": "abc", "owner": "me"})

    assert failures == {
        "path": "must be an absolute path, not 'relative'",
        "mode": "must be four octal digits, 0600, not '644'",
        "sha256": "must be 64 lower-case hexadecimal digits, not 'abc'",
        "owner": "no such property; allowed are path, source, content, sha256, mode",
        "source": "exactly one of `source` and `content` must be given",
    }


def test_secret_content_is_secret_with_its_digest(engine: Engine, tmp_path: Path) -> None:
    """The digest of a secret is secret as well, in inputs and outputs; the path is not."""
    inputs = engine.check("HostFile", {"path": str(tmp_path / "token"), "content": Secret(TEXT)})
    _, state = engine.create("HostFile", inputs)

    assert inputs == {"path": str(tmp_path / "token"), "content": Secret(TEXT), "sha256": Secret(SHA), "mode": "0600"}
    assert state == inputs


def test_creating_twice_says_the_same(engine: Engine, tmp_path: Path) -> None:
    """A retry after a crash finds the bytes in place, even when the source is gone, and cleans the half copy away."""
    source = folder(tmp_path / "source", weights="1")
    asked = {"path": str(tmp_path / "model"), "source": str(source), "sha256": digest(source)}
    inputs = engine.check("HostFile", asked)
    first = engine.create("HostFile", inputs)
    (source / "MLmodel").unlink()

    assert engine.create("HostFile", inputs) == first


def test_a_half_copy_of_a_killed_run_is_cleaned_away(engine: Engine, tmp_path: Path) -> None:
    """What a killed run left beside the path is gone after the next one, and nothing of it is ever visible."""
    path = tmp_path / "file"
    (tmp_path / ".file.0123abcd.hybridml-part").mkdir()
    (tmp_path / ".file.0123abcd.hybridml-part" / "half").write_text("half")

    engine.create("HostFile", engine.check("HostFile", {"path": str(path), "content": TEXT}))

    assert names(tmp_path) == ["file"]


def test_a_neighbour_with_a_longer_name_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    """While `file.txt` is being written, writing `file` does not clean its half copy away."""
    (tmp_path / ".file.txt.0123abcd.hybridml-part").write_text("half")

    engine.create("HostFile", engine.check("HostFile", {"path": str(tmp_path / "file"), "content": TEXT}))

    assert names(tmp_path) == [".file.txt.0123abcd.hybridml-part", "file"]


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder", "link"])
def test_what_somebody_else_put_there_is_left_as_it_is(engine: Engine, tmp_path: Path, kind: str) -> None:
    """A path that holds anything else is refused by name, not overwritten; an update may repair, a create may not."""
    path, treasure = tmp_path / "here", tmp_path / "treasure"
    treasure.write_text("mine")
    if kind == "link":
        path.symlink_to(treasure)
    elif kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine").write_text("mine") if kind == "folder" else None
    before = names(path) if path.is_dir() else path.read_text()

    with pytest.raises(grpc.RpcError) as error:
        engine.create("HostFile", engine.check("HostFile", {"path": str(path), "content": TEXT}))

    assert (
        refusal(error) == f"{path} holds something else already, which is left as it is; move it or choose another path"
    )
    assert (names(path) if path.is_dir() else path.read_text()) == before
    assert path.is_symlink() == (kind == "link")
    assert treasure.read_text() == "mine"


def test_a_folder_that_is_there_already_is_taken_over(engine: Engine, tmp_path: Path) -> None:
    """The same bytes at the path are what was asked for, even when only the copy says which digest that is."""
    source, target = folder(tmp_path / "source", weights="1"), folder(tmp_path / "target", weights="1")
    inputs = {"path": str(target), "source": str(source), "mode": "0600"}

    _, state = engine.create("HostFile", inputs)

    assert state["sha256"] == digest(source)
    assert (target / "MLmodel").stat().st_mode & 0o777 == 0o600


def test_folders_on_the_way_are_the_owners_alone(engine: Engine, tmp_path: Path) -> None:
    """Every folder that is made for the path has mode 0700, whatever the umask allows."""
    before = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "c" / "file"
        engine.create("HostFile", engine.check("HostFile", {"path": str(path), "content": TEXT}))
    finally:
        os.umask(before)

    assert [each.stat().st_mode & 0o777 for each in (*path.parents,)[:3]] == [0o700] * 3


def test_a_model_that_changes_while_it_is_copied_is_not_served(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows, and a link that appears, after the source was looked at: refused, and nothing is left."""
    source, target = folder(tmp_path / "source", a="1", b="2"), tmp_path / "store" / "model"
    inputs = engine.check("HostFile", {"path": str(target), "source": str(source)})
    copied = files.copy_file

    def meddle(read: Path, write: Path) -> None:
        copied(read, write)
        (source / "data" / "b").unlink(missing_ok=True)
        (source / "data" / "b").symlink_to("/etc/hostname")

    monkeypatch.setattr(files, "copy_file", meddle)
    with pytest.raises(grpc.RpcError):
        engine.create("HostFile", inputs)
    assert names(target.parent) == []


def test_a_read_only_source_leaves_nothing_behind_when_it_is_wrong(engine: Engine, tmp_path: Path) -> None:
    """Folders that their owner may not write are copied as folders that can be removed again."""
    source, part = folder(tmp_path / "source", weights="1"), tmp_path / "part"
    (source / "data").chmod(0o500)

    files.copy(source, part)

    assert (part / "data").stat().st_mode & 0o777 == 0o700
