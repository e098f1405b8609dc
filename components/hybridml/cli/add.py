"""`hybridml add`: from a model on disk to an endpoint of the project, or one more version of it."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hybridml.cli import model_checks, output, place
from hybridml.cli.model_checks import Asked
from hybridml.cli.options import Format
from hybridml.errors import ConfigurationError, Problem
from hybridml.onboarding import documents, formats, stage, tables, trial
from hybridml.onboarding.documents import NewVersion, Role
from hybridml.onboarding.formats import Found
from hybridml.onboarding.project import as_name
from hybridml.onboarding.wrapping import Answer, Request

if TYPE_CHECKING:
    from hybridml.cli.place import Place
    from hybridml.onboarding.stage import Stage
    from hybridml.spec import EndpointSpec, PlatformSpec


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the project says, and what the model is, before anything of it is loaded."""

    here: Place
    stack: str
    platform: PlatformSpec
    held: EndpointSpec | None
    """The endpoint, where there is one of that name."""
    version: str
    found: Found
    sha256: str
    """Digest of the model as it was given."""
    data_sha256: str | None


def add(folder: Path | None, stack: str | None, asked: Asked, format_: Format) -> None:
    """Adds the model and says what was written. Errors: `ConfigurationError` with everything that is wrong."""
    here = _project(folder)
    files: tuple[str, ...] = ()
    try:
        with stage.stage(here.root) as prepared:
            known = _known(here, stack, asked)
            version = _same(known)
            if version is None:
                version, files = known.version, _prepared(prepared, known, asked)
                prepared.commit()
    except OSError as error:
        raise stage.unwritable(error) from error
    elsewhere = ", ".join(_elsewhere(known, asked.name)) if files else ""
    if elsewhere:
        output.say(
            f"{asked.name} is also placed by {elsewhere}: put models/{asked.name}/{version} where their targets read, "
            f"and say so in each, under versions.{version}.artifact.uri"
        )
    _report(known.stack, asked.name, version, files, format_)


def _project(folder: Path | None) -> Place:
    try:
        return place.find(folder)
    except ConfigurationError as error:
        made = [replace(problem, fix=f"{problem.fix}; or make one: hybridml init") for problem in error.problems]
        raise ConfigurationError(made) from None


def _known(here: Place, stack: str | None, asked: Asked) -> _Known:
    """Everything that can be told without loading the model. Errors: `ConfigurationError` with all that is wrong."""
    problems = [*model_checks.words(asked), *(tables.problems(asked.data) if asked.data else ())]
    found: Found | None = None
    try:
        found = formats.find(Path(os.path.realpath(asked.model)))
        problems += model_checks.unservable(found, asked)
    except formats.NotAModel as error:
        fix = "name a model's file, or the folder that MLflow saved"
        problems.append(Problem(path="--model", message=f"{asked.model} {error}", fix=fix))
    platform: PlatformSpec | None = None
    try:
        chosen = here.one("local" if stack is None and "local" in here.stacks else stack)
        platform = here.specification(chosen)
        problems += _no_local_target(platform, chosen)
    except ConfigurationError as error:
        problems += error.problems
    held = _held(here, asked.name, problems)
    if problems or found is None or platform is None:
        raise ConfigurationError(problems)
    sha256, data_sha256 = _digests(asked)
    version = asked.version or _next_version(held)
    return _Known(
        here=here,
        stack=chosen,
        platform=platform,
        held=held,
        version=version,
        found=found,
        sha256=sha256,
        data_sha256=data_sha256,
    )


def _no_local_target(platform: PlatformSpec, stack: str) -> Iterator[Problem]:
    if _target(platform) is None:
        message = f"the stack {stack} has no target of kind local, and `add` tries a model out on this machine"
        yield Problem(path="--stack", message=message, fix="name a stack that has one, or add one to it")


def _target(platform: PlatformSpec) -> str | None:
    return next((name for name, target in platform.stack.targets.items() if target.kind == "local"), None)


def _held(here: Place, name: str, problems: list[Problem]) -> EndpointSpec | None:
    from hybridml.spec import EndpointSpec

    file = here.endpoints / f"{name}.yaml"
    if problems or not file.is_file():
        return None
    try:
        return EndpointSpec.from_mapping(name, file)
    except ConfigurationError as error:
        problems += error.problems
        return None


def _digests(asked: Asked) -> tuple[str, str | None]:
    from hybridml.spec.digest import NotAnArtifact, digest

    try:
        return digest(asked.model.resolve()), digest(asked.data.resolve()) if asked.data else None
    except NotAnArtifact as error:
        raise ConfigurationError([Problem(path="--model", message=str(error), fix="make it readable")]) from None


def _next_version(held: EndpointSpec | None) -> str:
    numbers = [int(name) for name in (held.versions if held else ()) if name.isdecimal()]
    return str(max(numbers, default=0) + 1)


def _same(known: _Known) -> str | None:
    """The version that has these very bytes already."""
    versions = known.held.versions if known.held else {}
    same = (
        name
        for name, version in versions.items()
        if known.sha256 in (version.artifact.sha256, (version.lineage.run or "").removeprefix("sha256:"))
    )
    return next(same, None)


@dataclass(frozen=True, kw_only=True)
class _Paths:
    """Where the files of a version lie, from the project's root."""

    model: str
    baseline: str
    card: str
    endpoint: str
    stack: str

    @classmethod
    def of(cls, known: _Known, name: str) -> _Paths:
        root = known.here.root
        stack = known.here.project.stack_file(known.stack).relative_to(root).as_posix()
        return cls(
            model=f"models/{name}/{known.version}",
            baseline=f"baselines/{name}/{known.version}.json",
            card=f"docs/models/{name}.md",
            endpoint=(known.here.endpoints / f"{name}.yaml").relative_to(root).as_posix(),
            stack=stack,
        )

    @property
    def all(self) -> list[str]:
        return [self.model, self.baseline, self.card, self.endpoint, self.stack]


def _prepared(prepared: Stage, known: _Known, asked: Asked) -> tuple[str, ...]:
    """Everything that is to be written, tried out and checked; its paths."""
    paths = _Paths.of(known, asked.name)
    _refuse_taken(known, asked, paths)
    answer = _tried(prepared.scratch, known, asked)
    statistics = prepared.scratch / "baseline.json"
    version = _version(answer, known, asked, paths, prepared.scratch, described=statistics.is_file())
    held = documents.read(known.here.root / paths.card)
    described = json.loads(statistics.read_text(encoding="utf-8")) if statistics.is_file() else None
    files = [paths.model]
    prepared.take(paths.model, prepared.scratch / "model")
    if described is not None:
        prepared.take(paths.baseline, statistics)
        files.append(paths.baseline)
    owner = known.held.owner if known.held else _owner(asked, known.here.root)
    prepared.put(paths.card, documents.card(held, version, owner=owner, statistics=described))
    prepared.put(paths.endpoint, _endpoint(known, asked, version, paths, owner))
    files += [paths.card, paths.endpoint]
    if asked.name not in known.platform.endpoints:
        prepared.put(paths.stack, _entry(known, asked, paths))
        files.append(paths.stack)
    _check(prepared, known, paths)
    return tuple(files)


def _refuse_taken(known: _Known, asked: Asked, paths: _Paths) -> None:
    stage.outside(known.here.root, paths.all)
    problems = []
    if known.held and known.version in known.held.versions:
        message = f"{asked.name} has a version {known.version!r}, which is another model"
        problems.append(Problem(path="--version", message=message, fix=f"take {_next_version(known.held)}"))
    elif (known.here.root / paths.model).exists() or (known.here.root / paths.baseline).exists():
        message = f"{paths.model} or {paths.baseline} is there, though no endpoint has that version"
        problems.append(Problem(path="--version", message=message, fix="remove them, or take another version"))
    for option, value in {"--owner": asked.owner, "--data-class": asked.data_class}.items():
        if known.held and value is not None:
            problems.append(Problem(path=option, message="the endpoint is there already", fix=f"edit {paths.endpoint}"))
    if not known.held and asked.role not in (None, Role.CHAMPION):
        message = f"{asked.name} is new, and its first version is the champion"
        problems.append(Problem(path="--as", message=message, fix="leave it out"))
    if problems:
        raise ConfigurationError(problems)


def _tried(scratch: Path, known: _Known, asked: Asked) -> Answer:
    """Wraps the model, serves what came out, and holds its answers to the model's own."""
    from hybridml.targets.local import processes

    request = Request(
        kind=known.found.kind,
        model=str(known.found.path),
        data=str(asked.data.resolve()) if asked.data else None,
        source=known.data_sha256 or "",
        target=asked.target,
        example=asked.example,
        trusted=tuple(asked.trusted),
    )
    return trial.tried(request, processes.model_server(), scratch, seconds=asked.seconds, say=output.say)


def _version(
    answer: Answer, known: _Known, asked: Asked, paths: _Paths, scratch: Path, *, described: bool
) -> NewVersion:
    from hybridml.spec.digest import digest

    return NewVersion(
        endpoint=asked.name,
        version=known.version,
        uri=paths.model,
        sha256=digest(scratch / "model"),
        format="pickle" if answer.pickled else "mlflow",
        card=paths.card,
        data=known.data_sha256,
        run=known.sha256,
        flavour=answer.flavour,
        columns=tuple(answer.columns),
        target=answer.target,
        baseline=paths.baseline if described else None,
    )


def _owner(asked: Asked, folder: Path) -> str:
    """The owner that was said, or whoever commits here, or whoever is logged in, as a name."""
    if asked.owner:
        return asked.owner
    git = shutil.which("git")
    argv = [git or "git", "config", "user.name"]
    said = subprocess.run(argv, cwd=folder, check=False, capture_output=True, text=True).stdout if git else ""
    for words in (said, _login()):
        if name := as_name(words):
            return name
    raise ConfigurationError([Problem(path="--owner", message="nobody is known", fix="say who answers for it")])


def _login() -> str:
    """Name of the user of this machine; empty where it has none, as in some containers."""
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return ""


def _endpoint(known: _Known, asked: Asked, version: NewVersion, paths: _Paths, owner: str) -> str:
    if known.held is None:
        data_class = asked.data_class or "confidential"
        return documents.new_endpoint(version, owner=owner, data_class=data_class)
    text = documents.read(known.here.root / paths.endpoint) or ""
    return documents.with_version(text, version, asked.role or Role.CHAMPION, paths.endpoint)


def _entry(known: _Known, asked: Asked, paths: _Paths) -> str:
    target = _target(known.platform) or ""
    text = documents.read(known.here.root / paths.stack) or ""
    return documents.with_entry(text, asked.name, target, _port(known.platform, target), paths.stack)


def _port(platform: PlatformSpec, name: str) -> int:
    """The first port from the target's own upwards that nothing of the stack listens on."""
    from hybridml.spec import LocalTarget

    locals_ = [target for target in platform.stack.targets.values() if isinstance(target, LocalTarget)]
    taken = {target.registry_port for target in locals_} | {spec.port for spec in platform.endpoints.values()}
    first = platform.stack.targets[name]
    port = first.port if isinstance(first, LocalTarget) else 0
    while port in taken:
        port += 1
    return port


def _check(prepared: Stage, known: _Known, paths: _Paths) -> None:
    """Loads the project as it will be, before it is. Errors: `ConfigurationError` with what its target refuses."""
    from hybridml.platform import refusals
    from hybridml.spec import load

    view = prepared.scratch / "view"
    endpoints, stacks = view / "endpoints", view / "stacks"
    shutil.copytree(known.here.endpoints, endpoints)
    stacks.mkdir()
    stack_file = known.here.root / paths.stack
    shutil.copy(prepared.staged(paths.endpoint), endpoints)
    shutil.copy(prepared.staged(paths.stack) if prepared.staged(paths.stack).exists() else stack_file, stacks)
    shown = {f"{endpoints.relative_to(known.here.root)}/": f"{Path(paths.endpoint).parent}/"}
    shown[f"{stacks.relative_to(known.here.root)}/"] = f"{Path(paths.stack).parent}/"
    try:
        refused = list(refusals(load(endpoints, stacks / stack_file.name)))
    except ConfigurationError as error:
        refused = list(error.problems)
    if refused:
        raise ConfigurationError(replace(problem, file=_renamed(problem.file, shown)) for problem in refused)


def _renamed(file: str, shown: Mapping[str, str]) -> str:
    """A file of the view as it will be called in the project."""
    for there, here in shown.items():
        file = file.replace(there, here)
    return file


def _elsewhere(known: _Known, name: str) -> Iterator[str]:
    """Other stacks that place the endpoint; what lies on this machine is nothing to their targets."""
    for stack in known.here.stacks if known.held else ():
        try:
            if stack != known.stack and name in known.here.specification(stack).endpoints:
                yield stack
        except ConfigurationError:
            continue  # its own commands say what is wrong with it


def _report(stack: str, name: str, version: str, files: Sequence[str], format_: Format) -> None:
    if format_ is Format.JSON:
        report = {"version": 1, "endpoint": name, "model_version": version, "changed": bool(files), "files": files}
        output.write(output.as_json(report))
        return
    if not files:
        output.write(f"{name}: the model is version {version} already; nothing was changed.\n")
        return
    output.write(
        f"{name} version {version}: wrote {', '.join(files)}\n\nNext:\n"
        f"  hybridml plan -s {stack} --explain {name}\n  hybridml up -s {stack}\n"
    )
