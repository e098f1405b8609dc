"""Processes measured from outside, and limits on what was measured."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_KEPT = ("PATH", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Run:
    """One process from start to end."""

    cpu: float
    """Seconds of user and system time."""
    wall: float
    """Seconds."""
    output: str


@dataclass(frozen=True)
class Limit:
    """A measured figure and what it may be at most."""

    what: str
    measured: float
    most: float
    detail: str = ""

    @property
    def kept(self) -> bool:
        return self.measured <= self.most

    def __str__(self) -> str:
        mark = "ok    " if self.kept else "MISSED"
        return f"{mark} {self.what:58} {self.measured:6.2f}  (at most {self.most:.2f})  {self.detail}"


def clean_environment(scratch: str) -> dict[str, str]:
    """Variables for the measured processes: no credentials, and bytecode compiled once into `scratch`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": scratch, "PYTHONPYCACHEPREFIX": f"{scratch}/bytecode"}


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run this interpreter with `arguments` and measure it."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(cpu=cpu, wall=wall, output=done.stdout.decode())


def best(arguments: Sequence[str], environment: Mapping[str, str], times: int) -> Run:
    """The run with the least CPU of several, after one that only warms the caches."""
    run(arguments, environment)
    return min((run(arguments, environment) for _ in range(times)), key=lambda done: done.cpu)
