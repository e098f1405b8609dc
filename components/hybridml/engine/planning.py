"""The resolver of a plan: nothing is created, and what only a cloud could say is a placeholder or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from hybridml.engine import functions, shapes
from hybridml.engine.aliases import STACK_TYPE
from hybridml.engine.comparison import compare_inputs, top_level
from hybridml.engine.declared import lacking
from hybridml.engine.monitor import Invocation, Outcome, Read, Registration
from hybridml.engine.placeholders import Subject, outputs_of, result_of
from hybridml.engine.plan import Note, Plan, PlannedResource
from hybridml.engine.recorded import Recorded
from hybridml.engine.runtime import Job, Log, execute
from hybridml.engine.values import SIGNATURE, UNKNOWN, Properties, Value, contains_unknown

HERE: Final = Path()
"""Where the paths of a program's assets begin when nothing else is said."""


class PlanResolver:
    """Answers with placeholders, or with what a state recorded, and keeps the record of everything."""

    blocking = False

    def __init__(self, *, region: str = shapes.MARK, recorded: Recorded | None = None, folder: Path = HERE) -> None:
        self._region = region
        self._folder = folder
        self._recorded = recorded or Recorded()
        self._resources: dict[str, PlannedResource] = {}
        self._notes: set[Note] = set()
        self._regions: dict[str, str] = {}
        self.outputs: Properties = {}

    @property
    def resources(self) -> tuple[PlannedResource, ...]:
        """What was registered and read so far, in that order, the stack left out."""
        return tuple(self._resources.values())

    @property
    def notes(self) -> tuple[Note, ...]:
        """What could not be seen."""
        return tuple(sorted(self._notes))

    def register(self, registration: Registration) -> Outcome:
        """A placeholder for every output that the SDK declares."""
        if registration.type == STACK_TYPE:
            return Outcome()
        if "__provider" in registration.inputs:  # a dynamic provider's pickled code, which says nothing to a reader
            inputs = {key: value for key, value in registration.inputs.items() if key != "__provider"}
            registration = replace(registration, inputs=inputs)
        outcome = self._outcome(registration)
        self._resources[registration.urn] = _planned(registration, outcome)
        if registration.remote:
            self._note(registration.urn, "a component of another package: its children and outputs are out of sight")
        return outcome

    def read(self, read: Read) -> Outcome:
        """The given id, the given inputs, and placeholders for the rest."""
        known = self._recorded.find(read.urn, ())
        outcome = known or Outcome(id=read.id, outputs=self._made_up(read, read.inputs))
        self._resources[read.urn] = PlannedResource(
            urn=read.urn,
            type=read.type,
            name=read.name,
            parent=read.parent,
            custom=True,
            external=True,
            id=outcome.id,
            inputs=read.inputs,
            outputs=outcome.outputs,
            dependencies=read.dependencies,
            provider=read.provider,
            options=read.options,
            source=read.source,
        )
        return outcome

    def invoke(self, invocation: Invocation) -> Properties | None:
        """What can be computed here, else placeholders by the declared result."""
        computed = functions.compute(invocation.token, invocation.args)
        if computed is not None:
            return computed
        if invocation.declared is None:
            self._note(invocation.token, "a call whose result is not declared; taken as unknown")
            return {} if invocation.plain else None
        subject = Subject(type=invocation.token, name=_function_name(invocation.token), region=self._region)
        result = result_of(subject, invocation.declared, invocation.args, plain=invocation.plain)
        if invocation.plain:
            self._note(invocation.token, "called without an account: its result is made up")
        return None if invocation.method and contains_unknown(result) else result

    def finish(self, urn: str, outputs: Properties) -> None:
        """Keep a component's outputs; those of the stack are the plan's."""
        resource = self._resources.get(urn)
        if resource is None:
            self.outputs = outputs
        else:
            self._resources[urn] = replace(resource, outputs=outputs)

    def _outcome(self, registration: Registration) -> Outcome:
        known = self._recorded.find(registration.urn, registration.options.aliases)
        if known is not None:
            return Outcome(id=known.id, outputs=self._carried(registration, known))
        if not registration.custom or registration.remote:
            return Outcome(outputs=registration.inputs if not registration.remote else {})
        if registration.type.startswith("pulumi:providers:"):
            self._remember_region(registration)
        region = self._regions.get(registration.provider.rpartition("::")[0], self._region)
        return Outcome(
            id=registration.options.import_id or shapes.identifier(registration.type, registration.name, region),
            outputs=self._made_up(registration, registration.inputs),
        )

    def _carried(self, registration: Registration, known: Outcome) -> dict[str, Value]:
        """The recorded outputs; in place of an input that is not as recorded, or is closed, what the program says."""
        before = self._recorded.resource(registration.urn, registration.options.aliases) or {}
        found = compare_inputs(_planned(registration, known), before, (), self._folder)
        changed = {top_level(difference.path) for difference in found.differences}
        return {**known.outputs} | {
            key: _laid_over(known.outputs.get(key), value)
            for key, value in registration.inputs.items()
            if key in changed or key not in known.outputs or contains_unknown(known.outputs[key])
        }

    def _made_up(self, request: Registration | Read, inputs: Properties) -> dict[str, Value]:
        region = self._regions.get(request.provider.rpartition("::")[0], self._region)
        return outputs_of(Subject(type=request.type, name=request.name, region=region), request.declared, inputs)

    def _remember_region(self, provider: Registration) -> None:
        region = provider.inputs.get("region", UNKNOWN)
        if isinstance(region, str):
            self._regions[provider.urn] = region

    def _note(self, subject: str, message: str) -> None:
        self._notes.add(Note(subject=subject, message=message))


def _laid_over(recorded: Value, asked: Value) -> Value:
    """What an output becomes when its input changes: what else a provider recorded inside it, a name say, stays."""
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping) and SIGNATURE not in asked:
        return {**recorded, **{key: _laid_over(recorded.get(key), value) for key, value in asked.items()}}
    return asked


def plan_job(job: Job, recorded: Recorded, log: Log) -> Plan:
    """Plan one job in this process.

    Errors: see `hybridml.engine.runtime.execute`.
    """
    resolver = PlanResolver(region=job.config.get("aws:region", shapes.MARK), recorded=recorded, folder=job.folder)
    execute(job, resolver, log)
    notes = set(resolver.notes)
    if lacking():
        notes.add(Note(subject="pulumi", message=f"this SDK lacks {', '.join(lacking())}: no output is declared"))
    return Plan(
        project=job.project,
        stack=job.stack,
        resources=resolver.resources,
        outputs=resolver.outputs,
        notes=tuple(sorted(notes)),
    )


def _planned(registration: Registration, outcome: Outcome) -> PlannedResource:
    return PlannedResource(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        parent=registration.parent,
        custom=registration.custom,
        remote=registration.remote,
        id=outcome.id,
        inputs=registration.inputs,
        outputs=outcome.outputs,
        dependencies=registration.dependencies,
        property_dependencies=registration.property_dependencies,
        provider=registration.provider,
        options=registration.options,
        source=registration.source,
    )


def _function_name(token: str) -> str:
    return token.rpartition(":")[2].removeprefix("get")
