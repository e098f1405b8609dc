"""`hybridml check`: the plan of every stack, held to the policies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hybridml
from hybridml.cli import output, place
from hybridml.cli.options import CheckFormat
from hybridml.cli.plan import each, planned

if TYPE_CHECKING:
    from hybridml_policies import Known, Profile, Report, Waiver

    from hybridml.cli.place import Place

DEFAULT_PROFILE = "prod"
"""Profile of a stack that names none: the strictest."""


def check(
    folder: Path | None,
    stack: str | None,
    everything: bool,
    *,
    profile: str | None,
    waivers: Path | None,
    baseline: Path | None,
    format_: CheckFormat,
    out: Path | None,
) -> int:
    """Plans stacks, asks every rule, writes the findings, and returns the exit status of the worst."""
    from hybridml_policies import exit_code, load_baseline

    here = place.find(folder)
    known = load_baseline(baseline) if baseline else frozenset()
    plans = each(here.several(stack, everything), lambda name: planned(here, name))
    reports = each(plans, lambda plan: judged(here, plan, profile, waivers, known))
    if format_ is CheckFormat.HTML:
        from hybridml.cli.page import page

        output.write(page(here, list(zip(plans, reports, strict=True))), out)
    else:
        output.write(_written(reports, format_, colour=output.coloured(out)), out)
    codes = {exit_code(report) for report in reports}
    return next((code for code in (5, 6) if code in codes), 0)


def judged(
    here: Place,
    plan: Mapping[str, Any],
    profile: str | None = None,
    waivers: Path | None = None,
    known: Known = frozenset(),
) -> Report:
    """What the policies say of a stack's plan; profile and waivers are those that its file names, or the given ones."""
    from hybridml_policies import evaluate, with_stack

    stack = plan["stack"]
    chosen, exceptions = _profile(here, stack, profile), _waivers(here, stack, waivers)
    whole = with_stack(plan, here.root, here.project.stack_file(stack))
    return evaluate(whole, chosen, exceptions, baseline=known)


def _profile(here: Place, stack: str, given: str | None) -> Profile:
    from hybridml_policies import load_profile

    from hybridml.engine.project import stack_config

    named = stack_config(here.project, stack).values.get("hybridml:profile")
    return load_profile(given or named or DEFAULT_PROFILE)


def _waivers(here: Place, stack: str, given: Path | None) -> tuple[Waiver, ...]:
    from hybridml_policies import load_waivers

    path = given or here.project.stack_file(stack)
    if given is None and not path.is_file():
        return ()
    shown = path.resolve()
    return load_waivers(path, str(shown.relative_to(here.root) if shown.is_relative_to(here.root) else path))


def _written(reports: list[Report], format_: CheckFormat, *, colour: bool) -> str:
    from hybridml.report import findings_json, findings_text, sarif

    if format_ is CheckFormat.TEXT:
        return findings_text(reports, colour=colour)
    if format_ is CheckFormat.SARIF:
        return output.as_json(sarif(reports, hybridml.__version__))
    return output.as_json(findings_json(reports))
