"""A `refresh`, or a run of a part of a stack, that is killed (SIGKILL) at any line is made good by the next one."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest
from engine.apply.sandbox import Sandbox, asked
from engine.apply.test_killed import settled
from hybridml.errors import ConfigurationError

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("quick_keys")]
EVERY_LINE = pytest.param(range(1, 40), marks=pytest.mark.slow, id="every line")
EVERYWHERE = [
    pytest.param(how, range(1, 40), marks=pytest.mark.slow, id=f"{how} every line") for how in ("before", "after")
]


def stack(sandbox: Sandbox, version: str) -> dict[str, list[Any]]:
    """A server and what names it, and a file that depends on neither."""
    return {
        "server": asked("Process", {"tag": sandbox.tag("server"), "version": version}),
        "route": asked("File", {"path": "route.txt", "content": {"ref": ["server", "where"]}}),
        "alone": asked("File", {"path": "alone.txt", "content": {"secret": f"secret {version}"}}),
    }


def spoil(sandbox: Sandbox) -> None:
    """End the server, and write into both files."""
    for pid in sandbox.processes():
        os.kill(pid, 9)
    for name in ("route.txt", "alone.txt"):
        (sandbox.root / name).write_text("by hand")


@pytest.mark.parametrize("lines", [pytest.param((2, 5), id="two lines"), EVERY_LINE])
def test_killed_refresh(sandbox: Sandbox, lines: Any) -> None:
    """The next `refresh` records what is there, and nothing was changed in the world."""
    sandbox.up(**stack(sandbox, "1"))
    spoil(sandbox)
    sandbox.refresh()
    expected = settled(sandbox)

    for line in lines:
        sandbox.up()
        spoil(sandbox)
        if not sandbox.killed("refresh", "before", line):
            assert line == 6
            break
        sandbox.forget_effects()
        sandbox.refresh()
        assert (settled(sandbox), sandbox.effects) == (expected, []), f"killed before line {line}"


@pytest.mark.parametrize(("how", "lines"), [pytest.param("after", (2,), id="a line"), *EVERYWHERE])
def test_killed_targeted_up(sandbox: Sandbox, how: str, lines: Any) -> None:
    """The next targeted run ends where an undisturbed one would have, and the rest was never touched."""
    sandbox.up(**stack(sandbox, "1"))
    sandbox.ask(**stack(sandbox, "2"))
    sandbox.up_only("server", "route")
    expected = settled(sandbox)

    for line in lines:
        sandbox.up(**stack(sandbox, "1"))
        sandbox.ask(**stack(sandbox, "2"))
        if not sandbox.killed("up", how, line, "server", "route"):
            assert line == {"before": 9, "after": 4}[how]
            break
        sandbox.up_only("server", "route")
        assert settled(sandbox) == expected, f"killed {how} line {line}"


@pytest.mark.parametrize(("how", "lines"), [pytest.param("before", (3,), id="a line"), *EVERYWHERE])
def test_killed_targeted_destroy(sandbox: Sandbox, how: str, lines: Any) -> None:
    """The next one takes away what is left of the target, and nothing else."""
    sandbox.up(**stack(sandbox, "1"))
    sandbox.destroy("server", dependents=True)
    expected = settled(sandbox)

    for line in lines:
        sandbox.up()
        if not sandbox.killed("destroy", how, line, "server"):
            assert line == {"before": 7, "after": 3}[how]
            break
        with contextlib.suppress(ConfigurationError):  # it was all done but for putting the journal away
            sandbox.destroy("server", dependents=True)
        assert settled(sandbox) == expected, f"killed {how} line {line}"
