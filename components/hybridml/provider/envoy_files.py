"""The files that a running Envoy watches, changed step by step so that no request is lost."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hybridml.errors import ResourceError
from hybridml.provider import envoy_admin
from hybridml.provider.files import place, write_text

CLUSTERS_FILE: Final = "clusters.json"
ROUTES_FILE: Final = "routes.json"
_TYPES: Final = {
    CLUSTERS_FILE: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    ROUTES_FILE: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
}
_POLL = 0.02
_PRIVATE = 0o600

Message = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Clusters and the one route table of an Envoy."""

    clusters: Sequence[Message]
    routes: Sequence[Message]

    @property
    def version(self) -> str:
        """Digest of both."""
        return _version(self.clusters, self.routes)

    def with_clusters_of(self, other: Configuration) -> Configuration:
        """The same routes, and the clusters of both; one that both have is as it is here."""
        names = {cluster["name"] for cluster in self.clusters}
        return Configuration(
            clusters=[*self.clusters, *(each for each in other.clusters if each["name"] not in names)],
            routes=self.routes,
        )

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {"clusters": list(self.clusters), "routes": list(self.routes)}


@dataclass(frozen=True, kw_only=True)
class EnvoyFiles:
    """The watched folder of one Envoy."""

    folder: Path
    admin: Path | None
    """Its admin socket, where each step is confirmed while it runs."""
    timeout: float
    """Seconds that Envoy may take to accept one step."""

    def saved(self) -> Configuration:
        """What the two files hold now; empty where they are missing."""
        return Configuration(
            clusters=_resources(self.folder / CLUSTERS_FILE), routes=_resources(self.folder / ROUTES_FILE)
        )

    def exist(self) -> bool:
        """Whether any of the two files is there."""
        return (self.folder / CLUSTERS_FILE).exists() or (self.folder / ROUTES_FILE).exists()

    def runs(self) -> bool:
        """Whether an Envoy answers on the admin socket."""
        return envoy_admin.runs(self.admin)

    def listens(self) -> bool:
        """Whether there is an Envoy, be it one that does not answer now."""
        return envoy_admin.listens(self.admin)

    def move(self, wanted: Configuration) -> None:
        """From what is served to `wanted`: clusters of both, routes, clusters of `wanted`.

        Errors: `ResourceError` with Envoy's reason when it refuses a step; the files are then as they were before.
        """
        before = self.saved()
        both = wanted.with_clusters_of(before)
        steps = [
            functools.partial(self.put, CLUSTERS_FILE, both.clusters),
            functools.partial(self.put, ROUTES_FILE, wanted.routes),
        ]
        if len(both.clusters) != len(wanted.clusters):
            steps.append(functools.partial(self.put, CLUSTERS_FILE, wanted.clusters))
        try:
            for step in steps:
                step()
        except (ResourceError, OSError):
            self._put_back(before)
            raise

    def restore(self, before: Configuration) -> None:
        """Back to `before`, whose servers still run, whatever is served now.

        Errors: `ResourceError` when Envoy does not take it; the files hold `before` all the same.
        """
        both = before.with_clusters_of(self.saved())
        failed: list[Exception] = []
        for file, messages in (
            (CLUSTERS_FILE, both.clusters),
            (ROUTES_FILE, before.routes),
            (CLUSTERS_FILE, before.clusters),
        ):
            try:
                self.put(file, messages)
            except (ResourceError, OSError) as error:
                _write(self.folder / file, messages)
                failed.append(error)
        if failed:
            raise ResourceError(str(failed[0]))

    def put(self, file: str, messages: Sequence[Message]) -> None:
        """Write one file and, where an Envoy runs, wait until it serves it."""
        if self.admin is None or not self.runs():
            _write(self.folder / file, messages)
            return
        prefix = envoy_admin.CLUSTERS if file == CLUSTERS_FILE else envoy_admin.routes_prefix(messages[0]["name"])
        log, before = envoy_admin.mark(self.admin), envoy_admin.subscription(self.admin, prefix)
        version, now = _write(self.folder / file, messages), before
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            now = envoy_admin.subscription(self.admin, prefix)
            if now is not None and now.version == version and not now.warming:
                return
            if now is not None and now.refused > (before.refused if before else 0):
                raise ResourceError(f"Envoy refused {self.folder / file}, the old one stays: {log.refusal()}")
            time.sleep(_POLL)
        reason = "it does not ask for that file" if now is None else f"it still serves {now.version or 'nothing'}"
        raise ResourceError(f"Envoy did not take {self.folder / file} within {self.timeout:g}s: {reason}")

    def remove(self) -> None:
        """Remove the two files, and their folder when nothing else is in it."""
        for name in (CLUSTERS_FILE, ROUTES_FILE):
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _put_back(self, before: Configuration) -> None:
        """The old files, clusters last, since the routes that need the new ones may be served."""
        for file, messages in ((ROUTES_FILE, before.routes), (CLUSTERS_FILE, before.clusters)):
            if messages:
                with contextlib.suppress(ResourceError, OSError):
                    self.put(file, messages)
            else:
                (self.folder / file).unlink(missing_ok=True)


def _write(path: Path, messages: Sequence[Message]) -> str:
    """Rename a discovery response into place; the version that Envoy will report."""
    version = _version(messages)
    resources = [{"@type": _TYPES[path.name], **message} for message in messages]
    text = json.dumps({"version_info": version, "resources": resources}, indent=1, sort_keys=True)
    place(path, lambda part: write_text(part, text), _PRIVATE)
    return version


def _resources(path: Path) -> list[Message]:
    """What the file holds; nothing where it is none that we wrote, and Envoy would take."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["resources"]
        return [{key: value for key, value in each.items() if key != "@type"} for each in found if each["name"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _version(*parts: Sequence[Message]) -> str:
    plain = [[{key: value for key, value in each.items() if key != "@type"} for each in part] for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
