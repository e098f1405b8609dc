"""Environment variables of an endpoint's programs whose values the stack keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from hybridml.targets.local.promises import CONFIG_SECRET

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec


def secrets(spec: EndpointSpec) -> dict[str, pulumi.Input[str]]:
    """`runtime.secrets`, each read from the stack's configuration; secret wherever they go from here."""
    config = pulumi.Config()
    return {
        variable: config.require_secret(reference.removeprefix(CONFIG_SECRET))
        for variable, reference in spec.runtime.secrets.items()
    }
