"""One description of a model endpoint, on a laptop, Kubernetes, SageMaker or Vertex AI.

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridml.endpoint import ModelEndpoint as ModelEndpoint
    from hybridml.endpoint import ModelEndpointArgs as ModelEndpointArgs
    from hybridml.platform import Platform as Platform
    from hybridml.platform import PlatformArgs as PlatformArgs

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    "ModelEndpoint": "hybridml.endpoint",
    "ModelEndpointArgs": "hybridml.endpoint",
    "Platform": "hybridml.platform",
    "PlatformArgs": "hybridml.platform",
}

__all__ = ["ModelEndpoint", "ModelEndpointArgs", "Platform", "PlatformArgs"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hybridml' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
