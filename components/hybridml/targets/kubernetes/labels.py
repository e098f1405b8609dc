"""Labels and names that Kubernetes accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.spec import KubernetesTarget

NAME_LIMIT = 63
"""RFC 1123 label: Services, containers, ports' owners."""
_LABEL_VALUE = re.compile(r"[^A-Za-z0-9_.-]+")
_NAME = re.compile(r"[^a-z0-9-]+")


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` as label values: other characters become a dash, 63 characters at most, alphanumeric at both ends."""
    return {key: _LABEL_VALUE.sub("-", value)[:NAME_LIMIT].strip("-_.") for key, value in sorted(tags.items())}


def residency(target: KubernetesTarget) -> dict[str, str]:
    """The label that says where data on the target has to stay; nothing where nobody said."""
    return {"data-residency": target.residency} if target.residency else {}


def object_name(*parts: str) -> str:
    """An RFC 1123 name from `parts`; a hash takes the place of what the limit cuts off or the alphabet lacks."""
    wanted = "-".join(parts)
    name = _NAME.sub("-", wanted.lower()).strip("-")
    if name == wanted and len(name) <= NAME_LIMIT:
        return name
    mark = sha256(wanted.encode()).hexdigest()[:8]
    return f"{name[: NAME_LIMIT - len(mark) - 1].rstrip('-')}-{mark}".lstrip("-")


def selector(endpoint: str, version: str | None = None) -> dict[str, str]:
    """The labels by which the pods of an endpoint, or of one of its versions, are found; they never change."""
    chosen = {"app.kubernetes.io/name": object_name(endpoint), "app.kubernetes.io/managed-by": "hybridml"}
    return chosen if version is None else {**chosen, "hybridml/version": labels({"": version})[""]}
