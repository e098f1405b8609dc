"""`hybridml doctor`: everything that would stop a stack, before it does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hybridml.cli import checks, deployed, output, place
from hybridml.cli.checks import Check, Result
from hybridml.cli.options import Format
from hybridml.errors import ConfigurationError, HybridMLError

if TYPE_CHECKING:
    from hybridml.cli.place import Place
    from hybridml.spec import PlatformSpec, TargetSpec

_SIGNS = {Result.OK: "ok", Result.WARNING: "warning", Result.PROBLEM: "PROBLEM"}


def doctor(folder: Path | None, stack: str | None, format_: Format) -> int:
    """Looks, prints what it saw with the fix for each problem, and returns the exit status."""
    here = place.find(folder)
    name = here.one(stack) if stack is not None else None
    seen = list(_checks(here, name))
    healthy = all(check.result is not Result.PROBLEM for check in seen)
    if format_ is Format.JSON:
        report = {"version": 1, "stack": name, "healthy": healthy, "checks": [asdict(check) for check in seen]}
        output.write(output.as_json(report))
    else:
        output.write(output.table([(_SIGNS[check.result], check.name, check.seen) for check in seen]))
        output.write("".join(f"\n{check.name}: {check.fix}" for check in seen if check.fix) + "\n")
    return 0 if healthy else 1


def _checks(here: Place, stack: str | None) -> Iterator[Check]:
    yield from checks.of_machine(here)
    if stack is None:
        yield checks.of_pulumi(needed=False)
        return
    yield from checks.of_state(here, stack)
    platform, verdict = _configuration(here, stack)
    yield verdict
    targets = platform.stack.targets if platform else {}
    yield checks.of_pulumi(needed=any(target.kind != "local" for target in targets.values()))
    for name, target in sorted(targets.items()):
        yield from _target(name, target)
    if platform:
        yield from _ports(here, stack, platform)


def _configuration(here: Place, stack: str) -> tuple[PlatformSpec | None, Check]:
    """The stack as its files describe it, and whether they can be used."""
    if not here.endpoints.is_dir():
        seen = "the program's own; no endpoint files in this project"
        return None, Check(name="configuration", result=Result.OK, seen=seen)
    try:
        platform = here.specification(stack)
    except ConfigurationError as error:
        fix = f"correct them; hybridml plan -s {stack} says the same"
        return None, Check(name="configuration", result=Result.PROBLEM, seen=str(error), fix=fix)
    seen = f"{len(platform.endpoints)} endpoints on {len(platform.stack.targets)} targets"
    return platform, Check(name="configuration", result=Result.OK, seen=seen)


def _target(name: str, target: TargetSpec) -> Iterator[Check]:
    from hybridml.spec import AwsTarget, GcpTarget, KubernetesTarget

    if isinstance(target, KubernetesTarget):
        yield checks.of_kubernetes(name, target.context, os.environ)
    elif isinstance(target, AwsTarget):
        yield checks.of_aws(name, os.environ)
    elif isinstance(target, GcpTarget):
        yield checks.of_gcp(name, os.environ)
    else:
        yield from checks.of_local_programs()


def _ports(here: Place, stack: str, platform: PlatformSpec) -> Iterator[Check]:
    """The ports of this machine that the stack's local targets listen on."""
    try:
        found = deployed.find(here, stack)
    except HybridMLError:
        found = None  # an unreadable state is a check of its own
    for port, what in sorted(local_ports(platform).items()):
        yield checks.of_port(port, what, ours=found is not None)


def local_ports(platform: PlatformSpec) -> dict[int, str]:
    """Port to what listens there, of every local target of the stack."""
    from hybridml.spec import LocalTarget

    ports: dict[int, str] = {}
    for placed in platform.placed():
        if isinstance(placed.target, LocalTarget):
            ports[placed.target.registry_port] = f"registry of {placed.target_name}"
            ports[placed.endpoint.port or placed.target.port] = placed.endpoint.name
    return ports
