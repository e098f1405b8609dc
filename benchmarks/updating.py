"""What a second `hybridml up` of the local stack takes when nothing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.measuring import Limit, Run, run
from tests.local.served import STACK, Served

_COMMAND = "import sys; from hybridml.cli import main; main()"
_TIMES = 3


def updating(environment: Mapping[str, str], scratch: Path) -> Iterator[Limit]:
    """The whole command, with a trained and served copy of this project below `scratch`."""
    root = scratch / "project"
    root.mkdir()
    served = Served.copied(root)
    served.train()
    try:
        _up(served.root, environment)
        again = min((_up(served.root, environment) for _ in range(_TIMES)), key=lambda done: done.wall)
    finally:
        served.destroy()
    changed = {kind: count for kind, count in json.loads(again.output)["changes"].items() if count and kind != "same"}
    if changed:
        raise RuntimeError(f"a second up changed something: {changed}")
    yield Limit("second up without changes, seconds", again.wall, 5.0, f"{again.cpu:.2f} s of it CPU")


def _up(root: Path, environment: Mapping[str, str]) -> Run:
    return run(["-c", _COMMAND, "up", "-s", STACK, "--yes", "--format", "json", "--project", str(root)], environment)
