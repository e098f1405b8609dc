"""Names and labels that Google Cloud accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec, GcpTarget
    from hybridml.targets.base import StackContext

LABEL_LIMIT = 63
"""Most characters of a label's key or value. Source: Resource Manager, "Requirements for labels"."""
ACCOUNT_LIMIT = 30
"""Most characters of a service account's id."""
_LABEL = re.compile(r"[^a-z0-9_-]+")


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` as labels: lower case, other characters become a dash, 63 characters at most."""
    return {key: _LABEL.sub("-", value.lower())[:LABEL_LIMIT].strip("-") for key, value in sorted(tags.items())}


def residency(target: GcpTarget) -> dict[str, str]:
    """The tag that says where data on the target has to stay; nothing where nobody said."""
    return {"data-residency": target.residency} if target.residency else {}


def shared_tags(stack: StackContext, target: GcpTarget) -> dict[str, str]:
    """The tags of what endpoints share: owned by the project, and as strict as the strictest that a cloud may hold."""
    return stack.tags(owner=stack.project, **{"data-class": "confidential"}, **residency(target))


def endpoint_tags(stack: StackContext, target: GcpTarget, name: str, spec: EndpointSpec) -> dict[str, str]:
    """The tags of what serves one endpoint."""
    return stack.endpoint_tags(name, spec) | residency(target)


def version_labels(tags: dict[str, str], spec: EndpointSpec, version: str) -> dict[str, str]:
    """The labels of what serves one version: the endpoint's `tags`, and where the version comes from."""
    model = spec.versions[version]
    known = {
        "model-version": version,
        "model-format": model.format,
        "code-commit": model.lineage.git,
        "dataset-version": model.lineage.data,
        "training-run-id": model.lineage.run,
    }
    return labels(tags | {key: str(value) for key, value in known.items() if value})


def short_name(limit: int, *parts: str) -> str:
    """`parts` joined by dashes, at most `limit` characters; a hash takes the place of what does not fit."""
    wanted = "-".join(parts)
    name = re.sub(r"[^a-z0-9-]+", "-", wanted.lower()).strip("-")
    if name == wanted and len(name) <= limit and name[:1].isalpha():
        return name
    mark = sha256(wanted.encode()).hexdigest()[:8]
    kept = name[: limit - len(mark) - 1].strip("-")
    return f"{kept}-{mark}" if kept[:1].isalpha() else f"m-{kept[: limit - len(mark) - 3]}-{mark}"


def identifier(*parts: str) -> str:
    """`parts` joined by underscores: BigQuery data sets and custom roles."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", "_".join(parts))


def endpoint_number(*parts: str) -> str:
    """The name of a Vertex AI endpoint: ten digits without a leading zero, the same for the same `parts`."""
    return str(1_000_000_000 + int(sha256("/".join(parts).encode()).hexdigest(), 16) % 9_000_000_000)
