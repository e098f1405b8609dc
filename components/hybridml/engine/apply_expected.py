"""What is known before anything is changed: what cannot be applied, and what the program must ask for again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hybridml.engine.apply_providers import package_of
from hybridml.engine.apply_targets import Selection
from hybridml.engine.monitor import Options, Registration
from hybridml.engine.plan import Plan, PlannedResource
from hybridml.engine.plugins import Plugins
from hybridml.engine.shapes import MARK
from hybridml.engine.values import UNKNOWN, Properties, Value, reveal
from hybridml.errors import ProgramError, Refused

INSTALL: Final = (
    "Install the Pulumi CLI (https://www.pulumi.com/docs/install/) and run `pulumi up` "
    "(or `hybridml up --engine pulumi`): it fetches the plugins of these packages."
)
"""What to do about a type or function that this engine cannot apply."""
_DYNAMIC: Final = frozenset({"pulumi-python", "pulumi-nodejs"})
"""Packages of dynamic providers, whose code lives in the program."""


def refuse_what_cannot_be_applied(plan: Plan, plugins: Plugins, selection: Selection) -> None:
    """Raise `Refused` naming every resource of the run that this engine cannot apply, and why."""
    asked = (resource for resource in plan.resources if selection.covers(resource.urn, resource.type))
    reasons = [(reason, r.urn) for r in asked for reason in _reasons(r, plugins)]
    if reasons:
        lines = "\n".join(f"  {urn}: {reason}" for reason, urn in sorted(reasons))
        raise Refused(f"The embedded engine cannot apply these resources:\n{lines}\n{INSTALL} Nothing was changed.")


def _reasons(resource: PlannedResource, plugins: Plugins) -> Iterable[str]:
    package = package_of(resource.type)
    if resource.remote:
        yield f"{resource.type} is a component that another plugin constructs"
    elif resource.custom and (package in _DYNAMIC or package == "pulumi" or not plugins.serves(package)):
        yield f"{resource.type} is served by no plugin on this machine"
    yield from (
        f"the option {name} is one that this engine does not know" for name in _unknown_options(resource.options)
    )


def _unknown_options(options: Options) -> Iterable[str]:
    given = {
        "hooks": any(options.hooks.values()),
        "replace_with": bool(options.replace_with),
        "replacement_trigger": options.replacement_trigger is not None,
    }
    return (name for name, said in given.items() if said)


class Expected:
    """What the plan knew of the run that follows it."""

    def __init__(self, plan: Plan) -> None:
        self._resources: Mapping[str, PlannedResource] = plan.by_urn

    def meet(self, registration: Registration) -> None:
        """Compare a registration with the plan.

        Errors: `ProgramError` when the program asks for something else than it did when it was planned.
        """
        if not registration.parent:
            return
        planned = self._resources.get(registration.urn)
        if planned is None:
            raise ProgramError(_departed(f"{registration.urn} is not in the plan"))
        names = sorted(_departures(planned, registration))
        if names:
            raise ProgramError(_departed(f"{registration.urn} asks for another {', '.join(names)}"))

    def check_complete(self, seen: Iterable[str]) -> None:
        """Errors: `ProgramError` when something planned was not asked for."""
        absent = sorted(self._resources.keys() - set(seen))
        if absent:
            raise ProgramError(_departed(f"{', '.join(absent)} was planned and not asked for"))

    def urns(self) -> frozenset[str]:
        """Everything that is planned."""
        return frozenset(self._resources)


def _departures(planned: PlannedResource, registration: Registration) -> Iterable[str]:
    """Inputs that differ. One computed from another resource's outputs was not known, whatever the plan put there."""
    for key in planned.inputs.keys() | registration.inputs.keys():
        computed = planned.property_dependencies.get(key) or registration.property_dependencies.get(key)
        if not computed and _departs(planned.inputs.get(key), registration.inputs.get(key)):
            yield key


def _departed(what: str) -> str:
    return (
        f"The program does not do what it did when it was planned: {what}. The same program and configuration must ask "
        "for the same resources each time (no clocks, no random names); the run was stopped there."
    )


def _departs(planned: Value, actual: Value) -> bool:
    """Whether `actual` differs from what was known of it."""
    planned, actual = reveal(planned), reveal(actual)
    if planned is UNKNOWN or (isinstance(planned, str) and MARK in planned):
        return False
    if isinstance(planned, Mapping):
        return not isinstance(actual, Mapping) or _mapping_departs(planned, actual)
    if isinstance(planned, list | tuple):
        return (
            not isinstance(actual, list | tuple)
            or len(planned) != len(actual)
            or any(_departs(mine, theirs) for mine, theirs in zip(planned, actual, strict=True))
        )
    return bool(planned != actual)


def _mapping_departs(planned: Properties, actual: Properties) -> bool:
    return planned.keys() != actual.keys() or any(_departs(value, actual[key]) for key, value in planned.items())
