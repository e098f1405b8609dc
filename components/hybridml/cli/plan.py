"""`hybridml plan`: what stacks would create, and where each value of an endpoint came from."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hybridml.cli import output, place
from hybridml.cli.options import PlanFormat
from hybridml.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from hybridml.cli.place import Place
    from hybridml.engine.apply import RefreshResult
    from hybridml.engine.drift import Drift
    from hybridml.engine.selection import Targets

Given = TypeVar("Given")
Made = TypeVar("Made")
_NOTHING: Mapping[str, Any] = {"version": 3, "deployment": {"resources": []}}
"""The state of a stack that was never deployed."""


def plan(
    folder: Path | None,
    stack: str | None,
    everything: bool,
    *,
    against: Path | None,
    format_: PlanFormat,
    out: Path | None,
) -> None:
    """Plans stacks and writes the plans, in order of their names."""
    here = place.find(folder)
    state = _state(against)
    plans = each(here.several(stack, everything), lambda name: planned(here, name, state))
    if format_ is PlanFormat.HTML:
        from hybridml.cli.check import judged
        from hybridml.cli.page import page

        output.write(page(here, [(made, judged(here, made)) for made in plans]), out)
        return
    if format_ is PlanFormat.JSON:
        output.write(output.as_json(plans if everything else plans[0]), out)
        return
    from hybridml.report import plan_text

    colour = output.coloured(out)
    output.write("\n".join(plan_text(made, colour=colour) for made in plans), out)


def planned(here: Place, stack: str, state: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The plan of one stack as JSON."""
    from hybridml.cli.own_types import own_types
    from hybridml.engine import program

    known = own_types() if state is not None else None
    return program.plan(here.project, stack, state=state, known_types=known, log=_log).to_json()


def preview(here: Place, stack: str, found: RefreshResult | None, targets: Targets) -> str:
    """The plan of a stack against what there is, as text; of the changes those that `targets` name."""
    from hybridml.report import plan_text

    made = planned(here, stack, found.found if found else _NOTHING)
    made = _corrected(made, found.drift) if found else made
    return plan_text(_restricted(made, targets) if targets else made, colour=sys.stderr.isatty())


def _corrected(made: dict[str, Any], drift: Iterable[Drift]) -> dict[str, Any]:
    """A plan with what `up` puts right, though the program asks for what it asked for before."""
    changing = {change["urn"] for change in made["diff"] if change["action"] != "same"}
    kept = {each["urn"] for each in made["resources"]} - changing
    changes = [_correction(each) for each in drift if each.correction and each.urn in kept]
    corrected = {change["urn"] for change in changes}
    others = [change for change in made["diff"] if change["urn"] not in corrected]
    counts = Counter(change["action"] for change in changes)
    before = made["summary"]["changes"]
    after = {action: count + counts[action] for action, count in before.items()}
    summary = {**made["summary"], "changes": {**after, "same": before["same"] - len(changes)}}
    return {**made, "diff": [*others, *changes], "summary": summary}


def _correction(drift: Drift) -> dict[str, Any]:
    """Drift as a change of a plan: from what was found to what is recorded."""
    shown = [each.to_json() for each in drift.properties]
    properties = [{"path": each["path"], "before": each["after"], "after": each["before"]} for each in shown]
    return {"urn": drift.urn, "action": drift.correction, "properties": properties, "mayReplace": False}


def _restricted(made: dict[str, Any], targets: Targets) -> dict[str, Any]:
    """A plan without the changes that a targeted run leaves alone."""
    from hybridml.engine.selection import with_dependents

    needs = {each["urn"]: {each["parent"], *each["dependsOn"]} for each in made["resources"]}
    chosen = targets.among({*needs, *(change["urn"] for change in made["diff"])})
    chosen = with_dependents(chosen, needs) if targets.dependents else chosen
    changes = [change for change in made["diff"] if change["urn"] in chosen]
    counts = Counter(change["action"] for change in changes)
    before = made["summary"]["changes"]
    kept = {action: counts[action] for action in before if action != "same"}
    return {**made, "diff": changes, "summary": {**made["summary"], "changes": {**kept, "same": before["same"]}}}


def explain(folder: Path | None, stack: str | None, endpoint: str, format_: PlanFormat, out: Path | None) -> None:
    """Writes each value of an endpoint with the file and line that it came from."""
    from hybridml.spec import explain as explained

    if format_ is PlanFormat.HTML:
        raise place.contradiction("--explain", "--format html")
    here = place.find(folder)
    if not here.endpoints.is_dir():
        fix = "a project with a folder of endpoint files beside its program"
        raise ConfigurationError([Problem(file=str(here.endpoints), message="does not exist", fix=fix)])
    platform = here.specification(here.one(stack))
    if endpoint not in platform.endpoints:
        known = ", ".join(platform.endpoints) or "none"
        message = f"the stack has no endpoint {endpoint!r}"
        raise ConfigurationError([Problem(path="--explain", message=message, fix=f"it places: {known}")])
    lines = list(explained(platform, endpoint))
    if format_ is PlanFormat.JSON:
        rows = [{"path": line.path, "value": line.value, "file": line.file, "line": line.line} for line in lines]
        output.write(output.as_json({"version": 1, "endpoint": endpoint, "values": rows}), out)
    else:
        output.write(
            output.table([(line.path, _value(line.value), _origin(line.file, line.line)) for line in lines]), out
        )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _origin(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def each(stacks: Iterable[Given], make: Callable[[Given], Made]) -> list[Made]:
    """`make` of every stack. Errors: `ConfigurationError` with what is wrong in any of them."""
    made: list[Made] = []
    problems: list[Problem] = []
    for stack in stacks:
        try:
            made.append(make(stack))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    return made


def _state(path: Path | None) -> Mapping[str, Any] | None:
    from hybridml.engine import exported

    return None if path is None else exported.read(path)


def _log(severity: str, message: str) -> None:
    output.say(f"{severity}: {message}")
