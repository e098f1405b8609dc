"""Reads a project's endpoints and one stack, merges and checks them, and says everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hybridml.errors import ConfigurationError, Problem
from hybridml.spec.assembly import Assembly
from hybridml.spec.endpoint import EndpointSpec
from hybridml.spec.platform import PlatformSpec, Source
from hybridml.spec.problems import problem_at
from hybridml.spec.written import TooDeep, Written, written

DIGESTS: Final = Path(".hybridml", "digests.yaml")
"""Where training writes the digests of what it made, from the project's root."""


def load(
    endpoints: Path,
    stack_file: Path,
    config: Mapping[str, object] | None = None,
    digests: Path | None = None,
) -> PlatformSpec:
    """What one stack wants: every `*.yaml` in the folder `endpoints`, merged with `stack_file`.

    `config` holds values as `pulumi.Config` delivers them, by key with or without `hybridml:`; where one differs from
    the file, it wins. `digests` is the file that training writes; by default `.hybridml/digests.yaml` of the project.

    Raises `ConfigurationError` with every problem of every file.
    """
    root = project_root(stack_file)
    work = Assembly(root)
    files = work.folder(endpoints)
    document = work.stack(stack_file, config or {})
    stack = work.settings(document) if document else None
    overrides = document.child("endpoints") if document else None
    merged = work.merged(files, overrides, work.digests(digests or root / DIGESTS))
    checked = {name: spec for name, whole in merged.items() if (spec := work.endpoint(name, whole))}
    if document and stack:
        checked = work.placed(checked, stack, document)
    if work.problems or stack is None:
        raise ConfigurationError(work.problems)
    sources = {name: _sources(merged[name]) for name in checked}
    targets = _entries(document.child("targets") if document else None)
    return PlatformSpec(root=root, stack=stack, endpoints=checked, sources=sources, target_sources=targets)


def endpoint_from(name: str, source: Mapping[str, object] | Path | str) -> EndpointSpec:
    """The endpoint `name` from a mapping, or from the YAML file at a path; see `EndpointSpec.from_mapping`."""
    work = Assembly(Path.cwd())
    document = _from_program(name, source, work) if isinstance(source, Mapping) else work.file(Path(source))
    said = document.child("name") if document else None
    if said is not None and said.value != name:
        work.problems.append(problem_at(said, (), f"the endpoint is already called {name!r}", "remove it"))
    spec = work.endpoint(name, document) if document else None
    if work.problems or spec is None:
        raise ConfigurationError(work.problems)
    return spec


def project_root(stack_file: Path) -> Path:
    """The folder of the `Pulumi.yaml` above `stack_file`; without one, the folder above that of the stacks."""
    folders = stack_file.absolute().parents
    marked = (folder for folder in folders if (folder / "Pulumi.yaml").is_file())
    return next(marked, folders[min(1, len(folders) - 1)])


def _from_program(name: str, source: Mapping[str, object], work: Assembly) -> Written | None:
    try:
        return written(source, path=(name,))
    except TooDeep:
        work.problems.append(Problem(path=name, message="is nested too deeply, or contains itself", fix="flatten it"))
        return None


def _sources(document: Written) -> Mapping[str, Source]:
    return {".".join(map(str, path)): Source(file=leaf.file, line=leaf.line) for path, leaf in document.leaves()}


def _entries(document: Written | None) -> Mapping[str, Source]:
    entries = document.fields if document is not None and document.fields else {}
    return {name: Source(file=entry.file, line=entry.line) for name, entry in entries.items()}
