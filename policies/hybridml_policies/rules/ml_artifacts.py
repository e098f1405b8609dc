"""What is served: artifacts and images that cannot change behind an endpoint, and formats that run code when loaded."""

from __future__ import annotations

import re

from hybridml_policies.ask import is_present
from hybridml_policies.images import has_digest
from hybridml_policies.pods import INFERENCE_SERVICE
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Found, Resource, find_input, is_unknown, shown, within
from hybridml_policies.verdict import PASS, Kind, Verdict, all_of, fails, not_applicable, unknown

MODEL = "aws:sagemaker/model:Model"
ENDPOINT = "hybridml:index:ModelEndpoint"
VERTEX_MODEL = "hybridml:index:VertexModel"
_MODEL_GARDEN = "gcp:vertex/aiEndpointWithModelGardenDeployment:AiEndpointWithModelGardenDeployment"
_CONTAINERS = ("primaryContainer", "containers[]")
_MODEL_FILES = (
    *(f"{container}.modelDataUrl" for container in _CONTAINERS),
    *(f"{container}.modelDataSource.s3DataSources[].s3Uri" for container in _CONTAINERS),
)
_STORED = ("spec.predictor.*.storageUri",)
"""KServe calls what it serves `model`, or by the name of its framework."""
_PACKAGES = tuple(f"{container}.modelPackageName" for container in _CONTAINERS)
_FILES = (*_MODEL_FILES, "artifactUri")
"""Where a model says which files it is."""
_URIS = (*_FILES, *_PACKAGES, *_STORED, "huggingFaceModelId", "publisherModelName")
_IMMUTABLE = re.compile(r"v?\d+(\.\d+)*|[^/]*[0-9a-f]{40,64}[^/]*|.*[?&]versionId=.+")
"""A version number of a registry, a digest or commit, an object version."""
_PUBLISHED = re.compile(r"publishers/[^/@]+/models/[^/@]+@(?!default$|latest$)[^/@]+")
"""A version of a publisher's model, whose names are free. Behind any other `@` is a branch or an alias, which moves."""
_PICKLED_FILE = re.compile(
    r".+\.(pkl|pickle|dill|joblib|pt|pth|ckpt|bin)(\.(gz|bz2|xz|z|zst))?([?#].*)?", re.IGNORECASE
)
_PICKLED_SERVERS = ("sklearn", "pytorch")
"""Formats that the servers of KServe load with joblib and torch."""
_PICKLED_FORMATS = ("pickle", "joblib", "pytorch")


@rule(
    "ML-ART-001",
    severity=Severity.HIGH,
    types=[MODEL, INFERENCE_SERVICE, _MODEL_GARDEN, ENDPOINT, VERTEX_MODEL],
    reads=[
        *(f"Model.{path}" for path in (*_MODEL_FILES, *_PACKAGES)),
        "VertexModel.artifactUri",
        "InferenceService.spec.predictor.model.storageUri",
        "InferenceService.spec.predictor.*.storageUri",
        "AiEndpointWithModelGardenDeployment.huggingFaceModelId",
        "AiEndpointWithModelGardenDeployment.publisherModelName",
        "ModelEndpoint.versions.*.artifact.uri",
        "ModelEndpoint.versions.*.artifact.sha256",
    ],
    fix="Give every version its `artifact.sha256`, or an address with a version number, digest or commit in it.",
    references=["CKV_K8S_43 (images only)", "no artifact check anywhere (gap)"],
    frameworks=["EU-AI-Act Art.11,15 [proposed]", "CCC.GenAI.CN07"],
)
def artifact_pinned(model: Resource) -> Verdict:
    """Model artifact is pinned by version or digest.

    An address is pinned when one of its segments is a version number, a digest or a commit, or when it names a version
    of the object; a version of a ModelEndpoint also when it carries the digest of its artifact.
    """
    addresses = [found for path in _URIS for found in find_input(model, path) if not found.absent]
    versions = [found for found in find_input(model, "versions.*") if not found.absent]
    answers = (*map(_is_pinned, addresses), *map(_is_pinned_version, versions))
    return all_of(answers) if answers else not_applicable("it names no artifact")


def _is_pinned_version(version: Found) -> Verdict:
    digest = is_present(within(version, "artifact.sha256"))
    return digest if digest.kind is Kind.PASS else _is_pinned(within(version, "artifact.uri"))


def _is_pinned(address: Found) -> Verdict:
    segments = _segments(address.value) if isinstance(address.value, str) else []
    if _PUBLISHED.fullmatch(str(address.value)):
        return PASS
    if "latest" not in segments and any(_IMMUTABLE.fullmatch(s) and not is_unknown(s) for s in segments):
        return PASS
    if address.unknown:
        return unknown(f"{address.path} is not known yet, a version or digest is needed")
    return fails(f"{address.path} is {shown(address.value)}, which names no version or digest")


def _segments(address: str) -> list[str]:
    """The parts of an address between slashes, without scheme and bucket."""
    _, scheme, rest = address.partition("://")
    path = rest.partition("/")[2] if scheme else address
    return [segment for segment in path.split("/") if segment]


@rule(
    "ML-ART-002",
    severity=Severity.HIGH,
    types=[
        MODEL,
        "kubernetes:serving.kserve.io/v1alpha1:ServingRuntime",
        "kubernetes:serving.kserve.io/v1alpha1:ClusterServingRuntime",
        "aws:sagemaker/trainingJob:TrainingJob",
        "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",
        VERTEX_MODEL,
    ],
    reads=[
        "Model.primaryContainer.image",
        "Model.containers[].image",
        "ServingRuntime.spec.containers[].image",
        "ClusterServingRuntime.spec.containers[].image",
        "TrainingJob.algorithmSpecification.trainingImage",
        "DataQualityJobDefinition.dataQualityAppSpecification.imageUri",
        "VertexModel.container.imageUri",
    ],
    fix="Write the image as name:tag@sha256:… with the digest that the registry reports.",
    references=["CKV_K8S_43", "kyverno:require-image-checksum"],
    frameworks=["EU-AI-Act Art.15 [proposed]", "CCC.MLDE.CN05"],
)
def serving_image_digest(model: Resource) -> Verdict:
    """Serving image is pinned by digest.

    An image that AWS publishes for SageMaker may have an exact tag instead: its tags are not moved.
    """
    paths = (
        "primaryContainer.image",
        "containers[].image",
        "spec.containers[].image",
        "algorithmSpecification.trainingImage",
        "dataQualityAppSpecification.imageUri",
        "container.imageUri",
    )
    images = [found for path in paths for found in find_input(model, path) if not found.absent]
    return all_of(map(_is_exact, images)) if images else not_applicable("it names no image")


def _is_exact(image: Found) -> Verdict:
    managed = isinstance(image.value, str) and _MANAGED.fullmatch(image.value)
    return PASS if managed else has_digest(image)


_MANAGED = re.compile(
    r"(763104351884|683313688378|246618743249|156813124566)\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com"
    r"/[a-z0-9./_-]+:(?!latest$)[\w.-]*\d[\w.-]*"
)
"""Images from the accounts of the AWS Deep Learning Containers, SageMaker's own algorithms and Model Monitor.

Source: SageMaker Developer Guide, "Docker registry paths and example code"."""


@rule(
    "ML-FMT-001",
    severity=Severity.HIGH,
    types=[ENDPOINT, MODEL, VERTEX_MODEL, INFERENCE_SERVICE],
    reads=[
        "ModelEndpoint.versions.*.format",
        "ModelEndpoint.versions.*.artifact.uri",
        "ModelEndpoint.versions.*.artifact.signature.key",
        *(f"Model.{path}" for path in _MODEL_FILES),
        "VertexModel.artifactUri",
        "InferenceService.spec.predictor.*.storageUri",
        "InferenceService.spec.predictor.model.modelFormat.name",
    ],
    fix="Save the model as skops, ONNX or safetensors, or sign it and set `artifact.signature`.",
    references=["no direct reference check (gap)"],
    frameworks=["EU-AI-Act Art.15 [proposed]"],
)
def no_unsigned_pickle(model: Resource) -> Verdict:
    """Model formats based on pickle are signed.

    Loading one runs whatever code its author put inside. A format counts by its name, a file by its suffix.
    """
    versions = [found for found in find_input(model, "versions.*") if not found.absent]
    files = [found for path in (*_FILES, *_STORED) for found in find_input(model, path) if not found.absent]
    formats = [found for found in find_input(model, "spec.predictor.model.modelFormat.name") if not found.absent]
    answers = (*map(_is_safe_version, versions), *map(_is_safe_file, files), *map(_is_safe_server, formats))
    return all_of(answers) if answers else not_applicable("it names no artifact")


def _is_safe_version(version: Found) -> Verdict:
    if is_present(within(version, "artifact.signature.key")).kind is Kind.PASS:
        return PASS
    return all_of((_is_safe_format(within(version, "format")), _is_safe_file(within(version, "artifact.uri"))))


def _is_safe_format(format_: Found) -> Verdict:
    if format_.unknown:
        return unknown(f"{format_.path} is not known yet")
    return (
        fails(f"{format_.path} is {format_.value} without a signature") if format_.value in _PICKLED_FORMATS else PASS
    )


def _is_safe_server(format_: Found) -> Verdict:
    if format_.unknown:
        return unknown(f"{format_.path} is not known yet")
    return fails(f"{format_.path} is {format_.value}, a pickle") if format_.value in _PICKLED_SERVERS else PASS


def _is_safe_file(address: Found) -> Verdict:
    if isinstance(address.value, str) and _PICKLED_FILE.fullmatch(address.value):
        return fails(f"{address.path} is {shown(address.value)}, a pickle without a signature")
    return PASS


RULES: tuple[Rule, ...] = (artifact_pinned, serving_image_digest, no_unsigned_pickle)
