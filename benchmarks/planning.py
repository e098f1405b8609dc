"""Planning a foreign program beside the same program on the SDK's own mocks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.measuring import Limit, run

_CPU = {100: 0.8, 500: 0.6, 1000: 0.6}
"""Components to the share of the baseline's CPU that planning may take."""
_MEMORY = 1.2
_LINEAR = 1.15
_REPEATED = 100
"""Up to this size the best of three counts; larger ones are long enough to need no repetition."""

Figures = Mapping[str, Any]


def planning(environment: Mapping[str, str], sizes: Sequence[int]) -> Iterator[Limit]:
    """CPU, memory, growth, and the same resource graph."""
    _measure("stock", 1, environment)
    found: dict[int, Figures] = {}
    for size in sizes:
        ours, stock = (_best(subject, size, environment) for subject in ("ours", "stock"))
        found[size] = ours
        print(f"{size:5} components: {_shown(ours)} beside {_shown(stock)}", file=sys.stderr)
        if size in _CPU:
            detail = f"{ours['cpu']:.2f} s beside {stock['cpu']:.2f} s"
            yield Limit(f"plan of {size} components / stock mocks, CPU", ours["cpu"] / stock["cpu"], _CPU[size], detail)
        detail = f"{ours['mib']:.0f} MiB beside {stock['mib']:.0f} MiB"
        yield Limit(f"plan of {size} components / stock mocks, memory", ours["mib"] / stock["mib"], _MEMORY, detail)
    if {100, 1000} <= found.keys():
        yield _growth(found, _best("ours", 1, environment))
    yield _same_graph(environment)


def _growth(found: Mapping[int, Figures], start: Figures) -> Limit:
    small, large = ((found[size]["cpu"] - start["cpu"]) / (size - 1) for size in (100, 1000))
    detail = f"{large * 125:.2f} ms beside {small * 125:.2f} ms a resource"
    return Limit("cost per resource at 1000 components / at 100", large / small, _LINEAR, detail)


def _same_graph(environment: Mapping[str, str]) -> Limit:
    """URNs, parents and dependencies, compared by digest; 0 when they are the same."""
    ours, stock = (_measure(subject, 100, environment, "--graph") for subject in ("ours", "stock"))
    different = float(ours["digest"] != stock["digest"])
    return Limit("graph differs from that of stock mocks", different, 0.0, f"{ours['resources']} resources")


def _best(subject: str, size: int, environment: Mapping[str, str]) -> Figures:
    times = 3 if size <= _REPEATED else 1
    return min((_measure(subject, size, environment) for _ in range(times)), key=lambda figures: figures["cpu"])


def _measure(subject: str, size: int, environment: Mapping[str, str], *flags: str) -> Figures:
    done = run(["-m", "benchmarks.subjects", subject, str(size), *flags], environment)
    figures: Figures = json.loads(done.output.splitlines()[-1])
    return figures


def _shown(figures: Figures) -> str:
    return f"{figures['cpu']:.2f} s CPU, {figures['mib']:.0f} MiB"
