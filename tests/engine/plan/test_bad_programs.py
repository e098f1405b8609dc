"""Programs that end in odd ways, print where they should not, or never end: one message, no hang, no secret."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import hybridml
import pytest
from engine.plan.conftest import Write
from hybridml.engine import watch
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.engine.source import SourceMap
from hybridml.engine.values import SHOWN_SECRET
from hybridml.errors import HybridMLError, ProgramError

SECRET = 'Planted"in\nmany\u00e9forms'
SETTINGS = """
config:
  password: {type: string, secret: true}
  number: {type: integer, secret: true, default: 987654321}
"""
PREAMBLE = """
import asyncio, json, os, pulumi, subprocess, sys
class Thing(pulumi.CustomResource):
    def __init__(self, name, props=None, opts=None):
        super().__init__("test:index:Thing", name, props or {}, opts)
config = pulumi.Config()
password = config.get("password")
"""


def planned(write: Write, program: str) -> Plan:
    return plan(write(PREAMBLE + program, settings=SETTINGS), "dev", config={"password": SECRET}, log=lambda *_: None)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("pulumi.Output.from_input(1).apply(lambda _: sys.exit(4))", "left with sys.exit(4)"),
        ("def t(args): sys.exit(5)\npulumi.runtime.register_resource_transform(t)\nThing('a')", "sys.exit(5)"),
        ("os._exit(0)", "left with sys.exit(0)"),
        ("class E(Exception):\n  def __str__(self): raise ValueError\nraise E", "raised E: its text cannot be had"),
        ("Thing('a', {'x': float('nan')})", "a property is infinite or not a number"),
        (
            "def t(args): raise ValueError('no')\npulumi.runtime.register_resource_transform(t)\nThing('a')",
            "failed: no",
        ),
    ],
)
def test_an_odd_end_is_one_message(write: Write, program: str, said: str) -> None:
    """Wherever a program leaves or raises, planning ends at once and says so."""
    with pytest.raises(ProgramError) as error:
        planned(write, program)

    assert said in str(error.value)


def test_a_forked_process_may_leave(write: Write) -> None:
    """`os._exit` ends a process that the program forked."""
    made = planned(
        write, "pid = os.fork()\nif pid == 0:\n  os._exit(7)\npulumi.export('ended', os.waitpid(pid, 0)[1] >> 8)"
    )

    assert made.outputs == {"ended": 7}


def test_what_a_program_prints_is_no_result(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own output, raw bytes and that of its children go to standard error, and secrets are cut out of its own."""
    planned(
        write,
        "print('printed', password)\nsys.stdout.buffer.write(b'\\xff')\nos.write(1, b'written ')\n"
        "subprocess.run(['echo', 'child'])",
    )

    said = capfd.readouterr()
    assert said.out == ""
    assert all(word in said.err for word in (f"printed {SHOWN_SECRET}", "written", "child"))


def test_a_closed_standard_output_is_left_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that nobody reads is made all the same."""
    monkeypatch.setattr("sys.stdout", None)

    assert planned(write, "print('into nothing')\npulumi.export('a', 1)").outputs == {"a": 1}


@pytest.mark.parametrize(
    "program",
    [
        "Thing('a', {'x': json.dumps({'k': password})})",
        "Thing('a', {'x': json.dumps(password, ensure_ascii=False)})",
        "Thing('a', {'x': repr(password)})",
        "Thing('a', {'x': {password: 1}})",
        "Thing('a', {'x': config.get_int('number')})",
        "Thing('a', None, pulumi.ResourceOptions(replacement_trigger=password))",
        "Thing(f'a-{password}')",
        "Thing.get('a', password) if False else pulumi.StackReference(password)",
        "raise KeyError(password)",
        "raise ValueError(json.dumps([password]))",
        "sys.exit(password)",
        "from hybridml.errors import *\nraise ConfigurationError([Problem(message=f'no {password}')])",
        "def t(args): raise ValueError(password)\npulumi.runtime.register_resource_transform(t)\nThing('a')",
    ],
)
def test_no_form_of_a_secret_is_shown(write: Write, program: str) -> None:
    """Quoted, represented, as a number, a key, a name or in anybody's error: a configured secret is not shown."""
    try:
        said = planned(write, program).dumps()
    except HybridMLError as error:
        said = str(error)

    assert "forms" not in said
    assert "987654321" not in said


def test_a_longer_secret_hides_before_a_shorter_one(write: Write) -> None:
    """A secret that begins with another is hidden as a whole."""
    folder = write("raise ValueError('password-and-more')", settings=SETTINGS)

    secrets = json.dumps(["password", "password-and-more"])

    with pytest.raises(ProgramError, match=r"ValueError: \[secret\]$"):
        plan(folder, "dev", config={"password": secrets})


def test_a_program_that_awaits_for_ever_says_so_and_can_be_interrupted(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From time to time it is told that it has not ended, and where it is; an interruption ends it."""
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.3)
    text = "import asyncio, pulumi, time\ntime.sleep(0.5)\n"
    text += "pulumi.export('x', pulumi.Output.from_input(asyncio.get_event_loop().create_future()))\n"
    said: list[tuple[str, str]] = []
    alarm = threading.Timer(2.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    alarm.start()

    with pytest.raises(KeyboardInterrupt):
        plan(write(text), "dev", log=lambda severity, message: said.append((severity, message)))

    assert said[0] == ("waiting", "the program has not ended after 0 s; it is at __main__.py:2")
    assert said[-1][1].endswith("it awaits what has not come")


def test_resources_of_this_package_have_the_line_of_the_program() -> None:
    """What a component of ours makes has the user's line, also where the package lies inside the project."""
    package = Path(hybridml.__file__).resolve().parent
    sources = SourceMap(package.parents[1])

    assert sources.file(str(package / "platform.py")) is None
    assert sources.file(str(package.parents[1] / "infra" / "__main__.py")) == "infra/__main__.py"
