"""What the page of a plan says about endpoints: the specification and the targets' answers, as finished cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hybridml.report.cards import EndpointCard, Fact, Promise, Share, Version

if TYPE_CHECKING:
    from hybridml.cli.place import Place
    from hybridml.spec import EndpointSpec, Placed, PlatformSpec, TargetSpec

_PLACE_WORDS = ("context", "region", "account", "project", "location")
"""Fields of a target that say where it is."""


def cards(here: Place, stack: str, plan: Mapping[str, Any]) -> tuple[EndpointCard, ...]:
    """A card for each endpoint that the stack's files place; none for a program without endpoint files."""
    if not here.endpoints.is_dir() or not here.project.stack_file(stack).is_file():
        return ()
    spec = here.specification(stack)
    return tuple(_card(placed, spec, plan) for placed in spec.placed() if placed.primary)


def _card(placed: Placed, platform: PlatformSpec, plan: Mapping[str, Any]) -> EndpointCard:
    endpoint, target = placed.endpoint, placed.target
    sources = _Sources(platform, endpoint.name)
    return EndpointCard(
        name=endpoint.name,
        kind=str(target.kind),
        where=_where(placed.target_name, target),
        address=_address(plan, endpoint.name),
        source=sources.of("apiVersion"),
        shares=tuple(_shares(endpoint, sources)),
        versions=tuple(_versions(endpoint, sources)),
        facts=tuple(_facts(endpoint, sources)),
        promises=tuple(_promises(endpoint, target)),
    )


class _Sources:
    """Where the values of one endpoint were written."""

    def __init__(self, platform: PlatformSpec, endpoint: str) -> None:
        self._sources = platform.sources.get(endpoint, {})

    def of(self, path: str) -> str:
        """`file:line` of the value at `path`, or of the first inside it; empty for a default."""
        inside = (s for key, s in self._sources.items() if key == path or key.startswith(f"{path}."))
        found = next(inside, None)
        return "" if found is None else f"{found.file}:{found.line}" if found.line else found.file


def _where(name: str, target: TargetSpec) -> str:
    said = [str(value) for field in _PLACE_WORDS if (value := getattr(target, field, None))]
    residency = getattr(target, "residency", None)
    return ", ".join(dict.fromkeys([name, *said, *([f"data stays in {residency}"] if residency else [])]))


def _address(plan: Mapping[str, Any], endpoint: str) -> str:
    """Where the plan says that the endpoint answers."""
    found: Any = plan.get("outputs")
    for key in ("endpoints", endpoint, "url"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def _shares(endpoint: EndpointSpec, sources: _Sources) -> Iterator[Share]:
    for name, variant in endpoint.traffic.variants.items():
        yield Share(
            name=name, version=variant.version, percent=float(variant.weight), source=sources.of(f"traffic.{name}")
        )


def _versions(endpoint: EndpointSpec, sources: _Sources) -> Iterator[Version]:
    for name in endpoint.served:
        version = endpoint.versions[name]
        yield Version(
            name=name,
            format=str(version.format),
            artifact=version.artifact.uri,
            digest=version.artifact.sha256 or "",
            source=sources.of(f"versions.{name}"),
        )


def _facts(endpoint: EndpointSpec, sources: _Sources) -> Iterator[Fact]:
    written = {
        "batch": ("batch", _batch(endpoint)),
        "shadow": ("traffic.shadow", _shadow(endpoint)),
        "routes": ("traffic.routes", _routes(endpoint)),
        "rollout": ("rollout", _rollout(endpoint)),
        "scaling": ("scaling", _scaling(endpoint)),
        "access": ("access", ", ".join(endpoint.access.invokers)),
        "capture": ("capture", _capture(endpoint)),
        "levels": ("slo", _levels(endpoint)),
        "owner": ("owner", f"{endpoint.owner}, {endpoint.data_class} data"),
    }
    for label, (path, value) in written.items():
        if value:
            yield Fact(label=label, value=value, source=sources.of(path))


def _batch(endpoint: EndpointSpec) -> str:
    batch = endpoint.batch
    if batch is None:
        return ""
    times = f", at {batch.schedule} {batch.timezone}" if batch.schedule else ""
    return f"{batch.input} to {batch.output}{times}"


def _shadow(endpoint: EndpointSpec) -> str:
    shadow = endpoint.traffic.shadow
    return f"version {shadow.version} gets copies of {shadow.sample:g} % of the requests" if shadow else ""


def _routes(endpoint: EndpointSpec) -> str:
    said = (
        f"{' and '.join(f'{name}: {value}' for name, value in route.header.items())} to version {route.version}"
        for route in endpoint.traffic.routes
    )
    return "; ".join(said)


def _rollout(endpoint: EndpointSpec) -> str:
    if "rollout" not in endpoint.model_fields_set:
        return ""
    rollout = endpoint.rollout
    said = [str(rollout.strategy)]
    if rollout.steps:
        said.append(f"{', '.join(f'{step:g}' for step in rollout.steps)} %, each for {rollout.bake}")
    if "abort_on" in rollout.model_fields_set:
        gates = [f"{gate} {value:g}" for gate, value in rollout.abort_on if value is not None]
        said.append(f"ends on {', '.join(gates)}")
    return "; ".join(said)


def _scaling(endpoint: EndpointSpec) -> str:
    scaling = endpoint.scaling
    count = f"{scaling.min}" if scaling.min == scaling.max else f"{scaling.min} to {scaling.max}"
    many = "replica" if scaling.max == 1 else "replicas"
    schedules = f", {len(scaling.schedules)} schedules" if scaling.schedules else ""
    return f"{count} {many} per version{schedules}"


def _capture(endpoint: EndpointSpec) -> str:
    capture = endpoint.capture
    return f"{capture.sample:g} % of the requests, {capture.retention_days} days" if capture else ""


def _levels(endpoint: EndpointSpec) -> str:
    return ", ".join(f"{level} {value:g}" for level, value in endpoint.slo if isinstance(value, int | float))


def _promises(endpoint: EndpointSpec, target: TargetSpec) -> Iterator[Promise]:
    from hybridml.targets.asks import asks
    from hybridml.targets.base import Refusal, find

    asked = asks(endpoint)
    for promise, answer in find(str(target.kind)).promises.items():
        refusal = answer if isinstance(answer, Refusal) else None
        yield Promise(
            name=promise.value,
            asked=promise in asked,
            refusal=refusal.reason if refusal else "",
            fix=refusal.fix if refusal else "",
        )
