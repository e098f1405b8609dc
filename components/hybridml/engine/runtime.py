"""Runs one Pulumi program in this process against a `Resolver`, and leaves the process as it was."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import pulumi

from hybridml.engine.monitor import Resolver, Source
from hybridml.engine.redaction import SHORTEST, Redacting, redacted, redacted_error, secret_texts
from hybridml.engine.sdk import MissingConfig, instrumented, remember_classes
from hybridml.engine.service import Context, Engine, Monitor
from hybridml.engine.source import SourceMap
from hybridml.engine.transforms import NeedsThread
from hybridml.engine.watch import watched
from hybridml.errors import ConfigurationError, HybridMLError, Problem, ProgramError

Log = Callable[[str, str], None]
"""Takes a severity (`info`, `warning`, `error`) and a message of the program."""

WAITING = "waiting"
"""Severity of what is said about a program that takes long."""
_THREADS = 256
"""Requests in flight while applying; each waits for a provider and costs next to nothing."""
_RECURSION = 20_000
"""Chains of outputs resolve into one another without a pause when nothing has to be waited for."""
_STEPS = 100
"""Turns of the event loop that an answer needs to reach whatever waits for it; more than chains of outputs are long."""
_PARTINGS = 3
_PARTING_SECONDS = 1.0
"""How long what is cancelled may take to end; the SDK waits for some of it for ever."""
_WRAPPED = (ValueError, AssertionError)
"""What the SDK wraps an error in that happens while it reads a resource's inputs."""
_BUSY = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a program."""

    project: str
    stack: str
    root: Path
    """Folder of `Pulumi.yaml`."""
    main: Path
    """The program: a folder with `__main__.py`, or a file."""
    config: Mapping[str, str]
    secret_keys: frozenset[str] = frozenset()
    planning: bool = True
    """A preview: what is not known stays unknown."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables set for the program in addition."""
    organization: str = "organization"

    @property
    def folder(self) -> Path:
        """Where the program runs."""
        return self.main if self.main.is_dir() else self.main.parent


def execute(job: Job, resolver: Resolver, log: Log) -> None:
    """Run the program once.

    Errors: `ConfigurationError` naming every required key that is not set; `ProgramError` when the program raises or
    leaves with `sys.exit`; whatever `HybridMLError` the resolver raises.
    """
    with _BUSY, _process_of(job), _collector_off(job.planning):
        contextvars.copy_context().run(_run, job, resolver, log)


def _run(job: Job, resolver: Resolver, log: Log) -> None:
    sources, missing = SourceMap(job.root), MissingConfig()
    with _event_loop(inline=not resolver.blocking) as loop:
        texts = secret_texts(job.config, job.secret_keys)
        sealing = tuple(text for text in texts if len(text) >= SHORTEST)
        context = Context(project=job.project, stack=job.stack, shown=sources.file, secret_texts=sealing)
        monitor = Monitor(context, resolver)
        _configure(job, monitor, Engine(lambda severity, message: log(severity, redacted(message, texts))))
        try:
            with instrumented(sources, missing, planning=job.planning), _told(job, sources, log):
                loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _program(job, context, monitor)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise redacted_error(_reported(error, monitor, missing, sources), texts) from error
        finally:
            monitor.transforms.close()  # whoever waits for the answer of one would wait for a loop that has ended
    _refuse_missing(missing)


def _told(job: Job, sources: SourceMap, log: Log) -> AbstractContextManager[None]:
    """While planning, what takes long is told; an apply says itself what it waits for."""
    return watched(sources, lambda message: log(WAITING, message)) if job.planning else nullcontext()


async def _program(job: Job, context: Context, monitor: Monitor) -> None:
    pulumi.runtime.register_stack_transformation(remember_classes(context.classes))
    runpy.run_path(str(job.main), run_name="__main__")
    await _settle(monitor)


async def _settle(monitor: Monitor) -> None:
    """Let what can resolve without waiting resolve: the SDK's own wait looks at every open output at every step."""
    answered = -1
    while answered != monitor.answered:
        answered = monitor.answered
        for _ in range(_STEPS):
            await asyncio.sleep(0)


def _configure(job: Job, monitor: Monitor, engine: Engine) -> None:
    settings = pulumi.runtime.Settings(
        project=job.project,
        stack=job.stack,
        monitor=monitor,
        engine=engine,
        dry_run=job.planning,
        organization=job.organization,
        root_directory=str(job.root),
    )
    pulumi.runtime.configure(settings)
    pulumi.runtime.settings.set_root_resource(None)  # type: ignore[arg-type] # of mocks, whose caller plans as well
    pulumi.runtime.set_all_config(dict(job.config), sorted(job.secret_keys))


def _reported(error: BaseException, monitor: Monitor, missing: MissingConfig, sources: SourceMap) -> HybridMLError:
    """The one message for whatever ended a program."""
    if missing.keys:
        return _missing_error(missing)
    if monitor.failure is not None:
        return monitor.failure
    if isinstance(error, HybridMLError):
        return error
    error, place = _blamed(error, sources)
    where = f"{place.file}:{place.line}: " if place else ""
    if isinstance(error, SystemExit):
        return ProgramError(f"{where}the program left with sys.exit({error.code!r}) before it was finished")
    if isinstance(error, pulumi.RunError):
        return ProgramError(f"{where}{error}")
    text = _said(error)
    return ProgramError(f"{where}the program raised {type(error).__name__}{f': {text}' if text else ''}")


def _said(error: BaseException) -> str:
    try:
        return str(error).strip()
    except Exception:
        return "its text cannot be had"


def _blamed(error: BaseException, sources: SourceMap) -> tuple[BaseException, Source | None]:
    """What ended the program, and the user's innermost line in it.

    The SDK wraps errors, and causes may form a circle.
    """
    current: BaseException | None = error
    seen: list[BaseException] = []
    while current is not None and not any(current is one for one in seen):
        seen.append(current)
        found = sources.of_traceback(current.__traceback__)
        if found is not None:
            return current, found
        current = current.__cause__ or current.__context__
    return seen[-1] if isinstance(error, _WRAPPED) else error, None


def _refuse_missing(missing: MissingConfig) -> None:
    if missing.keys:
        raise _missing_error(missing)


def _missing_error(missing: MissingConfig) -> ConfigurationError:
    return ConfigurationError(
        Problem(path=key, message="required configuration is not set", fix=f"pulumi config set {key} <value>")
        for key in missing.keys
    )


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that answers the SDK's own requests at once instead of handing each one to a thread."""

    inline = True

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Answer at once what the SDK asks; hand everything else, and what needs a thread, to one."""
        if executor is not None or not self.inline or not getattr(func, "__module__", "").startswith("pulumi.runtime"):
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except NeedsThread:
            return super().run_in_executor(executor, func, *args)
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def _event_loop(*, inline: bool) -> Iterator[_Loop]:
    loop = _Loop()
    loop.inline = inline
    executor = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="hybridml")
    loop.set_default_executor(executor)
    loop.set_exception_handler(_already_reported)
    asyncio.set_event_loop(loop)
    logger = logging.getLogger("asyncio")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield loop
    finally:
        _abandon(loop)
        executor.shutdown(wait=True)
        asyncio.set_event_loop(None)
        loop.close()
        logger.setLevel(level)


def _already_reported(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of futures that a failed run leaves behind: the failure is raised once, by whoever met it first."""


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a failed program left unfinished; one that leaves may end the loop again."""
    for _ in range(_PARTINGS):
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        with suppress(BaseException):
            loop.run_until_complete(asyncio.wait(tasks, timeout=_PARTING_SECONDS))


@contextmanager
def _process_of(job: Job) -> Iterator[None]:
    """The working folder, arguments, import path and variables that a program expects; all put back."""
    folder = job.folder
    before = Path.cwd(), list(sys.argv), list(sys.path), dict(os.environ), set(sys.modules), sys.getrecursionlimit()
    os.chdir(folder)
    os.environ.update(job.environment)
    sys.argv = [str(job.main)]
    sys.path.insert(0, str(folder))
    sys.setrecursionlimit(max(_RECURSION, before[5]))
    try:
        with _results_apart(secret_texts(job.config, job.secret_keys)), _staying():
            yield
    finally:
        os.chdir(before[0])
        sys.argv, sys.path[:] = before[1], before[2]
        os.environ.clear()
        os.environ.update(before[3])
        sys.setrecursionlimit(before[5])
        _forget_modules(folder, before[4])


@contextmanager
def _results_apart(texts: Sequence[str]) -> Iterator[None]:
    """What a program and its children print is no result of ours: standard output is standard error meanwhile."""
    printed, told = Redacting(sys.stderr, texts), Redacting(sys.stderr, texts)
    apart = redirect_stdout(cast(IO[str], printed)), redirect_stderr(cast(IO[str], told))
    with _descriptor_apart(sys.stdout), apart[0], apart[1]:
        try:
            yield
        finally:
            printed.finish()
            told.finish()


@contextmanager
def _descriptor_apart(stdout: IO[str] | None) -> Iterator[None]:
    if stdout is None:  # it was closed before we began
        yield
        return
    stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _staying() -> Iterator[None]:
    """`os._exit` would end us without a word: it leaves the program as `sys.exit` does, but in processes it forks."""
    leave, process = os._exit, os.getpid()

    def left(status: int) -> NoReturn:
        if os.getpid() != process:
            leave(status)
        raise SystemExit(status)

    os._exit = left
    try:
        yield
    finally:
        os._exit = leave


def _forget_modules(folder: Path, before: set[str]) -> None:
    """Let the next run import the program's own modules afresh."""
    sources = SourceMap(folder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in before and file and sources.file(file) and not name.startswith("hybridml"):
            del sys.modules[name]


@contextmanager
def _collector_off(planning: bool) -> Iterator[None]:
    """Planning makes millions of objects that live to the end: looking for garbage among them is half the time.

    They are left out of the next searches too, and searched when another run begins.
    """
    if not planning or not gc.isenabled():
        yield
        return
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
