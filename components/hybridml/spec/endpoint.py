"""A model endpoint: what is wanted, wherever it runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from hybridml.spec.batch import Batch
from hybridml.spec.monitors import Capture, Monitors, Slo
from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.scalars import Invoker, Name, Port, Text, VersionName
from hybridml.spec.scaling import Scaling
from hybridml.spec.traffic import Rollout, Traffic
from hybridml.spec.version import Runtime, Version
from hybridml.spec.vocabulary import DataClass, Mode


class Access(Part):
    """Who may ask for predictions. Nobody else can."""

    invokers: tuple[Invoker, ...] = Field(min_length=1, description='Groups of callers: "group:scoring-clients".')

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups' names, without the prefix."""
        return tuple(invoker.partition(":")[2] for invoker in self.invokers)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_twice("invokers", self.invokers))
        return self


class Placement(Part):
    """The targets of the stack that an endpoint runs on."""

    primary: Name = Field(description="Target that serves it.")
    overflow: tuple[Name, ...] = Field((), description="Targets that take what the primary cannot, in this order.")

    @property
    def targets(self) -> tuple[str, ...]:
        """Primary first, then overflow."""
        return (self.primary, *self.overflow)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse([*_twice("overflow", self.overflow), *self._primary_again()])
        return self

    def _primary_again(self) -> Iterator[Finding]:
        for index, target in enumerate(self.overflow):
            if target == self.primary:
                yield Finding(path=("overflow", index), message=f"{target!r} is already the primary", fix="remove it")


def _twice(field: str, words: tuple[str, ...]) -> Iterator[Finding]:
    for index, word in enumerate(words):
        if word in words[:index]:
            yield Finding(path=(field, index), message=f"{word!r} is named twice", fix="name it once")


class EndpointSpec(Part):
    """A model endpoint: versions, traffic, promises. The same for every environment.

    `name` is the stem of its file; `placement`, `instance` and `port` are said by the stack.
    """

    name: Name = Field(description="Name of the endpoint: its file's name without the suffix.")
    api_version: Literal["hybridml/v1"] = Field(
        alias="apiVersion",
        description='Version of this format: "hybridml/v1". Within it no field is renamed or removed.',
    )
    owner: Name = Field(description="Team that answers for the endpoint; becomes a tag or label.")
    data_class: DataClass = Field(
        description="How far the data it sees may travel; on-premises-only never meets a cloud."
    )
    versions: Mapping[VersionName, Version] = Field(min_length=1, description="Every version that traffic may name.")
    runtime: Runtime = Field(Runtime(), description="The program that serves it, and what a replica gets.")
    traffic: Traffic = Field(description="Which version answers which request.")
    scaling: Scaling = Field(Scaling(), description="How many replicas serve a version.")
    rollout: Rollout = Field(Rollout(), description="How a changed version takes over.")
    capture: Capture | None = Field(None, description="What is kept of requests and answers; nothing when left out.")
    monitors: Monitors = Field(Monitors(), description="What looks at captured requests.")
    slo: Slo = Field(Slo(), description="Service levels that raise alarms.")
    access: Access = Field(description="Who may ask for predictions.")
    mode: Mode = Field(Mode.REALTIME, description="How predictions are asked for.")
    batch: Batch | None = Field(None, description="What is predicted, and when. Only for mode: batch, and required.")
    placement: Placement | None = Field(None, description="Targets it runs on. Said by the stack.")
    instance: Text | None = Field(
        None,
        description="Machine type on the primary target, such as ml.c7i.xlarge; by default the target's. "
        "Said by the stack.",
    )
    port: Port | None = Field(
        None, description="Port on 127.0.0.1 where a local target serves it, 1024 to 65535. Said by the stack."
    )

    @property
    def served(self) -> tuple[str, ...]:
        """Versions that variants, routes or the shadow name, each once, in the order they are declared."""
        named = {version for _, version in self.traffic.references()}
        return tuple(version for version in self.versions if version in named)

    @classmethod
    def from_mapping(cls, name: str, source: Mapping[str, object] | Path | str) -> EndpointSpec:
        """The endpoint `name` from a mapping, or from the YAML file at a path.

        Raises `ConfigurationError` with every problem.
        """
        from hybridml.spec.loading import endpoint_from

        return endpoint_from(name, source)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_endpoint_findings(self))
        return self


def dangling(references: Iterable[tuple[tuple[str | int, ...], str]], versions: Collection[str]) -> Iterator[Finding]:
    """A finding for each reference, below `traffic`, to a version that is not declared."""
    for path, version in references:
        if version not in versions:
            known = ", ".join(sorted(versions))
            yield Finding(
                path=("traffic", *path),
                message=f"version {version!r} does not exist",
                fix=f"declared versions: {known}",
            )


def _endpoint_findings(endpoint: EndpointSpec) -> Iterator[Finding]:
    yield from dangling(endpoint.traffic.references(), endpoint.versions)
    if endpoint.scaling.min == 0 and endpoint.mode is Mode.REALTIME:
        yield Finding(
            path=("scaling", "min"), message="a realtime endpoint needs a replica", fix="set min: 1, or another mode"
        )
    yield from _batch_findings(endpoint)
    if endpoint.monitors.enabled and not endpoint.capture:
        names = ", ".join(endpoint.monitors.enabled)
        yield Finding(
            path=("monitors",), message=f"nothing is captured for {names} to look at", fix="add capture.sample"
        )


def _batch_findings(endpoint: EndpointSpec) -> Iterator[Finding]:
    """What only a batch has, and what it cannot have: requests to share out."""
    batch = endpoint.mode is Mode.BATCH
    if batch and not endpoint.batch:
        yield Finding(path=("batch",), message="mode batch needs it", fix="add batch with input and output")
    if endpoint.batch and not batch:
        fix = "set mode: batch, or remove it (`batch: null` in a stack)"
        yield Finding(path=("batch",), message=f"an endpoint of mode {endpoint.mode} predicts no files", fix=fix)
    for field in ("challenger", "routes", "shadow"):
        if batch and getattr(endpoint.traffic, field):
            fix = f"remove it (`{field}: null` in a stack); the champion predicts every row"
            yield Finding(path=("traffic", field), message="a batch has no requests to share out", fix=fix)
