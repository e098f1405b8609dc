"""Processes of this machine, bound to 127.0.0.1: model servers on Unix sockets, Envoy in front, MLflow as registry."""

from __future__ import annotations

from hybridml.targets.local.target import LocalFoundation, LocalTarget

TARGET = LocalTarget()
"""The local target, as `hybridml.targets.base.find` returns it."""

__all__ = ["TARGET", "LocalFoundation", "LocalTarget"]
