"""Runs in the pack's own environment: gives fixtures to the policies as Pulumi would, and writes what they report.

Reads from stdin a list of `{"resources": […], "waivers": […], "levels": {…}}`, writes for each a list of
`[policy, urn, message]`. A text that is `[unknown]` becomes what the engine sends for a value that is not known.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

from hybridml_policies.crossguard import pack_policies
from hybridml_policies.profile import Level, Profile
from hybridml_policies.stack_settings import StackSettings
from hybridml_policies.waiver import parse_waivers
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def sent(value: Any) -> Any:
    """The value as the engine sends it."""
    if isinstance(value, dict):
        return {key: sent(child) for key, child in value.items()}
    if isinstance(value, list):
        return [sent(child) for child in value]
    return UNKNOWN_STRING_VALUE if value == "[unknown]" else value


def stack_of(resources: list[dict[str, Any]]) -> list[PolicyResource]:
    """The resources as a stack policy gets them."""
    made = {}
    for entry in resources:
        props = unknown_checking_proxy(sent(entry["inputs"]))
        made[entry["urn"]] = PolicyResource(
            entry["type"], props, entry["urn"], entry["name"], OPTIONS, None, None, [], {}
        )
    for entry in resources:
        made[entry["urn"]].dependencies.extend(made[urn] for urn in entry["dependsOn"])
    return list(made.values())


def complaints(case: dict[str, Any]) -> list[list[str]]:
    """Everything that the policies report about one fixture."""
    levels = {rule: Level(level) for rule, level in case["levels"].items()}
    settings = StackSettings(Profile("test", "", Level.MANDATORY, levels), parse_waivers(case["waivers"]))
    found: list[list[str]] = []
    for policy in pack_policies(lambda _stack: settings, lambda: date(2026, 11, 20)):
        if not isinstance(policy, ResourceValidationPolicy):
            resources = stack_of(case["resources"])
            policy.validate(
                StackValidationArgs(resources), lambda text, urn, name=policy.name: found.append([name, urn, text])
            )
            continue
        for entry in case["resources"]:
            props = unknown_checking_proxy(sent(entry["inputs"]))
            args = ResourceValidationArgs(entry["type"], props, entry["urn"], entry["name"], OPTIONS, None)
            policy.validate(args, lambda text, name=policy.name, urn=entry["urn"]: found.append([name, urn, text]))
    return found


if __name__ == "__main__":
    json.dump([complaints(case) for case in json.load(sys.stdin)], sys.stdout)
