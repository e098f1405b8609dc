"""What a running Envoy says through its admin socket: which version it serves, and why it refused another."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import struct
from pathlib import Path
from typing import Final

from hybridml.provider.http_local import connected, get

CLUSTERS: Final = "cluster_manager.cds"
"""Prefix of the statistics about clusters."""
_WARMING: Final = "cluster_manager.warming_clusters"
_FILTER: Final = (
    r"((cluster_manager\.cds|\.rds\..*)\.(version_text|update_rejected|update_failure)"
    r"|cluster_manager\.warming_clusters)$"
)
_LINE: Final = re.compile(r'(?P<name>\S+): "?(?P<value>[^"]*)"?')
_REFUSAL: Final = re.compile(r"update (?:rejected|failure): (?P<reason>.+)")
_OK, _CREDENTIALS = 200, struct.Struct("3i")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subscription:
    """How Envoy stands to one of its files."""

    version: str
    """`version_info` of the last configuration that it accepted."""
    refused: int
    """How many configurations it refused so far."""
    warming: int = 0
    """Clusters that it accepted and does not use yet, since their servers' health is still asked."""


def subscription(admin: Path, prefix: str) -> Subscription | None:
    """The subscription whose statistics end in `prefix`, or None when Envoy has none. Raises OSError without Envoy."""
    status, body = get(admin, f"/stats?filter={_FILTER}")
    if status != _OK:
        raise OSError(f"Envoy's admin interface answered {status}")
    stats = {found["name"]: found["value"] for line in body.splitlines() if (found := _LINE.fullmatch(line.strip()))}
    ours = {name[name.index(prefix) + len(prefix) + 1 :]: value for name, value in stats.items() if prefix in name}
    if not ours:
        return None
    refused = int(ours.get("update_rejected", "0")) + int(ours.get("update_failure", "0"))
    return Subscription(version=ours.get("version_text", ""), refused=refused, warming=int(stats.get(_WARMING, "0")))


def routes_prefix(name: str) -> str:
    """Prefix of the statistics about the route configuration `name`; Envoy writes colons as underscores."""
    return f".rds.{name.replace(':', '_')}"


def runs(admin: Path | None) -> bool:
    """Whether an Envoy answers on its admin socket."""
    with contextlib.suppress(OSError):
        return admin is not None and get(admin, "/ready", timeout=2.0)[0] > 0
    return False


def listens(admin: Path | None) -> bool:
    """Whether there is an Envoy at all, whether or not it answers: one that hangs goes on where it was."""
    try:
        with connected(admin, timeout=2.0) if admin else contextlib.nullcontext():
            return admin is not None
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        return True


@dataclasses.dataclass(frozen=True)
class LogMark:
    """A place in Envoy's log, to read from there what it says about a refusal."""

    path: Path | None
    offset: int = 0

    def refusal(self) -> str:
        """The last reason given for a refusal since the mark; says where to look when there is none."""
        if self.path is None:
            return "its log says why"
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            said = stream.read().decode(errors="replace")
        reasons = [found["reason"] for line in said.splitlines() if (found := _REFUSAL.search(line))]
        return " ".join(reasons[-1].split()) if reasons else f"see {self.path}"


def mark(admin: Path) -> LogMark:
    """The present end of Envoy's log, found through the process behind the admin socket."""
    with contextlib.suppress(OSError):
        path = _log_of(_peer(admin))
        if path is not None:
            return LogMark(path, path.stat().st_size)
    return LogMark(None)


def _peer(admin: Path) -> int:
    with connected(admin, timeout=2.0) as stream:
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[0])


def _log_of(pid: int) -> Path | None:
    """Where a process writes its errors: a file of its own, or the log of the supervisor above it."""
    own = Path(f"/proc/{pid}/fd/2")
    if own.is_file():
        return own.resolve()
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    parent = stat.rpartition(")")[2].split()[1]
    arguments = Path(f"/proc/{parent}/cmdline").read_bytes().decode(errors="replace").split("\0")
    supervised = any(argument.endswith("supervisor.py") for argument in arguments)
    log = Path(arguments[-2]) / "log" if supervised and len(arguments) > 1 else None
    return log if log is not None and log.is_file() else None
