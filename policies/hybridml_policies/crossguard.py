"""The rules as policies of Pulumi's own policy engine.

Each rule is one mandatory policy that reports what certainly breaks it. What is only advised, and what cannot be known
in a preview, is reported by one advisory policy, so that neither blocks an update and neither is passed over in
silence: the framework itself catches the access to an unknown value and lets even a mandatory policy pass.

Needs the package pulumi-policy, which has an environment of its own (see `requirements.in` beside the pack).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as PolicySeverity

from hybridml_policies.profile import Level
from hybridml_policies.rule import Rule
from hybridml_policies.rules import ALL
from hybridml_policies.stack import Stack
from hybridml_policies.stack_settings import StackSettings, settings_of
from hybridml_policies.values import UNKNOWN, Resource, text_of
from hybridml_policies.verdict import Kind

ADVICE = "hybridml-advice"
ADVICE_ON_STACKS = "hybridml-advice-stack"

Report = Callable[..., None]
SettingsOf = Callable[[str], StackSettings]


@dataclass(frozen=True)
class Complaint:
    """What is to be reported about one resource."""

    blocks: bool
    message: str
    urn: str


def pack_policies(settings: SettingsOf | None = None, today: Callable[[], date] | None = None) -> list[Policy]:
    """One policy for each rule and the two that advise.

    `settings` gives a stack's profile and waivers by its name: by default from the stack's file in the project around
    the folder where Pulumi was called, or around the pack. `today` is when waivers are held against their expiry: by
    default today in UTC.
    """
    judge = _Judge(settings or _settings_near_by, today or (lambda: datetime.now(UTC).date()))
    alone = [rule for rule in ALL.values() if not rule.needs_stack]
    together = [rule for rule in ALL.values() if rule.needs_stack]
    return [
        *(judge.resource_policy(rule.id, rule.title, [rule], blocks=True) for rule in alone),
        *(judge.stack_policy(rule.id, rule.title, [rule], blocks=True) for rule in together),
        judge.resource_policy(ADVICE, "What is advised, or not known before it is applied", alone, blocks=False),
        judge.stack_policy(ADVICE_ON_STACKS, "As hybridml-advice, for whole stacks", together, blocks=False),
    ]


def resource_of(found: ResourceValidationArgs | PolicyResource) -> Resource:
    """The resource as rules read it; a value that the framework guards as unknown becomes `[unknown]`."""
    inputs = plain(found.props)
    dependencies = getattr(found, "dependencies", None) or []
    return {
        "urn": found.urn,
        "type": found.resource_type,
        "name": found.name,
        "inputs": inputs,
        "outputs": inputs,
        "dependsOn": [dependency.urn for dependency in dependencies],
        "options": {"protect": True} if found.opts and found.opts.protect else {},
    }


def plain(guarded: Any) -> Any:
    """The value behind the framework's guards: objects, lists, scalars and `[unknown]`."""
    if isinstance(guarded, Mapping):
        return {key: _reached(guarded, key) for key in guarded}
    if isinstance(guarded, Sequence) and not isinstance(guarded, str):
        return [_reached(guarded, index) for index in range(len(guarded))]
    return guarded if isinstance(guarded, str | bool | int | float) or guarded is None else str(guarded)


def _reached(container: Any, key: Any) -> Any:
    try:
        value = container[key]
    except Exception as error:
        if not hasattr(error, "unknown_type_sentinel"):  # the framework's UnknownValueError, which it does not export
            raise
        return UNKNOWN
    return plain(value)


@cache
def _settings_near_by(stack: str) -> StackSettings:
    """Pulumi starts the pack inside its own folder; where the command was given is left in the environment."""
    given = (Path(os.environ["PWD"]),) if "PWD" in os.environ else ()
    return settings_of(stack, (*given, Path.cwd(), Path(__file__).resolve().parent))


@dataclass(frozen=True)
class _Judge:
    settings: SettingsOf
    today: Callable[[], date]

    def resource_policy(self, name: str, title: str, rules: Sequence[Rule], *, blocks: bool) -> Policy:
        def validate(args: ResourceValidationArgs, report: Report) -> None:
            resource = resource_of(args)
            for complaint in self._complaints(rules, [resource], Stack((resource,))):
                if complaint.blocks is blocks:
                    report(complaint.message)

        return ResourceValidationPolicy(name, title, validate, **_described(rules, blocks=blocks))

    def stack_policy(self, name: str, title: str, rules: Sequence[Rule], *, blocks: bool) -> Policy:
        def validate(args: StackValidationArgs, report: Report) -> None:
            stack = Stack(resource_of(resource) for resource in args.resources)
            for complaint in self._complaints(rules, stack.resources, stack):
                if complaint.blocks is blocks:
                    report(complaint.message, complaint.urn)

        return StackValidationPolicy(name, title, validate, **_described(rules, blocks=blocks))

    def _complaints(self, rules: Sequence[Rule], resources: Sequence[Resource], stack: Stack) -> list[Complaint]:
        asked = ((rule, resource) for resource in resources for rule in rules if resource.get("type") in rule.types)
        answers = (self._complaint(rule, resource, stack) for rule, resource in asked)
        return [answer for answer in answers if answer is not None]

    def _complaint(self, rule: Rule, resource: Resource, stack: Stack) -> Complaint | None:
        urn = text_of(resource, "urn")
        settings = self.settings(_stack_name(urn))
        level, verdict = settings.profile.level(rule.id), rule(resource, stack)
        if level is Level.OFF or verdict.kind not in (Kind.FAIL, Kind.UNKNOWN):
            return None
        if any(waiver.expires >= self.today() and waiver.covers(rule.id, urn) for waiver in settings.waivers):
            return None
        blocks = level is Level.MANDATORY and verdict.kind is Kind.FAIL
        state = " cannot be judged yet" if verdict.kind is Kind.UNKNOWN else ""
        prefix = "" if blocks else f"{rule.id}{state}: "
        return Complaint(blocks, f"{prefix}{verdict.reason}. {rule.fix}", urn)


def _stack_name(urn: str) -> str:
    return urn.partition("::")[0].removeprefix("urn:pulumi:")


def _described(rules: Sequence[Rule], *, blocks: bool) -> dict[str, Any]:
    if not blocks:
        return {"enforcement_level": EnforcementLevel.ADVISORY}
    (rule,) = rules
    return {
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": PolicySeverity(rule.severity.value),
        "remediation_steps": rule.fix,
        "tags": list(rule.frameworks),
    }
