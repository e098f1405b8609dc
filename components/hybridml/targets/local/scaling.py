"""Replicas that come and go: which of an endpoint's servers may have a pause, and the process that decides it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from hybridml.provider.scaler import ORDERS, Orders, Version
from hybridml.provider.scaling import Bounds, Policy, Schedule
from hybridml.provider.sdk import HostService, HostServiceArgs
from hybridml.proxy.clusters import HEALTH_PATH, cluster_name, direct_name, shadow_name

if TYPE_CHECKING:
    from hybridml.spec.scaling import Scaling


def always(scaling: Scaling) -> int:
    """How many replicas of a version are never paused, whatever the time and the load."""
    return min(scaling.min, *(schedule.min for schedule in scaling.schedules), scaling.most)


def policy(scaling: Scaling) -> Policy:
    """What the specification says about scaling, as the scaler understands it."""
    return Policy(
        bounds=Bounds(scaling.min, scaling.max),
        requests_per_replica=scaling.requests_per_replica,
        schedules=tuple(
            Schedule(cron=str(each.cron), timezone=each.timezone, bounds=Bounds(each.min, each.max))
            for each in scaling.schedules
        ),
    )


def scaler(
    name: str,
    *,
    scaling: Scaling,
    directory: Path,
    admin: Path,
    rollout: Path,
    servers: Mapping[str, Sequence[HostService]],
    revisions: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> HostService:
    """Creates the process that pauses and resumes `servers`, by version; ready once those that it wants are ready.

    `admin` is Envoy's socket, `rollout` the file that is there while a version takes over.
    It is replaced when the servers are, and the new one takes over from the old one without a word to either Envoy or
    the servers.
    """
    instances: Any = {version: [server.instance for server in each] for version, each in servers.items()}
    known: pulumi.Output[Any] = pulumi.Output.all(instances, dict(revisions))

    def orders(found: Sequence[Mapping[str, Any]]) -> str:
        return Orders(
            directory=str(directory),
            admin=str(admin),
            health=HEALTH_PATH,
            policy=policy(scaling),
            versions=_versions(*found),
            rollout=str(rollout),
        ).to_json()

    return HostService(
        name,
        HostServiceArgs(
            argv=[sys.executable, "-m", "hybridml.provider.scaler", "{instance}"],
            env={ORDERS: known.apply(orders)},
            directory=str(directory),
            socket=True,
            start_timeout="180s",
        ),
        opts,
    )


def _versions(instances: Mapping[str, Sequence[str]], revisions: Mapping[str, str]) -> dict[str, Version]:
    return {
        version: Version(clusters=_clusters(revisions[version]), instances=tuple(each))
        for version, each in instances.items()
    }


def _clusters(revision: str) -> tuple[str, ...]:
    return (cluster_name(revision), direct_name(revision), shadow_name(revision))
