"""What happens when an engine applies one of our own resources, one file per resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridml.provider.resource import Resource
from hybridml.provider.resources.host_file import HostFile
from hybridml.provider.resources.host_service import HostService

RESOURCES: Mapping[str, type[Resource[Any, Any]]] = {
    f"hybridml:index:{resource.__name__}": resource for resource in (HostFile, HostService)
}
"""Every own resource by its token."""
