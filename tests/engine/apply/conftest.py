"""A sandbox per test, cleaned of processes afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.apply.sandbox import Sandbox
from hybridml.engine import secrets


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """An empty stack of fixture resources."""
    made = Sandbox.make(tmp_path)
    yield made
    made.clean()


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the tests gives no passphrase."""
    monkeypatch.delenv(secrets.PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.delenv(secrets.PASSPHRASE_FILE_VARIABLE, raising=False)


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of one round, in processes of the test as well: nothing is proven of how hard they are to guess."""
    monkeypatch.setattr(secrets, "ITERATIONS", 1)
    monkeypatch.setenv("HYBRIDML_TEST_ROUNDS", "1")
