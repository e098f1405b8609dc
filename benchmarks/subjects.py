"""What is measured, each in a process of its own: `python -m benchmarks.subjects SUBJECT COMPONENTS`.

Prints one line of JSON: CPU seconds, wall seconds, peak memory, and with `--graph` a digest of the resource graph.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import runpy
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "program"
STACK = "bench"

Graph = dict[str, tuple[str, list[str]]]
"""URN to parent and dependencies."""


def ours(components: int, *, graph: bool) -> Graph:
    """Plan the program with this library's engine."""
    from hybridml.engine.program import plan

    made = plan(PROGRAM, STACK, config={"components": components})
    return {r.urn: (r.parent, list(r.dependencies)) for r in made.resources} if graph else {}


def stock(components: int, *, graph: bool) -> Graph:
    """Run the program on the SDK's own mocks."""
    import pulumi
    from pulumi.runtime import mocks
    from pulumi.runtime.stack import run_pulumi_func

    class Echo(mocks.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            made_up = {name: f"{args.name}-{name}" for name in ("arn", "url", "name", "keyId")}
            return f"{args.name}-id", {**made_up, **args.inputs}

        def call(self, args: mocks.MockCallArgs) -> Any:
            return {}

    found: Graph = {}

    class Recorder(mocks.MockMonitor):
        def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - Pulumi's name
            response = super().RegisterResource(request)
            found[response.urn] = (request.parent, sorted(request.dependencies))
            return response

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_all_config({"components:components": str(components)})
    mocked = Echo()
    monitor = Recorder(mocked) if graph else None
    pulumi.runtime.set_mocks(mocked, project="components", stack=STACK, monitor=monitor)
    program = run_pulumi_func(lambda: runpy.run_path(str(PROGRAM), run_name="__main__") and None)
    loop.run_until_complete(program)
    named = {_as_named(urn): (_as_named(parent), list(map(_as_named, urns))) for urn, (parent, urns) in found.items()}
    return {urn: edges for urn, edges in named.items() if not urn.endswith(f"components-{STACK}")}


def _as_named(urn: str) -> str:
    """The engine leaves the stack's type out of its children's URNs; the mocks do not."""
    return urn.replace("pulumi:pulumi:Stack$", "")


def digest(graph: Graph) -> str:
    """One text for a whole graph."""
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()


def main() -> None:
    """Measure one subject once."""
    subject, components = sys.argv[1], int(sys.argv[2])
    graph = "--graph" in sys.argv
    started = time.perf_counter()
    found = {"ours": ours, "stock": stock}[subject](components, graph=graph)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "mib": usage.ru_maxrss / 1024,
        "resources": len(found),
        "digest": digest(found) if graph else "",
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
