"""Secrets stay secret in a plan, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hybridml.engine import secrets
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.program import plan
from hybridml.engine.values import SHOWN_SECRET
from hybridml.errors import ProgramError, StateError

PLANTED = "hunter2-planted"


@pytest.fixture
def made(planned: Callable[..., Plan]) -> Plan:
    return planned("secret_values", config={"password": PLANTED})


@pytest.mark.parametrize(("name", "field"), [("straight", "value"), ("derived", "name"), ("careless", "name")])
def test_whatever_holds_a_secret_is_secret(
    made: Plan, named: Callable[[Plan, str], PlannedResource], name: str, field: str
) -> None:
    """A secret of the configuration is hidden as it is, derived, and where the program read it carelessly."""
    assert named(made, name).to_json()["inputs"][field] == SHOWN_SECRET


def test_secrets_of_providers_and_of_the_program_are_hidden(made: Plan) -> None:
    """Outputs that the SDK declares secret, and values that the program makes secret, are hidden."""
    assert made.to_json()["outputs"] == {"key": SHOWN_SECRET, "made": SHOWN_SECRET, "password": SHOWN_SECRET}


def test_no_planted_secret_is_in_the_json(made: Plan) -> None:
    """The text of no secret stands anywhere in the plan's JSON."""
    assert PLANTED not in made.dumps()
    assert "planted-in-a-list" not in made.dumps()


def test_errors_and_logs_hide_secrets(write: Callable[..., Path]) -> None:
    """A program that puts a secret into a log or an exception does not print it."""
    text = """
        import pulumi
        password = pulumi.Config().require("password")
        pulumi.warn(f"the password is {password}")
        raise ValueError(f"bad password {password}")
    """
    settings = "config: {password: {type: string, secret: true}}"
    folder, said = write(text, settings=settings), []

    with pytest.raises(ProgramError) as error:
        plan(folder, "dev", config={"password": PLANTED}, log=lambda severity, text: said.append((severity, text)))

    assert said == [("warning", f"the password is {SHOWN_SECRET}")]
    assert str(error.value) == f"__main__.py:5: the program raised ValueError: bad password {SHOWN_SECRET}"


PROGRAM = """
    import pulumi
    config = pulumi.Config()
    pulumi.export("token", config.require_secret("token"))
    pulumi.export("number", config.require_secret_int("number"))
    pulumi.export("deep", config.require_secret_object("deep")["a"])
"""


def _stack_file(crypter: secrets.Crypter) -> str:
    sealed = {name: crypter.encrypt(value) for name, value in {"token": PLANTED, "number": "7", "deep": "x"}.items()}
    return (
        f"encryptionsalt: {crypter.salt}\nconfig:\n  token: {{secure: '{sealed['token']}'}}\n"
        f"  number: {{secure: '{sealed['number']}'}}\n  deep: {{a: {{secure: '{sealed['deep']}'}}}}\n"
    )


def test_secrets_are_decrypted_with_the_passphrase(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the passphrase the program gets the values, and the plan still hides them."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "open")
    folder = write(PROGRAM, stack=_stack_file(secrets.create("open")))

    made = plan(folder, "dev")

    assert made.to_json()["outputs"] == {"deep": SHOWN_SECRET, "number": SHOWN_SECRET, "token": SHOWN_SECRET}
    assert made.outputs["number"].value == 7


def test_without_the_passphrase_planning_goes_on(write: Callable[..., Path]) -> None:
    """Without the passphrase every secret stays an opaque secret, whatever type the program asks for."""
    folder = write(PROGRAM, stack=_stack_file(secrets.create("open")))

    made = plan(folder, "dev")

    assert made.to_json()["outputs"] == {"deep": SHOWN_SECRET, "number": SHOWN_SECRET, "token": SHOWN_SECRET}


def test_a_wrong_passphrase_is_one_message(write: Callable[..., Path]) -> None:
    """A wrong passphrase ends planning."""
    folder = write(PROGRAM, stack=_stack_file(secrets.create("open")))

    with pytest.raises(StateError):
        plan(folder, "dev", passphrase="shut")
