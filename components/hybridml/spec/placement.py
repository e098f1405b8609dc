"""Rules between a stack's targets and the endpoints placed on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from posixpath import normpath

from hybridml.spec.closest import closest
from hybridml.spec.endpoint import EndpointSpec, Placement
from hybridml.spec.part import Finding
from hybridml.spec.target import LocalTarget, TargetSpec
from hybridml.spec.vocabulary import DataClass
from hybridml.spec.written import Path


def unknown_targets(placements: Mapping[str, Placement], targets: Mapping[str, object]) -> Iterator[Finding]:
    """A finding for each placement on a target that the stack does not have."""
    named = (
        (("endpoints", name, "placement", *path), target)
        for name, placement in placements.items()
        for path, target in placed_at(placement)
    )
    yield from dangling_targets(named, targets)


def dangling_targets(named: Iterable[tuple[Path, str]], targets: Collection[str]) -> Iterator[Finding]:
    """A finding for each path that names a target which is not among `targets`."""
    for path, target in named:
        if target not in targets:
            meant = closest(target, targets)
            hint = f"did you mean {meant!r}? " if meant else ""
            known = ", ".join(sorted(targets)) or "none"
            yield Finding(
                path=path, message=f"target {target!r} does not exist", fix=f"{hint}targets of the stack: {known}"
            )


def placed_at(placement: Placement) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and name of each target that `placement` names."""
    yield ("primary",), placement.primary
    for index, target in enumerate(placement.overflow):
        yield ("overflow", index), target


def forbidden_clouds(endpoints: Mapping[str, EndpointSpec], targets: Mapping[str, TargetSpec]) -> Iterator[Finding]:
    """A finding for each placement that would take on-premises-only data to a cloud."""
    for name, endpoint in endpoints.items():
        if endpoint.data_class is not DataClass.ON_PREMISES_ONLY or endpoint.placement is None:
            continue
        for path, target in placed_at(endpoint.placement):
            if target in targets and not targets[target].on_premises:
                yield Finding(
                    path=("endpoints", name, "placement", *path),
                    message=f"target {target!r} is a cloud, and the data of {name} is on-premises-only",
                    fix="place it on a local target, or on a Kubernetes target with location: on-premises",
                )


def taken_ports(endpoints: Mapping[str, EndpointSpec], targets: Mapping[str, TargetSpec]) -> Iterator[Finding]:
    """A finding for each endpoint whose port another endpoint or a registry of this machine has."""
    owners: dict[int, str] = {}
    for name, target in _local(targets):
        owner = owners.setdefault(target.registry_port, f"the registry of {name}")
        if owner != f"the registry of {name}":
            yield _taken(("targets", name, "registry_port"), target.registry_port, owner)
    for name, endpoint in endpoints.items():
        if endpoint.port is None or not _on_this_machine(endpoint, targets):
            continue
        owner = owners.setdefault(endpoint.port, name)
        if owner != name:
            yield _taken(("endpoints", name, "port"), endpoint.port, owner)


def _taken(path: Path, port: int, owner: str) -> Finding:
    return Finding(path=path, message=f"port {port} is already that of {owner}", fix="choose another")


def shared_outputs(endpoints: Mapping[str, EndpointSpec]) -> Iterator[Finding]:
    """A finding for each endpoint whose batch writes where another one's does, and would hide its newest result."""
    owners: dict[str, str] = {}
    for name, endpoint in endpoints.items():
        if endpoint.batch is None:
            continue
        owner = owners.setdefault(normpath(endpoint.batch.output), name)
        if owner != name:
            said = f"batch.output {endpoint.batch.output} is already that of {owner}"
            yield Finding(path=("endpoints", name), message=said, fix="give each endpoint a folder of its own")


def with_ports(endpoints: Mapping[str, EndpointSpec], targets: Mapping[str, TargetSpec]) -> dict[str, EndpointSpec]:
    """`endpoints`, each on a local target with the port it said, or else the next free one of the target."""
    taken = {endpoint.port for endpoint in endpoints.values()} | {target.registry_port for _, target in _local(targets)}
    result: dict[str, EndpointSpec] = {}
    for name, endpoint in endpoints.items():
        local = _on_this_machine(endpoint, targets)
        if local is None or endpoint.port is not None:
            result[name] = endpoint
            continue
        port = next(port for port in (*range(local.port, 65536), *range(1024, local.port)) if port not in taken)
        taken.add(port)
        result[name] = endpoint.model_copy(update={"port": port})
    return result


def _local(targets: Mapping[str, TargetSpec]) -> Iterator[tuple[str, LocalTarget]]:
    return ((name, target) for name, target in targets.items() if isinstance(target, LocalTarget))


def _on_this_machine(endpoint: EndpointSpec, targets: Mapping[str, TargetSpec]) -> LocalTarget | None:
    names = endpoint.placement.targets if endpoint.placement else ()
    placed = (targets.get(name) for name in names)
    return next((target for target in placed if isinstance(target, LocalTarget)), None)
