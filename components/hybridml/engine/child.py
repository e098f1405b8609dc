"""Plans a program with the interpreter of its own environment, in a child process that sends the plan back as data.

The child needs Pulumi and the standard library; this package is handed to it by path, so the program's environment
stays as its author made it. Everything, secrets included, travels over the child's standard input and one pipe.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TextIO

import hybridml
from hybridml.engine.monitor import Options, Source
from hybridml.engine.plan import Note, Plan, PlannedResource
from hybridml.engine.recorded import Recorded
from hybridml.engine.values import from_wire, to_wire
from hybridml.errors import ConfigurationError, HybridMLError, Problem, ProgramError, StateError

_LOADER = """
import importlib.util, json, os, sys
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
def refuse(reason):
    json.dump({"environment": reason}, answer)
    sys.exit(1)
if sys.version_info < (3, 11):
    refuse("has Python %d.%d; 3.11 or later is needed" % sys.version_info[:2])
if importlib.util.find_spec("pulumi") is None:
    refuse("holds no pulumi")
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location("hybridml", folder + "/__init__.py", submodule_search_locations=[folder])
module = importlib.util.module_from_spec(spec)
sys.modules["hybridml"] = module
spec.loader.exec_module(module)
from hybridml.engine.child import serve
serve(answer)
"""
_ERRORS: Mapping[str, type[HybridMLError]] = {"ProgramError": ProgramError, "StateError": StateError}


def interpreter_of(virtualenv: Path | None) -> Path | None:
    """The Python of `virtualenv`, when it exists and is not the environment of this process."""
    if virtualenv is None or virtualenv.resolve() == Path(sys.prefix).resolve():
        return None
    found = (virtualenv / "bin" / "python", virtualenv / "Scripts" / "python.exe")
    return next((path for path in found if path.exists()), None)


def plan_in(interpreter: Path, job: Mapping[str, Any], recorded: Recorded) -> Plan:
    """Plan `job` with another interpreter.

    Errors: those of planning here; `ConfigurationError` when that environment cannot run a Pulumi program.
    """
    question = json.dumps({"job": dict(job), "resources": list(recorded.resources.values())})
    package = str(Path(hybridml.__file__).parent)
    child = subprocess.run(
        [str(interpreter), "-c", _LOADER, package], input=question, stdout=subprocess.PIPE, text=True, check=False
    )
    if not child.stdout:
        raise ProgramError(f"{interpreter} ended with status {child.returncode} before the program was finished")
    return _answer(json.loads(child.stdout), interpreter)


def serve(pipe: TextIO) -> None:
    """The child's side: read one job from standard input, plan it, write the plan or the error to `pipe`."""
    from hybridml.engine.planning import plan_job
    from hybridml.engine.runtime import Job

    question = json.load(sys.stdin)
    job = question["job"]
    given = {**job, "root": Path(job["root"]), "main": Path(job["main"]), "secret_keys": frozenset(job["secret_keys"])}
    try:
        plan = plan_job(Job(**given), Recorded(question["resources"]), _log)
        answer: dict[str, Any] = {"plan": dump_plan(plan)}
    except ConfigurationError as error:
        answer = {"problems": [asdict(problem) for problem in error.problems]}
    except HybridMLError as error:
        answer = {"error": [type(error).__name__, str(error)]}
    with pipe:
        json.dump(answer, pipe)


def dump_plan(plan: Plan) -> dict[str, Any]:
    """A plan as data, secrets and unknowns in Pulumi's own writing."""
    return {
        "project": plan.project,
        "stack": plan.stack,
        "resources": [_dump(resource) for resource in plan.resources],
        "outputs": to_wire(plan.outputs),
        "notes": [asdict(note) for note in plan.notes],
    }


def load_plan(data: Mapping[str, Any]) -> Plan:
    """The inverse of `dump_plan`."""
    return Plan(
        project=data["project"],
        stack=data["stack"],
        resources=tuple(map(_load, data["resources"])),
        outputs=from_wire(data["outputs"]),
        notes=tuple(Note(**note) for note in data["notes"]),
    )


def _dump(resource: PlannedResource) -> dict[str, Any]:
    plain = {item.name: getattr(resource, item.name) for item in fields(resource)}
    options = {item.name: to_wire(getattr(resource.options, item.name)) for item in fields(resource.options)}
    source = asdict(resource.source) if resource.source else None
    inputs, outputs = to_wire(resource.inputs), to_wire(resource.outputs)
    return {**plain, "options": options, "source": source, "inputs": inputs, "outputs": outputs}


def _load(data: Mapping[str, Any]) -> PlannedResource:
    options = {name: _frozen(from_wire(value)) for name, value in data["options"].items()}
    given = {
        **data,
        "inputs": from_wire(data["inputs"]),
        "outputs": from_wire(data["outputs"]),
        "dependencies": tuple(data["dependencies"]),
        "property_dependencies": {key: tuple(urns) for key, urns in data["property_dependencies"].items()},
        "options": Options(**options),
        "source": Source(**data["source"]) if data["source"] else None,
    }
    return PlannedResource(**given)


def _frozen(value: Any) -> Any:
    """Lists of options are tuples."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _answer(answer: Mapping[str, Any], interpreter: Path) -> Plan:
    if "environment" in answer:
        fix = "install what the program needs into it: pip install -r requirements.txt"
        raise ConfigurationError([Problem(file=str(interpreter), message=answer["environment"], fix=fix)])
    if "problems" in answer:
        raise ConfigurationError(Problem(**problem) for problem in answer["problems"])
    if "error" in answer:
        kind, message = answer["error"]
        raise _ERRORS.get(kind, HybridMLError)(message)
    return load_plan(answer["plan"])


def _log(severity: str, message: str) -> None:
    sys.stderr.write(f"{severity}: {message}\n")
