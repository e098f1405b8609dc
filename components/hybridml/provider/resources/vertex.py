"""`VertexModel` and `VertexDeployment`: what the GCP provider cannot upload, deploy, split or undeploy."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hybridml.provider.resource import PlannedOnly
from hybridml.provider.shape import Failure, wanted

_PROJECT: dict[str, Any] = {"pattern": r"[a-z][a-z0-9-]{4,28}[a-z0-9]|\d+", "like": "a project id or number"}
_LOCATION: dict[str, Any] = {"pattern": r"[a-z]+-[a-z]+\d+", "like": "a region: europe-west3"}
_ACCOUNT: dict[str, Any] = {"pattern": r"[^@\s]+@[^@\s]+\.gserviceaccount\.com", "like": "a service account's address"}
_ROUTE: dict[str, Any] = {"pattern": r"/\S*", "like": "a path that begins with /"}
_MODEL: Final = r"projects/[^/]+/locations/[^/]+/models/[^/]+"
_LABEL_KEY: Final = r"[a-z][a-z0-9_-]{0,62}"
_LABEL_VALUE: Final = r"[a-z0-9_-]{0,63}"
_MOST_LABELS, _HUNDRED = 64, 100
_WAY_OUT: Final = (
    "Until it can, plan and check the stack as it is, serve it from a stack on another target, or run "
    "`gcloud ai {command}` with the planned values."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexContainer:
    """The serving container. Source: Vertex AI API v1, `ModelContainerSpec`."""

    image_uri: str = wanted(minimum=1)
    predict_route: str = wanted("/invocations", **_ROUTE)
    health_route: str = wanted("/ping", **_ROUTE)
    port: int = wanted(8080, minimum=1, maximum=65535)
    command: tuple[str, ...] = wanted(())
    args: tuple[str, ...] = wanted(())
    env: Mapping[str, str] = wanted({}, maximum=100)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexModelInputs:
    """What is asked for."""

    project: str = wanted(**_PROJECT)
    location: str = wanted(**_LOCATION)
    display_name: str = wanted(minimum=1, maximum=128)
    artifact_uri: str = wanted(pattern=r"gs://.+", like="a gs:// address")
    container: VertexContainer = wanted()  # noqa: RUF009 - `wanted` makes a dataclass field
    description: str | None = wanted(None)
    sha256: str | None = wanted(None, pattern=r"[0-9a-f]{64}", like="64 lower-case hexadecimal digits")
    service_account: str | None = wanted(None, **_ACCOUNT)
    encryption_key: str | None = wanted(
        None,
        pattern=r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+",
        like="projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>",
    )
    labels: Mapping[str, str] = wanted({}, maximum=_MOST_LABELS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexModelState(VertexModelInputs):
    """What is there."""

    model: str
    model_version: str


def _labels_are_labels(inputs: VertexModelInputs) -> Iterator[Failure]:
    for key, value in inputs.labels.items():
        if not re.fullmatch(_LABEL_KEY, key) or not re.fullmatch(_LABEL_VALUE, str(value)):
            reason = "must be up to 63 lower-case letters, digits, - and _, the key beginning with a letter"
            yield Failure(path=f'labels["{key}"]', reason=reason)


def _key_lies_in_the_region(inputs: VertexModelInputs) -> Iterator[Failure]:
    if inputs.encryption_key is not None and f"/locations/{inputs.location}/" not in inputs.encryption_key:
        yield Failure(path="encryptionKey", reason=f"must lie in the model's region, {inputs.location}")


class VertexModel(PlannedOnly[VertexModelInputs, VertexModelState]):
    """A model in Vertex AI's registry: artifact, container, routes, key."""

    inputs = VertexModelInputs
    state = VertexModelState
    replaces_on = frozenset(
        {"project", "location", "artifact_uri", "container", "sha256", "encryption_key", "service_account"}
    )
    stable = frozenset({"model", "model_version"})
    rules = (_labels_are_labels, _key_lies_in_the_region)
    way_out = _WAY_OUT.format(command="models upload")

    def identity(self, state: VertexModelState) -> str:
        """The model's full name."""
        return state.model


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployedModel:
    """One variant. Source: Vertex AI API v1, `DeployedModel`, `DedicatedResources`, `MachineSpec`."""

    name: str = wanted(pattern=r"[a-z][a-z0-9-]{0,62}", like="up to 63 lower-case letters, digits and hyphens")
    model: str = wanted(pattern=_MODEL, like="projects/<project>/locations/<location>/models/<id>")
    traffic_percent: int = wanted(minimum=0, maximum=_HUNDRED)
    machine_type: str = wanted(pattern=r"[a-z0-9]+(-[a-z0-9]+)+", like="a machine type: n2-standard-2")
    min_replicas: int = wanted(1, minimum=1, maximum=1000)
    max_replicas: int | None = wanted(None, minimum=1, maximum=1000)
    requests_per_minute: int | None = wanted(None, minimum=1)
    accelerator_type: str | None = wanted(None, pattern=r"(NVIDIA|TPU)_\w+", like="an accelerator: NVIDIA_L4")
    accelerator_count: int | None = wanted(None, minimum=1, maximum=16)
    service_account: str | None = wanted(None, **_ACCOUNT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexDeploymentInputs:
    """What is asked for."""

    project: str = wanted(**_PROJECT)
    location: str = wanted(**_LOCATION)
    endpoint: str = wanted(
        pattern=r"(projects/[^/]+/locations/[^/]+/endpoints/)?[^/]+",
        like="an endpoint's id or projects/<project>/locations/<location>/endpoints/<id>",
    )
    deployed_models: tuple[DeployedModel, ...] = wanted(minimum=1)
    private_network: str | None = wanted(
        None, pattern=r"projects/[^/]+/global/networks/[^/]+", like="projects/<number>/global/networks/<name>"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexDeploymentState(VertexDeploymentInputs):
    """What is there."""

    deployed_model_ids: Mapping[str, str]


def _traffic_sums_up(inputs: VertexDeploymentInputs) -> Iterator[Failure]:
    total = sum(variant.traffic_percent for variant in inputs.deployed_models)
    if total != _HUNDRED:
        yield Failure(path="deployedModels", reason=f"`trafficPercent` must sum to 100, not {total}")


def _names_differ(inputs: VertexDeploymentInputs) -> Iterator[Failure]:
    names = [variant.name for variant in inputs.deployed_models]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Failure(path=f"deployedModels[{index}].name", reason=f"is used before: {name}")


def _replicas_fit(inputs: VertexDeploymentInputs) -> Iterator[Failure]:
    for index, variant in enumerate(inputs.deployed_models):
        if variant.max_replicas is not None and variant.max_replicas < variant.min_replicas:
            reason = f"must be at least minReplicas, {variant.min_replicas}, not {variant.max_replicas}"
            yield Failure(path=f"deployedModels[{index}].maxReplicas", reason=reason)


def _accelerators_are_counted(inputs: VertexDeploymentInputs) -> Iterator[Failure]:
    for index, variant in enumerate(inputs.deployed_models):
        if (variant.accelerator_type is None) != (variant.accelerator_count is None):
            reason = "`acceleratorType` and `acceleratorCount` are given together or not at all"
            yield Failure(path=f"deployedModels[{index}].acceleratorType", reason=reason)


class VertexDeployment(PlannedOnly[VertexDeploymentInputs, VertexDeploymentState]):
    """Models deployed to an endpoint, and the traffic split between them, which this resource owns."""

    inputs = VertexDeploymentInputs
    state = VertexDeploymentState
    replaces_on = frozenset({"project", "location", "endpoint"})
    rules = (_traffic_sums_up, _names_differ, _replicas_fit, _accelerators_are_counted)
    way_out = _WAY_OUT.format(command="endpoints deploy-model")

    def identity(self, state: VertexDeploymentState) -> str:
        """The endpoint's full name."""
        return state.endpoint
