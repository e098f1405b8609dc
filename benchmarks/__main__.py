"""Measures planning, start-up, the route, capture and an idle `up` against their limits; fails when one is missed.

python -m benchmarks [--components 10,100,500,1000] [--only routing]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measuring import Limit, clean_environment
from benchmarks.planning import planning
from benchmarks.routing import routing
from benchmarks.starting import starting
from benchmarks.updating import updating


def main() -> int:
    """Print one line per limit; 1 when any was missed."""
    parser = argparse.ArgumentParser(description="Measure planning and start-up against their baselines.")
    parser.add_argument("--components", default="10,100,500,1000", help="sizes of the planned program")
    parser.add_argument("--only", choices=("starting", "planning", "routing", "updating"), help="just one of them")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.components.split(",")]
    with tempfile.TemporaryDirectory(prefix="hybridml-bench-") as scratch:
        environment = clean_environment(scratch)
        measured: dict[str, Callable[[], Iterator[Limit]]] = {
            "starting": lambda: starting(environment),
            "planning": lambda: planning(environment, sizes),
            "routing": lambda: routing(environment, Path(scratch)),
            "updating": lambda: updating(environment, Path(scratch)),
        }
        chosen = [measured[arguments.only]] if arguments.only else list(measured.values())
        limits = [limit for measure in chosen for limit in measure()]
    for limit in limits:
        print(limit)
    missed = sum(not limit.kept for limit in limits)
    print(f"{len(limits) - missed} of {len(limits)} limits kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
