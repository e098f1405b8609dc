"""What is wanted: model endpoints, the stacks they run in, and where each value was written.

    load(endpoints, stack_file)      a PlatformSpec, or a ConfigurationError with every problem
    explain(platform, endpoint)      each value of an endpoint, and the file and line it came from
    json_schema("endpoint")          the same rules for editors
    hybridml.spec.digest.digest      the digest of an artifact

Pure: nothing here imports Pulumi. Names are loaded when first used, so `hybridml.spec.digest` costs no pydantic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridml.spec.endpoint import Access as Access
    from hybridml.spec.endpoint import EndpointSpec as EndpointSpec
    from hybridml.spec.endpoint import Placement as Placement
    from hybridml.spec.explaining import Explained as Explained
    from hybridml.spec.explaining import explain as explain
    from hybridml.spec.loading import load as load
    from hybridml.spec.platform import Placed as Placed
    from hybridml.spec.platform import PlatformSpec as PlatformSpec
    from hybridml.spec.platform import Source as Source
    from hybridml.spec.schema import json_schema as json_schema
    from hybridml.spec.stack import StackSpec as StackSpec
    from hybridml.spec.target import AwsTarget as AwsTarget
    from hybridml.spec.target import GcpTarget as GcpTarget
    from hybridml.spec.target import KubernetesTarget as KubernetesTarget
    from hybridml.spec.target import LocalTarget as LocalTarget
    from hybridml.spec.target import TargetSpec as TargetSpec
    from hybridml.spec.vocabulary import DataClass as DataClass
    from hybridml.spec.vocabulary import Mode as Mode
    from hybridml.spec.vocabulary import ModelFormat as ModelFormat
    from hybridml.spec.vocabulary import RuntimeKind as RuntimeKind
    from hybridml.spec.vocabulary import Strategy as Strategy
    from hybridml.spec.vocabulary import TargetKind as TargetKind

_HOMES = {
    "Access": "endpoint",
    "AwsTarget": "target",
    "DataClass": "vocabulary",
    "EndpointSpec": "endpoint",
    "Explained": "explaining",
    "GcpTarget": "target",
    "KubernetesTarget": "target",
    "LocalTarget": "target",
    "Mode": "vocabulary",
    "ModelFormat": "vocabulary",
    "Placed": "platform",
    "Placement": "endpoint",
    "PlatformSpec": "platform",
    "RuntimeKind": "vocabulary",
    "Source": "platform",
    "StackSpec": "stack",
    "Strategy": "vocabulary",
    "TargetKind": "vocabulary",
    "TargetSpec": "target",
    "explain": "explaining",
    "json_schema": "schema",
    "load": "loading",
}

__all__ = tuple(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hybridml.spec' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"hybridml.spec.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
