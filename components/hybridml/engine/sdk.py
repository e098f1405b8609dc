"""What a run changes in the Pulumi SDK while a program runs, and puts back afterwards.

Only names that the SDK documents are wrapped, with one exception that is looked for before it is used: the function
that captures a full stack trace for every resource. Should it disappear, plans stay right and become slower, and a test
says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pulumi
import pulumi.runtime.resource as _registration
from pulumi.runtime.proto import source_pb2

from hybridml import origin
from hybridml.engine import calls, shapes
from hybridml.engine.source import SourceMap

TRACE = "_get_stack_trace"
"""The SDK's function that captures a stack trace for every resource."""


class MissingConfig:
    """Collects the required configuration that a program asks for and nobody set, so that all of it is reported."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def wrappers(self) -> dict[str, Callable[..., Any]]:
        """The `require` methods of `pulumi.Config`; each answers with a stand-in and remembers the key."""
        stand_ins: dict[str, Callable[[str], Any]] = {
            "": shapes.physical_name,
            "_bool": lambda _: False,
            "_int": lambda _: 1,
            "_float": lambda _: 1.0,
            "_object": lambda _: {},
        }
        wrapped = {}
        for kind, stand_in in stand_ins.items():
            wrapped[f"require{kind}"] = self._wrap(f"require{kind}", stand_in)
            wrapped[f"require_secret{kind}"] = self._wrap(f"require_secret{kind}", _secretly(stand_in))
            wrapped[f"get{kind}"] = self._wrap(f"get{kind}", stand_in)
            wrapped[f"get_secret{kind}"] = self._wrap(f"get_secret{kind}", _secretly(stand_in))
        return wrapped

    def _wrap(self, name: str, stand_in: Callable[[str], Any]) -> Callable[..., Any]:
        original = getattr(pulumi.Config, name)

        def read(config: pulumi.Config, key: str, *default: Any, **more: Any) -> Any:
            try:
                return original(config, key, *default, **more)
            except pulumi.ConfigMissingError:
                self.keys.add(config.full_key(key))
            except pulumi.ConfigTypeError:
                # A secret that cannot be decrypted has a text in its place, whatever type it has.
                if not shapes.is_placeholder(pulumi.runtime.get_config(config.full_key(key))):
                    raise
            return stand_in(key)

        return read


@contextmanager
def instrumented(sources: SourceMap, missing: MissingConfig, *, planning: bool) -> Iterator[None]:
    """Run a program with the SDK wrapped for this engine."""
    with ExitStack() as stack:
        for name, wrapper in calls.wrappers().items():
            stack.enter_context(_replaced(pulumi.runtime, name, wrapper))
        for name, wrapper in missing.wrappers().items():
            stack.enter_context(_replaced(pulumi.Config, name, wrapper))
        if hasattr(_registration, TRACE):
            stack.enter_context(_replaced(_registration, TRACE, _short_trace(sources)))
        if planning:
            stack.enter_context(_replaced(pulumi.Output, "apply", _forgiving(pulumi.Output.apply)))
        yield


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def remember_classes(classes: dict[str, type]) -> Callable[[pulumi.ResourceTransformationArgs], None]:
    """A transformation that changes nothing and notes which class stands for which type token."""

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        classes.setdefault(args.type_, type(args.resource))

    return note


def _short_trace(sources: SourceMap) -> Callable[[], source_pb2.StackTrace]:
    """Capture one frame, the user's or that of the file it says it makes, where the SDK captures all."""

    def capture() -> source_pb2.StackTrace:
        asked = origin.current()
        known = asked is not None and sources.file(str(asked.file)) is not None
        place = (str(asked.file), asked.line) if asked and known else sources.here()
        if place is None:
            return source_pb2.StackTrace()
        position = source_pb2.SourcePosition(uri=f"file://{place[0]}", line=place[1])
        return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])

    return capture


def _forgiving(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Let a callback that fails on a placeholder leave its output unknown, as a preview would have left it."""

    def guarded(output: Any, func: Callable[[Any], Any], run_with_unknowns: bool = False) -> Any:
        def call(value: Any) -> Any:
            try:
                result = func(value)
            except Exception:
                if _made_up(value):
                    return pulumi.UNKNOWN
                raise
            return _forgiven(result, value) if inspect.iscoroutine(result) else result

        return apply(output, call, run_with_unknowns)

    return guarded


async def _forgiven(result: Any, value: Any) -> Any:
    try:
        return await result
    except Exception:
        if _made_up(value):
            return pulumi.UNKNOWN
        raise


def _made_up(value: Any, depth: int = 0) -> bool:
    """Whether any part of a callback's argument is a placeholder or unknown."""
    if isinstance(value, str):
        return shapes.is_placeholder(value)
    if isinstance(value, type(pulumi.UNKNOWN)):
        return True
    if depth > 8:  # noqa: PLR2004 - deeper than results nest; guards against a cycle
        return False
    if isinstance(value, dict):
        return any(_made_up(value[key], depth + 1) for key in value)
    if isinstance(value, list | tuple):
        return any(_made_up(item, depth + 1) for item in value)
    return any(_made_up(item, depth + 1) for item in vars(value).values()) if hasattr(value, "__dict__") else False


def _secretly(stand_in: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda key: pulumi.Output.secret(stand_in(key))
