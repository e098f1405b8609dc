"""Measures planning, start-up and an idle `up` against their baselines, and fails when a limit is missed.

python -m benchmarks [--components 10,100,500,1000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import clean_environment
from benchmarks.planning import planning
from benchmarks.starting import starting
from benchmarks.updating import updating


def main() -> int:
    """Print one line per limit; 1 when any was missed."""
    parser = argparse.ArgumentParser(description="Measure planning and start-up against their baselines.")
    parser.add_argument("--components", default="10,100,500,1000", help="sizes of the planned program")
    sizes = [int(size) for size in parser.parse_args().components.split(",")]
    with tempfile.TemporaryDirectory(prefix="hybridml-bench-") as scratch:
        environment = clean_environment(scratch)
        limits = [*starting(environment), *planning(environment, sizes), *updating(environment, Path(scratch))]
    for limit in limits:
        print(limit)
    missed = sum(not limit.kept for limit in limits)
    print(f"{len(limits) - missed} of {len(limits)} limits kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
