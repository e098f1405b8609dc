"""Pulumi's passphrase secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hybridml.engine import secrets
from hybridml.errors import StateError


def test_what_is_encrypted_is_decrypted() -> None:
    """Under the same passphrase and salt line, in any process; the text differs each time."""
    made = secrets.create("correct horse")

    sealed = made.encrypt("wörd")

    assert sealed.startswith("v1:")
    assert sealed != made.encrypt("wörd")
    assert secrets.unlock(made.salt, "correct horse").decrypt(sealed) == "wörd"


def test_a_salt_line_and_value_of_pulumi_are_understood() -> None:
    """Written by `pulumi config set --secret` under the passphrase `correct horse`."""
    salt = "v1:FZGE9heOpsI=:v1:iCB5lAQXWiO0uVRV:Zz+Mgpra5ePfQtMEhV5mg9zfpZOvMQ=="
    value = "v1:irEM6SFpdN0XppGM:BOovZfs8VWmBNYGUQrHJZq2KVV31xJ5zuGP7Fg=="

    assert secrets.unlock(salt, "correct horse").decrypt(value) == "planted word"


def test_a_wrong_passphrase_is_told_at_once() -> None:
    """By the salt line alone, with what to set."""
    made = secrets.create("right")

    with pytest.raises(StateError) as caught:
        secrets.unlock(made.salt, "wrong")

    assert str(caught.value) == (
        "The passphrase is wrong for this stack's secrets. Set PULUMI_CONFIG_PASSPHRASE or "
        "PULUMI_CONFIG_PASSPHRASE_FILE to the one they were encrypted with; nothing was changed."
    )


@pytest.mark.parametrize("salt", ["", "v2:a:v1:b:c", "v1:abc", "v1:***:v1:b:c"])
def test_a_salt_line_that_is_none(salt: str) -> None:
    """One error, whatever is wrong."""
    with pytest.raises(StateError):
        secrets.unlock(salt, "x")


@pytest.mark.parametrize("sealed", ["", "plain", "v1:a", "v1:AAAAAAAAAAAAAAAA:AAAA", "v2:AAAA:AAAA", "v1:*:*"])
def test_a_value_that_cannot_be_decrypted(sealed: str) -> None:
    """One error, whatever is wrong."""
    with pytest.raises(StateError, match="encrypted value"):
        secrets.create("x").decrypt(sealed)


def test_a_key_is_derived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million rounds take their time; the same passphrase and salt pay once per process."""
    made = secrets.create("once")
    monkeypatch.setattr(secrets.hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("derived again"))

    assert secrets.unlock(made.salt, "once").key == made.key


def test_the_key_is_in_no_representation() -> None:
    """Neither text nor debugger shows it."""
    made = secrets.create("x")

    assert repr(made) == f"Crypter(salt={made.salt!r})"


def test_the_local_passphrase_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """Random, mode 0600, the same afterwards."""
    directory = tmp_path / "stack"

    phrase = secrets.local_passphrase(directory)

    assert len(phrase) >= 40
    assert secrets.local_passphrase(directory) == phrase != secrets.local_passphrase(tmp_path / "other")
    assert stat.S_IMODE((directory / "passphrase").stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == ["passphrase"]


def test_an_empty_passphrase_file_is_an_error(tmp_path: Path) -> None:
    """It is not replaced: what it encrypted would be lost."""
    (tmp_path / "passphrase").write_text("\n")

    with pytest.raises(StateError, match="is empty"):
        secrets.local_passphrase(tmp_path)


def test_a_passphrase_file_that_is_no_text_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state's own, and one that the environment names."""
    (tmp_path / "passphrase").write_bytes(b"\xff\xfe")
    monkeypatch.setenv(secrets.PASSPHRASE_FILE_VARIABLE, str(tmp_path / "passphrase"))

    with pytest.raises(StateError, match="cannot be read"):
        secrets.local_passphrase(tmp_path)
    with pytest.raises(StateError, match="cannot be read"):
        secrets.given_passphrase()


def test_the_passphrase_that_the_environment_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pulumi's variables, the plain one first; an unreadable file is an error."""
    assert secrets.given_passphrase() is None
    (tmp_path / "file").write_text("from file\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "file"))
    assert secrets.given_passphrase() == "from file"
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "none"))
    with pytest.raises(StateError, match="cannot be read: No such file"):
        secrets.given_passphrase()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    assert secrets.given_passphrase() == ""
