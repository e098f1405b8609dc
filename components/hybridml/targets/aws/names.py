"""Names that AWS accepts, and the tags of what carries them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.spec import AwsTarget, EndpointSpec
    from hybridml.targets.base import StackContext

TAG_LIMIT = 256
"""Most characters of a tag's value."""
NAME_LIMIT = 63
"""Most characters of a SageMaker name. Source: SageMaker API, `EndpointName`."""
_NOT_IN_TAGS = re.compile(r"[^\w .:/=+@-]+")
_ECR = re.compile(r"^(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)")


def sagemaker_name(*parts: str) -> str:
    """`parts` joined by dashes; a hash takes the place of what the limit cuts off or the alphabet lacks."""
    wanted = "-".join(parts)
    name = re.sub(r"[^A-Za-z0-9]+", "-", wanted).strip("-")
    if name == wanted and len(name) <= NAME_LIMIT:
        return name
    mark = sha256(wanted.encode()).hexdigest()[:8]
    return f"{name[: NAME_LIMIT - len(mark) - 1].rstrip('-')}-{mark}".lstrip("-")


@dataclass(frozen=True)
class Repository:
    """A repository of Elastic Container Registry."""

    account: str
    """Account that owns it."""
    region: str
    """Region it lies in."""
    name: str
    """Its name."""

    @property
    def arn(self) -> str:
        """ARN of the repository."""
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.name}"


def repository(image: str) -> Repository | None:
    """The repository that `image` is pulled from; None when that is not Elastic Container Registry."""
    match = _ECR.match(image)
    return Repository(match["account"], match["region"], match["name"]) if match else None


def accepted(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` with the values that AWS takes: other characters become a dash, 256 at most.

    Source: SageMaker API, `Tag`.
    """
    return {key: _NOT_IN_TAGS.sub("-", value)[:TAG_LIMIT] for key, value in sorted(tags.items())}


def residency(target: AwsTarget) -> dict[str, str]:
    """The tag that says where data on the target has to stay; nothing where nobody said."""
    return {"data-residency": target.residency} if target.residency else {}


def shared_tags(stack: StackContext, target: AwsTarget) -> dict[str, str]:
    """The tags of what endpoints share: owned by the project, and as strict as the strictest that a cloud may hold."""
    return accepted(stack.tags(owner=stack.project, **{"data-class": "confidential"}, **residency(target)))


def endpoint_tags(stack: StackContext, target: AwsTarget, name: str, spec: EndpointSpec) -> dict[str, str]:
    """The tags of what serves one endpoint."""
    return accepted(stack.endpoint_tags(name, spec) | residency(target))


def version_tags(tags: dict[str, str], spec: EndpointSpec, version: str) -> dict[str, str]:
    """The tags of what serves one version: the endpoint's `tags`, and where the version comes from."""
    model = spec.versions[version]
    known = {
        "model-version": version,
        "model-format": model.format,
        "model-card": model.card,
        "artifact-sha256": model.artifact.sha256,
        "code-commit": model.lineage.git,
        "dataset-version": model.lineage.data,
        "training-run-id": model.lineage.run,
    }
    return accepted(tags | {key: str(value) for key, value in known.items() if value})
