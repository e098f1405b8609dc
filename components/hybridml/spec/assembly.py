"""The steps of loading: read files, lay them over each other, validate, and collect every problem on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from hybridml.errors import Problem
from hybridml.spec import merging
from hybridml.spec.document import Unreadable, read
from hybridml.spec.endpoint import EndpointSpec, dangling
from hybridml.spec.part import Finding
from hybridml.spec.placement import dangling_targets, forbidden_clouds, shared_outputs, taken_ports, with_ports
from hybridml.spec.problems import problem_at, problems_from, problems_of
from hybridml.spec.stack import NAMESPACE, StackSpec
from hybridml.spec.written import TooDeep, Written, legible, written

SAID_BY_STACK: Final = ("placement", "instance", "port")
"""Fields of an endpoint that its file does not have, because they differ by environment."""
_SCALAR_KEYS: Final = {"environment", "cost_centre", "profile"}

Model = TypeVar("Model", bound=BaseModel)


@dataclass
class Assembly:
    """One run of the loader: the parts as they come together, and what is wrong with them so far."""

    root: Path
    problems: list[Problem] = field(default_factory=list)

    def file(self, path: Path) -> Written | None:
        """The mapping in the file at `path`, where it can be read."""
        try:
            document, problems = read(path, self._label(path))
        except Unreadable as error:
            self.problems += error.problems
            return None
        self.problems += problems
        return document

    def optional(self, path: Path) -> Written | None:
        """The mapping in the file at `path`, where there is one."""
        return self.file(path) if path.exists() else None

    def digests(self, path: Path) -> Written | None:
        """What training wrote to the file at `path`, where there is one; anything else in it is a problem."""
        document = self.optional(path)
        if document is not None:
            self.problems += problems_from(_not_digests(document), document)
        return document

    def folder(self, endpoints: Path) -> dict[str, Written | None]:
        """The endpoint files by name, in alphabetical order; None for one that cannot be read."""
        if not endpoints.is_dir():
            self._refuse(endpoints, "is not a folder", "create it, with one file per endpoint")
            return {}
        for path in endpoints.glob("*.yml"):
            self._refuse(path, "has the suffix .yml", f"rename it to {path.stem}.yaml")
        return {path.stem: self._endpoint_file(path) for path in sorted(endpoints.glob("*.yaml"))}

    def _endpoint_file(self, path: Path) -> Written | None:
        document = self.file(path)
        if document is None or document.fields is None:
            return None
        for key in (*SAID_BY_STACK, "name"):
            if key in document.fields:
                fix = "say it in the stack's file, under hybridml:endpoints" if key != "name" else "remove it"
                owner = "the stack" if key != "name" else "the file's name"
                self.problems.append(problem_at(document, (key,), f"{key} is said by {owner}", fix))
        return document.with_entries({k: v for k, v in document.fields.items() if k not in (*SAID_BY_STACK, "name")})

    def stack(self, path: Path, config: Mapping[str, object]) -> Written | None:
        """Our part of the stack's configuration, keys without the prefix."""
        document = self.file(path)
        if document is None:
            return None
        section = document.child("config")
        if section is None or section.fields is None:
            self.problems.append(problem_at(document, ("config",), "config is required, as a mapping", "add config:"))
            return None
        try:
            whole = _configured(section.with_entries(_ours(section.fields)), config)
        except TooDeep:
            self.problems.append(problem_at(section, (), "is nested too deeply", "flatten it"))
            return None
        stack, sealed = merging.decrypted(whole)
        for entry in sealed:
            fix = (
                "write it in plain text, or keep it under a key of its own and name it in runtime.secrets: config:<key>"
            )
            self.problems.append(problem_at(entry, (), "is encrypted, and specs are read in plain text", fix))
        return stack

    def merged(
        self, files: Mapping[str, Written | None], overrides: Written | None, digests: Written | None
    ) -> dict[str, Written]:
        """Each readable endpoint with its overrides and digests; what names no endpoint is a problem."""
        entries = overrides.fields if overrides is not None and overrides.fields else {}
        for name in entries.keys() - files.keys():
            known = ", ".join(files) or "none"
            fix = f"add a file {legible(name)}.yaml, or remove it; endpoints: {known}"
            self.problems.append(problem_at(entries[name], (), f"endpoint {legible(name)!r} does not exist", fix))
        result: dict[str, Written] = {}
        for name, base in files.items():
            if base is not None:
                over = entries.get(name)
                whole = merging.merged(base, over) if over is not None and over.fields is not None else base
                result[name] = merging.with_digests(whole, digests.child(name) if digests is not None else None)
        return result

    def endpoint(self, name: str, document: Written) -> EndpointSpec | None:
        """`document` as the endpoint `name`, unless it has problems."""
        named = document.with_entries({**(document.fields or {}), "name": _name(name, document)})
        spec = self.validated(named, EndpointSpec)
        if spec is None:
            self.problems += problems_from(_dangling_versions(document), document)
        return spec

    def placed(
        self, endpoints: Mapping[str, EndpointSpec], stack: StackSpec, document: Written
    ) -> dict[str, EndpointSpec]:
        """The endpoints that `stack` places, with their ports; placements that are forbidden are problems."""
        here = {name: spec for name, spec in endpoints.items() if name in stack.endpoints}
        findings = [
            *forbidden_clouds(here, stack.targets),
            *taken_ports(here, stack.targets),
            *shared_outputs(here),
        ]
        self.problems += map(_in_stack, problems_from(findings, document))
        return with_ports(here, stack.targets)

    def settings(self, document: Written) -> StackSpec | None:
        """`document` as a stack, unless it has problems."""
        stack = self.validated(document, StackSpec)
        if stack is None:
            self.problems += map(_in_stack, problems_from(_dangling_targets(document), document))
        return stack

    def validated(self, document: Written, model: type[Model]) -> Model | None:
        """`document` as a `model`, unless it has problems."""
        try:
            return model.model_validate(document.plain())
        except ValidationError as error:
            self.problems += map(_in_stack, problems_of(error, document, model))
            return None

    def _label(self, path: Path) -> str:
        whole = path.absolute()
        return whole.relative_to(self.root).as_posix() if whole.is_relative_to(self.root) else str(path)

    def _refuse(self, path: Path, message: str, fix: str) -> None:
        self.problems.append(Problem(file=self._label(path), message=message, fix=fix))


def _ours(entries: Mapping[str, Written]) -> dict[str, Written]:
    """Our settings, without the prefix. Other encrypted keys are secrets, for runtime.secrets to name."""
    ours = {key.removeprefix(NAMESPACE): entry for key, entry in entries.items() if key.startswith(NAMESPACE)}
    return {key: entry for key, entry in ours.items() if key in StackSpec.model_fields or not entry.encrypted}


def _configured(stack: Written, config: Mapping[str, object]) -> Written:
    """`stack` with what the engine's configuration says instead, by key with or without our prefix."""
    entries = dict(stack.fields or {})
    for key, value in config.items():
        name = key.removeprefix(NAMESPACE)
        if ":" in name or (name not in StackSpec.model_fields and name not in entries):
            continue
        said = merging.structured(value, scalar=name in _SCALAR_KEYS)
        path = ("config", NAMESPACE + name)
        there = entries.get(name)
        entries[name] = (
            merging.reconciled(there, said, path) if there else written(said, file=merging.CONFIGURATION, path=path)
        )
    return stack.with_entries(entries)


def _not_digests(document: Written) -> Iterator[Finding]:
    """Entries that are no {version: {sha256: digest}}, without which an artifact would pass for not yet known."""
    for name, versions in (document.fields or {}).items():
        entries = {(name,): versions} if not versions.fields else {(name, key): e for key, e in versions.fields.items()}
        for path, entry in entries.items():
            if entry.child("sha256") is None:
                yield Finding(
                    path=path,
                    message="is not what training writes, {version: {sha256: digest}}",
                    fix="train again, or remove the file",
                )


def _in_stack(problem: Problem) -> Problem:
    """`problem`, its path as the stack's file spells it where the value itself is not written there."""
    section, _, rest = problem.path.partition(".")
    if section != "config" or not rest or rest.startswith(NAMESPACE):
        return problem
    return replace(problem, path=f"config.{NAMESPACE}{rest}")


def _name(name: str, document: Written) -> Written:
    return Written(value=name, file=document.file, line=document.line, path=(*document.path, "name"))


def _dangling_versions(document: Written) -> Iterator[Finding]:
    """Versions that are named and not declared, told even where other problems keep the endpoint from being read."""
    versions = document.child("versions")
    if versions is None or not versions.fields:
        return
    named = (
        (path[1:], leaf.value) for path, leaf in document.leaves() if path[0] == "traffic" and path[-1] == "version"
    )
    yield from dangling(((path, value) for path, value in named if isinstance(value, str)), versions.fields)


def _dangling_targets(stack: Written) -> Iterator[Finding]:
    """Targets that are named and not declared, told even where other problems keep the stack from being read."""
    targets, endpoints = stack.child("targets"), stack.child("endpoints")
    if targets is None or not targets.fields or endpoints is None or not endpoints.fields:
        return
    for name, entry in endpoints.fields.items():
        placement = entry.child("placement")
        leaves = placement.leaves() if placement is not None else ()
        named = (((*("endpoints", name, "placement"), *path), leaf.value) for path, leaf in leaves)
        yield from dangling_targets(((path, value) for path, value in named if isinstance(value, str)), targets.fields)
