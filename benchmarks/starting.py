"""What importing the package and starting the command cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.measuring import Limit, best

_TIMES = 7
_COMMAND = "import sys; sys.argv = ['hybridml', '--help']; from hybridml.cli import main; main()"
"""What the installed `hybridml` script does."""


def starting(environment: Mapping[str, str]) -> Iterator[Limit]:
    """`import hybridml` beside `import pulumi`, and `hybridml --help` beside an empty program."""
    empty = best(["-c", "pass"], environment, _TIMES)
    pulumi = best(["-c", "import pulumi"], environment, _TIMES)
    package = best(["-c", "import hybridml"], environment, _TIMES)
    detail = f"{package.cpu:.2f} s beside {pulumi.cpu:.2f} s"
    yield Limit("import hybridml / import pulumi, CPU", package.cpu / pulumi.cpu, 1.15, detail)
    command = best(["-c", _COMMAND], environment, _TIMES)
    yield Limit(
        "hybridml --help beyond python -c pass, seconds", command.wall - empty.wall, 0.4, f"{command.wall:.2f} s"
    )
