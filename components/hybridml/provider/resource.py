"""What every own resource is: typed inputs and state, and six verbs that know nothing of gRPC."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from hybridml.errors import Refused, ResourceError
from hybridml.provider.shape import Failure, camel, read, write
from hybridml.provider.unknown import NotKnownYet, holds_unknown, same

I = TypeVar("I")  # noqa: E741 - inputs
S = TypeVar("S")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What a check may know beside the inputs."""

    name: str
    """Logical name of the resource."""
    seed: bytes = b""
    """Random bytes that are the same when the check is repeated: names made from them are stable under retry."""
    old: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Inputs of the existing resource as they were checked; empty for a new one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """Inputs with defaults and automatic names, and everything that is wrong with them."""

    inputs: dict[str, Any]
    failures: tuple[Failure, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What an update would do: wire names of the properties that change, and of those that replace."""

    changed: frozenset[str]
    replaces: frozenset[str]
    delete_before_replace: bool
    drifted: frozenset[str] = frozenset()
    """Outputs whose reality is not what the state says."""


class HalfMade(ResourceError):  # noqa: N818 - says what happened
    """A resource exists but is not what was asked for; its state is recorded, and the next run tries again."""

    def __init__(self, message: str, *, state: Any) -> None:
        super().__init__(message)
        self.state = state


class Resource(Generic[I, S]):
    """Base of every own resource. Verbs are idempotent: after a crash they run again with the same inputs.

    `cancelled` is set when the engine is told to stop; whoever waits looks at it.
    """

    inputs: ClassVar[type[Any]]
    """Dataclass of what is asked for."""
    state: ClassVar[type[Any]]
    """Dataclass of what is there: every input under its own name, and what the resource computes."""
    replaces_on: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change replaces the resource."""
    public: ClassVar[frozenset[str]] = frozenset()
    """Computed outputs that stay public even when an input is secret."""
    stable: ClassVar[frozenset[str]] = frozenset()
    """Computed outputs that an update in place keeps."""
    automatic: ClassVar[frozenset[str]] = frozenset()
    """Inputs that only the check itself sets; a program cannot."""
    rules: ClassVar[tuple[Callable[[Any], Iterable[Failure]], ...]] = ()
    """Cross-field rules; one that looks inside a value not known yet is skipped."""
    foresight: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Computed outputs that follow from the inputs alone, shown in a preview."""

    def __init__(self, cancelled: threading.Event | None = None) -> None:
        self.cancelled = cancelled or threading.Event()

    def check(self, raw: Mapping[str, Any], context: Context) -> Checked:
        """Validate `raw` and fill in defaults; all failures at once."""
        failures = [Failure(path=camel(name), reason="is set by the provider") for name in self._forbidden(raw)]
        given = {key: value for key, value in raw.items() if value is not None}
        filled = {**given, **({} if failures else self.complete(given, context))}
        inputs: I = read(self.inputs, filled, failures)
        for rule in self.rules:
            failures.extend(_broken(rule, inputs))
        return Checked(inputs=write(inputs), failures=tuple(failures))

    def _forbidden(self, raw: Mapping[str, Any]) -> list[str]:
        return sorted(name for name in self.automatic if raw.get(camel(name)) is not None)

    def complete(self, raw: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
        """Inputs that are derived from others or from the seed, by wire name; nothing by default."""
        return {}

    def diff(self, state: S, old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
        """Which checked inputs differ, by wire name, and which of them replace the resource."""
        changed = frozenset(key for key in old.keys() | new.keys() if _differs(old.get(key), new.get(key)))
        replacing = frozenset(map(camel, self.replaces_on)) & changed
        drifted = frozenset(map(camel, self.drift(state)))
        return Changes(
            changed=changed,
            replaces=replacing,
            delete_before_replace=self.deletes_first(old, new),
            drifted=drifted,
        )

    def deletes_first(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether a replacement deletes the old one before the new one is created."""
        return False

    def drift(self, state: S) -> frozenset[str]:
        """Outputs that a quick look finds untrue; their repair is an update in place."""
        return frozenset()

    def identity(self, state: S) -> str:
        """The id of the resource."""
        raise NotImplementedError

    def create(self, inputs: I) -> S:
        """Bring it about; running twice says the same."""
        raise NotImplementedError

    def read(self, state: S) -> S | None:
        """What is there now, or None when it is gone."""
        raise NotImplementedError

    def update(self, inputs: I, state: S) -> S:
        """Change what is there; by default creating again is enough."""
        return self.create(inputs)

    def delete(self, state: S) -> None:
        """Remove it; nothing happens when it is already gone."""
        raise NotImplementedError


class PlannedOnly(Resource[I, S]):
    """A resource that is checked and planned in full, and refuses to be applied in this release."""

    way_out: ClassVar[str]
    """What to do instead, a whole sentence."""

    def _refuse(self) -> Refused:
        return Refused(
            f"{type(self).__name__} is planned and checked, but this release cannot apply it. {self.way_out}"
        )

    def create(self, inputs: I) -> S:
        """Refuse, by name."""
        raise self._refuse()

    def read(self, state: S) -> S | None:
        """The state as it is: nothing was ever applied that could differ."""
        return state

    def update(self, inputs: I, state: S) -> S:
        """Refuse, by name."""
        raise self._refuse()

    def delete(self, state: S) -> None:
        """Refuse, by name."""
        raise self._refuse()


def _broken(rule: Callable[[Any], Iterable[Failure]], inputs: Any) -> list[Failure]:
    try:
        return list(rule(inputs))
    except NotKnownYet:
        return []


def _differs(old: Any, new: Any) -> bool:
    return holds_unknown(new) or not same(old, new)
