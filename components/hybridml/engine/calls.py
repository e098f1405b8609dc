"""How a program called a provider's function: what it expects back, and in which form.

The wire says neither, so the SDK's public entry points (`pulumi.runtime.invoke` and its kin) are wrapped while a
program runs, and leave a `Form` for the monitor. Where a caller slipped past the wrappers, the form is untyped, and a
result that is not known is unknown as a whole.
"""

from __future__ import annotations

import collections.abc
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, get_origin

import pulumi

from hybridml.engine.declared import fields_of, python_names
from hybridml.engine.values import UNKNOWN, Properties

_FORM: ContextVar[Form | None] = ContextVar("hybridml_call_form", default=None)


@dataclass(slots=True)
class Form:
    """What the caller of a function expects."""

    declared: type | None = None
    """Result class of the SDK."""
    plain: bool = False
    """Whether the result is used as it is, and not through an output."""
    unknown: set[str] = field(default_factory=set)
    """Fields of the result that are not known; filled by the monitor, read by the wrapper."""


class Absent(type(pulumi.UNKNOWN)):  # type: ignore[misc]
    """An unknown that counts as false, because generated result classes check the type of whatever is true."""

    def __bool__(self) -> bool:
        return False


class OpenList(list[Any]):
    """A list whose length nobody knows: it has some members, and one more wherever an index asks for it."""

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and self and not -len(self) <= index < len(self):
            return super().__getitem__(index % len(self))
        return super().__getitem__(index)


def current_form() -> Form:
    """The form of the call that is being answered."""
    return _FORM.get() or Form()


def dummies(result: Properties, form: Form) -> Properties:
    """`result` with an empty value of the declared type in place of each unknown, which `form` remembers.

    Generated result classes refuse an unknown where they declare a list; the wrapper puts it back afterwards.
    """
    unknown = {key for key, value in result.items() if value is UNKNOWN}
    if not unknown or form.declared is None or not unknown <= fields_of(form.declared).keys():
        return result
    form.unknown |= unknown
    fields = fields_of(form.declared)
    return {key: _empty(fields[key].type) if key in unknown else value for key, value in result.items()}


def wrappers() -> dict[str, Callable[..., Any]]:
    """The entry points of `pulumi.runtime` by name, wrapped so that the monitor learns the form of each call."""
    runtime = pulumi.runtime
    return {
        "invoke": _plain(runtime.invoke),
        "invoke_single": _plain(runtime.invoke_single),
        "invoke_async": _plain_async(runtime.invoke_async),
        "invoke_output": _deferred(runtime.invoke_output),
        "invoke_output_single": _deferred(runtime.invoke_output_single),
        "call": _deferred(runtime.call),
        "call_single": _deferred(runtime.call_single),
    }


def _plain(original: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(tok: str, props: Any, opts: Any = None, typ: Any = None, *rest: Any, **more: Any) -> Any:
        form = Form(declared=typ, plain=True)
        token = _FORM.set(form)
        try:
            result = original(tok, props, opts, typ, *rest, **more)
        finally:
            _FORM.reset(token)
        _open_lists(result.value)
        return result

    return invoke


def _plain_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke(tok: str, props: Any, opts: Any = None, typ: Any = None, *rest: Any, **more: Any) -> Any:
        token = _FORM.set(Form(declared=typ, plain=True))
        try:
            value = await original(tok, props, opts, typ, *rest, **more)
        finally:
            _FORM.reset(token)
        _open_lists(value)
        return value

    return invoke


def _deferred(original: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(tok: str, props: Any, opts: Any = None, typ: Any = None, *rest: Any, **more: Any) -> Any:
        form = Form(declared=typ)
        token = _FORM.set(form)
        try:
            output = original(tok, props, opts, typ, *rest, **more)
        finally:
            _FORM.reset(token)
        return output.apply(lambda value: _restore(value, form)) if typ is not None else output

    return invoke


def _restore(value: Any, form: Form) -> Any:
    names = python_names(form.declared) if form.declared else {}
    for name in form.unknown:
        pulumi.set(value, names[name], Absent())
    return value


def _open_lists(value: Any) -> None:
    """Let an index beyond the members that were made up find one more."""
    fields = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    for name, item in list(fields.items()):
        if isinstance(item, list) and not isinstance(item, OpenList):
            fields[name] = OpenList(item)


def _empty(declared: Any) -> Any:
    origin = get_origin(declared) or declared
    if origin in (list, collections.abc.Sequence):
        return []
    if origin in (bool, int, float, str):
        return origin()
    return {}
