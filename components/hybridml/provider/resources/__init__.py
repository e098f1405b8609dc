"""What happens when an engine applies one of our own resources, one file per resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridml.provider.resource import Resource
from hybridml.provider.resources.guarded_rollout import GuardedRollout
from hybridml.provider.resources.host_file import HostFile
from hybridml.provider.resources.host_job import HostJob
from hybridml.provider.resources.host_key import HostKey
from hybridml.provider.resources.host_service import HostService
from hybridml.provider.resources.model_version import ModelVersion
from hybridml.provider.resources.sagemaker_deployment import SageMakerDeployment
from hybridml.provider.resources.vertex import VertexDeployment, VertexModel

_ALL: tuple[type[Resource[Any, Any]], ...] = (
    GuardedRollout,
    HostFile,
    HostJob,
    HostKey,
    HostService,
    ModelVersion,
    SageMakerDeployment,
    VertexDeployment,
    VertexModel,
)

RESOURCES: Mapping[str, type[Resource[Any, Any]]] = {f"hybridml:index:{kind.__name__}": kind for kind in _ALL}
"""Every own resource by its token."""
