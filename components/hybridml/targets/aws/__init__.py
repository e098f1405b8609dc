"""Endpoints on AWS SageMaker. `TARGET` is made when it is first asked for; nothing here imports pulumi_aws before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridml.targets.aws.target import Aws

    TARGET: Aws

__all__ = ["TARGET"]


def __getattr__(name: str) -> Aws:
    if name != "TARGET":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hybridml.targets.aws.target import Aws

    return Aws()
