"""A secret of the configuration that is an input of a resource is nowhere to be read."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from engine.apply.sandbox import Sandbox, asked
from hybridml.engine import secrets
from hybridml.errors import ConfigurationError, ResourceError

WORD = "planted-7f3a9c-word"
PASSPHRASE = "correct horse"


@pytest.fixture
def planted(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A stack whose configuration holds the word, encrypted."""
    crypter = secrets.create(PASSPHRASE)
    (sandbox.root / "Pulumi.dev.yaml").write_text(
        f"encryptionsalt: {crypter.salt}\nconfig:\n  demo:word:\n    secure: {crypter.encrypt(WORD)}\n"
    )
    monkeypatch.setenv(secrets.PASSPHRASE_VARIABLE, PASSPHRASE)
    return sandbox


def written(root: Path) -> set[str]:
    """The files of the project that hold the word or the passphrase."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.name for path in files if {WORD, PASSPHRASE} & set(_found(path))}


def _found(path: Path) -> list[str]:
    content = path.read_bytes().decode(errors="replace")
    return [word for word in (WORD, PASSPHRASE) if word in content]


def test_it_is_in_no_file_but_the_one_asked_for(planted: Sandbox) -> None:
    """State, backup, journal and logs hold it encrypted; what is computed from it is secret too."""
    (planted.root / "asked.json").write_text("{}")
    planted.up(
        kept=asked("File", {"path": "kept.txt", "content": {"config": "word"}}),
        size=asked("Export", {"value": {"ref": ["kept", "size"]}}),
    )
    planted.up(
        kept=asked("File", {"path": "kept.txt", "content": {"config": "word"}}),
        more=asked("File", {"path": "more.txt", "content": {"ref": ["kept", "content"]}}),
        size=asked("Export", {"value": {"ref": ["kept", "size"]}}),
    )

    assert planted.files() == {"kept.txt": WORD, "more.txt": WORD}
    assert written(planted.root) == {"kept.txt", "more.txt"}
    outputs = planted.resource("demo-dev")["outputs"]
    assert set(outputs["size"]) == {"4dabf18193072939515e22adb298388d", "ciphertext"}
    assert WORD not in repr(planted.events)


@pytest.mark.parametrize(("how", "line"), [("after", 1), ("before", 5)])
def test_it_is_not_in_the_journal_of_a_killed_run(planted: Sandbox, how: str, line: int) -> None:
    """Where the inputs are recorded before the call."""
    planted.ask(kept=asked("Fault", {"word": {"config": "word"}}))
    assert planted.killed("up", how, line)

    assert '"begin"' in (planted.directory / "journal.jsonl").read_text()
    assert written(planted.root) == set()


def test_it_is_in_no_error(planted: Sandbox) -> None:
    """A provider that repeats it is cut off."""
    with pytest.raises(ResourceError) as caught:
        planted.up(bad=asked("Fault", {"fail": "create", "word": {"config": "word"}}))

    assert str(caught.value) == (
        "urn:pulumi:dev::demo::fixture:index:Fault::bad: Create failed: cannot create with [secret]"
    )
    assert WORD not in repr(planted.events)
    assert written(planted.root) == set()


def test_it_is_in_no_command_line_or_environment(planted: Sandbox) -> None:
    """Neither the run nor its plugin shows it to whoever lists processes; the passphrase is not handed on."""
    planted.ask(slow=asked("Fault", {"slow": 2, "word": {"config": "word"}}))
    run = threading.Thread(target=planted.up)
    run.start()
    while "begin" not in _text(planted.directory / "journal.jsonl"):
        assert run.is_alive()

    (plugin,) = planted.plugins()
    shown = [_text(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [text for text in shown if WORD in text or PASSPHRASE in text]
    assert PASSPHRASE not in _text(Path(f"/proc/{plugin}/environ"))
    assert WORD not in _text(Path(f"/proc/{plugin}/environ"))
    run.join()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_nothing_is_applied_without_the_passphrase(planted: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan may go on without; an apply would write nonsense."""
    monkeypatch.delenv(secrets.PASSPHRASE_VARIABLE)

    with pytest.raises(ConfigurationError) as caught:
        planted.up(kept=asked("Fault", {"word": {"config": "word"}}))

    assert str(caught.value) == (
        "Pulumi.dev.yaml demo:word: is encrypted, and no passphrase is given "
        "(set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE)"
    )
    assert planted.effects == []
