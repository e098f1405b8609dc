"""`EnvoyConfig`: clusters and routes of a running Envoy, changed without losing a request."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from hybridml.errors import ResourceError
from hybridml.provider import durations, envoy_admin
from hybridml.provider.files import place, write_text
from hybridml.provider.resource import Resource
from hybridml.provider.shape import Failure, wanted

CLUSTERS_FILE: Final = "clusters.json"
ROUTES_FILE: Final = "routes.json"
_TYPES: Final = {
    CLUSTERS_FILE: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    ROUTES_FILE: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
}
_POLL = 0.02
_PRIVATE = 0o600

Message = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvoyConfigInputs:
    """What is asked for."""

    directory: str = wanted(pattern=r"/[^\0]*", like="an absolute path")
    clusters: str = wanted()
    routes: str = wanted()
    admin: str | None = wanted(None, pattern=r"/[^\0]*", like="an absolute path")
    timeout: str = wanted("15s", pattern=durations.PATTERN, like=durations.LIKE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvoyConfigState(EnvoyConfigInputs):
    """What is there."""

    version: str


def _clusters_are_named(inputs: EnvoyConfigInputs) -> Iterator[Failure]:
    yield from _named("clusters", inputs.clusters)


def _one_route_configuration(inputs: EnvoyConfigInputs) -> Iterator[Failure]:
    failures = list(_named("routes", inputs.routes))
    yield from failures
    if not failures and len(json.loads(inputs.routes)) != 1:
        yield Failure(path="routes", reason="must hold exactly one route configuration: Envoy reads no second one")


def _named(path: str, text: str) -> Iterator[Failure]:
    try:
        messages = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        yield Failure(path=path, reason=f"must be JSON: {error}")
        return
    if not isinstance(messages, list) or not all(map(_has_a_name, messages)):
        yield Failure(path=path, reason="must be a JSON list of objects that have a `name`")
        return
    names = [each["name"] for each in messages]
    if len(set(names)) != len(names):
        yield Failure(path=path, reason="must not use a name twice")


def _has_a_name(message: object) -> bool:
    return isinstance(message, dict) and isinstance(name := message.get("name"), str) and name != ""


class EnvoyConfig(Resource[EnvoyConfigInputs, EnvoyConfigState]):
    """Clusters and routes in files that Envoy watches.

    Order: clusters old and new, then routes, then clusters new; each step is confirmed through the admin socket when
    an Envoy listens there. Errors: ResourceError with Envoy's reason; the files are then as they were before.
    """

    inputs = EnvoyConfigInputs
    state = EnvoyConfigState
    replaces_on = frozenset({"directory"})
    rules = (_clusters_are_named, _one_route_configuration)
    foresight: ClassVar[Mapping[str, Any]] = {
        "version": lambda inputs: _version(json.loads(str(inputs.clusters)), json.loads(str(inputs.routes)))
    }

    def identity(self, state: EnvoyConfigState) -> str:
        """The watched folder."""
        return state.directory

    def create(self, inputs: EnvoyConfigInputs) -> EnvoyConfigState:
        """Write the files, step by step where an Envoy reads them."""
        folder, admin = Path(inputs.directory), Path(inputs.admin) if inputs.admin else None
        clusters, routes = json.loads(inputs.clusters), json.loads(inputs.routes)
        if admin is not None and envoy_admin.runs(admin):
            _move(_Files(folder, admin, durations.seconds(inputs.timeout)), clusters, routes)
        else:
            _write(folder / CLUSTERS_FILE, clusters)
            _write(folder / ROUTES_FILE, routes)
        asked = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(inputs)}
        return EnvoyConfigState(**asked, version=_version(clusters, routes))

    def read(self, state: EnvoyConfigState) -> EnvoyConfigState | None:
        """The version of what is in the files now."""
        folder = Path(state.directory)
        if not (folder / CLUSTERS_FILE).exists() and not (folder / ROUTES_FILE).exists():
            return None
        found = _version(_resources(folder / CLUSTERS_FILE), _resources(folder / ROUTES_FILE))
        return dataclasses.replace(state, version=found)

    def drift(self, state: EnvoyConfigState) -> frozenset[str]:
        """The version, when the files hold something else."""
        return frozenset() if self.read(state) == state else frozenset({"version"})

    def delete(self, state: EnvoyConfigState) -> None:
        """Remove the two files, and their folder when nothing else is in it."""
        folder = Path(state.directory)
        for name in (CLUSTERS_FILE, ROUTES_FILE):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


@dataclasses.dataclass(frozen=True)
class _Files:
    """The watched folder of an Envoy that runs."""

    folder: Path
    admin: Path
    timeout: float

    def step(self, file: str, messages: Sequence[Message]) -> None:
        """Write one file and wait until Envoy serves it."""
        prefix = envoy_admin.CLUSTERS if file == CLUSTERS_FILE else envoy_admin.routes_prefix(messages[0]["name"])
        log, before = envoy_admin.mark(self.admin), envoy_admin.subscription(self.admin, prefix)
        version, now = _write(self.folder / file, messages), before
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            now = envoy_admin.subscription(self.admin, prefix)
            if now is not None and now.version == version:
                return
            if now is not None and now.refused > (before.refused if before else 0):
                raise ResourceError(f"Envoy refused {self.folder / file}, the old one stays: {log.refusal()}")
            time.sleep(_POLL)
        reason = "it does not ask for that file" if now is None else f"it still serves {now.version or 'nothing'}"
        raise ResourceError(f"Envoy did not take {self.folder / file} within {self.timeout:g}s: {reason}")

    def saved(self) -> dict[str, list[Message]]:
        """What the two files hold now."""
        return {file: _resources(self.folder / file) for file in (CLUSTERS_FILE, ROUTES_FILE)}


def _move(files: _Files, clusters: Sequence[Message], routes: Sequence[Message]) -> None:
    """From what is served to what is asked for; back again when Envoy refuses a step."""
    before = files.saved()
    names = {cluster["name"] for cluster in clusters}
    both = [*clusters, *(cluster for cluster in before[CLUSTERS_FILE] if cluster["name"] not in names)]
    steps = [functools.partial(files.step, CLUSTERS_FILE, both), functools.partial(files.step, ROUTES_FILE, routes)]
    if len(both) != len(clusters):
        steps.append(functools.partial(files.step, CLUSTERS_FILE, clusters))
    try:
        for step in steps:
            step()
    except (ResourceError, OSError):
        _put_back(files, before)
        raise


def _put_back(files: _Files, before: Mapping[str, list[Message]]) -> None:
    """The old files, clusters last, since the routes that need the new ones may be served."""
    for file in (ROUTES_FILE, CLUSTERS_FILE):
        if before[file]:
            with contextlib.suppress(ResourceError, OSError):
                files.step(file, before[file])
        else:
            (files.folder / file).unlink(missing_ok=True)


def _write(path: Path, messages: Sequence[Message]) -> str:
    """Rename a discovery response into place; the version that Envoy will report."""
    version = _version(messages)
    resources = [{"@type": _TYPES[path.name], **message} for message in messages]
    text = json.dumps({"version_info": version, "resources": resources}, indent=1, sort_keys=True)
    place(path, lambda part: write_text(part, text), _PRIVATE)
    return version


def _resources(path: Path) -> list[Message]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["resources"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [{key: value for key, value in each.items() if key != "@type"} for each in found]


def _version(*parts: Sequence[Message]) -> str:
    plain = [[{key: value for key, value in each.items() if key != "@type"} for each in part] for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
