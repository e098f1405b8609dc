"""What a stack holds while it changes: every step is on disk before it begins and after it ends.

`<state directory>/journal.jsonl` holds one event per line, appended and synced. Its first line names, by digest, the
deployment file it continues. What a stack holds is that file with the events applied, by the same code (`_Contents`)
whether a run makes them or the next one reads them; a begin without an end is an operation pending.

Closing writes the deployment file anew and removes the journal. The line `fold`, written in between, names the new
file, so that a run killed there is understood too.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from hybridml.engine import secrets, state
from hybridml.engine.secrets import Crypter
from hybridml.engine.state import Operation, Pending, ResourceState, State
from hybridml.errors import StateError

FILE: Final = "journal.jsonl"
"""The journal's name in a state directory."""
VERSION: Final = 1
"""Version of the journal's lines."""

Kind = Literal["begin", "end", "fail", "put", "drop", "gone"]
_OPERATIONS: Final = {"begin": get_args(Operation), "put": (None,)}
"""The operations that a line with a resource may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one entry of a stack."""

    kind: Kind
    """`begin`, `end` and `fail` frame a call of a provider; `put`, `drop` and `gone` record without one."""
    key: int
    """The entry: its place in the deployment file, or a number after those."""
    operation: Operation | None = None
    """Of a `begin`."""
    resource: ResourceState | None = None
    """Of a `begin`: with the checked inputs. Of an `end` or `put`: what the entry is now."""
    seed: str = ""
    """Of a `begin`: the randomness that the check was given, in hexadecimal."""


@dataclass(slots=True)
class _Contents:
    """Entries by key, and what is pending on them."""

    entries: dict[int, ResourceState] = field(default_factory=dict)
    pending: dict[int, Pending] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    """URN to the entry that is not waiting for its deletion."""
    next_key: int = 0

    @classmethod
    def of(cls, recorded: State) -> _Contents:
        contents = cls()
        for resource in recorded.resources:
            contents._put(contents.next_key, resource)
        for pending in recorded.pending:
            contents._resume(pending)
        return contents

    def _resume(self, pending: Pending) -> None:
        """Tie a recorded operation to its entry; one that creates is an entry to be."""
        resource = pending.resource
        keys = (
            k
            for k, e in self.entries.items()
            if (e.urn, e.id, e.delete) == (resource.urn, resource.id, resource.delete)
        )
        key = self.next_key if pending.operation == "create" else next(keys, None)
        if key is not None:
            self.pending[key] = pending
            self.next_key = max(self.next_key, key + 1)

    def apply(self, event: Event) -> None:
        """Make `event` part of what the stack holds."""
        self.next_key = max(self.next_key, event.key + 1)
        if event.kind == "begin":
            assert event.operation and event.resource  # noqa: S101 - the reader made sure
            self.pending[event.key] = Pending(operation=event.operation, resource=event.resource)
            return
        self.pending.pop(event.key, None)
        if event.kind == "fail":
            return
        if event.kind == "gone":
            self._forget(event.key)
        elif event.resource is None:
            self._drop(event.key)
        else:
            self._put(event.key, event.resource)

    def _put(self, key: int, resource: ResourceState) -> None:
        """Record an entry. A new living one takes the place of the old one, which is then to be deleted."""
        self.next_key = max(self.next_key, key + 1)
        if not resource.delete:
            old = self.live.get(resource.urn)
            if old is not None and old != key:
                self._retire(old)
            self.live[resource.urn] = key
        before = self.entries.get(key)
        if before and self.live.get(before.urn) == key and (resource.delete or before.urn != resource.urn):
            del self.live[before.urn]
        self.entries[key] = resource
        if before and before.urn != resource.urn:
            self._rename(before.urn, resource.urn)

    def _retire(self, key: int) -> None:
        self.entries[key] = replace(self.entries[key], delete=True)
        begun = self.pending.get(key)
        if begun is not None:
            self.pending[key] = replace(begun, resource=replace(begun.resource, delete=True))

    def _rename(self, old: str, new: str) -> None:
        """Let every entry that names the URN `old` name `new`."""
        for key, entry in self.entries.items():
            if old in entry.needs or old == entry.deleted_with:
                self.entries[key] = entry.renamed(old, new)

    def _forget(self, key: int) -> None:
        """Drop an entry, and every reference to it that names nothing now."""
        gone = self.entries.get(key)
        self._drop(key)
        if gone and all(entry.urn != gone.urn for entry in self.entries.values()):
            for other, entry in self.entries.items():
                if gone.urn in entry.refers_to:
                    self.entries[other] = entry.without(gone)

    def _drop(self, key: int) -> None:
        gone = self.entries.pop(key, None)
        if gone and self.live.get(gone.urn) == key:
            del self.live[gone.urn]

    def state(self) -> State:
        """As a deployment: in the order in which they need each other."""
        return State(resources=tuple(in_order(self.entries)), pending=tuple(self.pending.values()))


class Ledger:
    """What one stack holds, and its journal. Safe for threads. Open it under the stack's lock.

    Errors: `StateError` when state or journal cannot be read or do not belong together; nothing is changed then.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE
        self._guard = threading.Lock()
        content = _content(directory / state.FILE)
        document = None if content is None else state.parse_document(content, directory / state.FILE)
        self.crypter = _crypter(directory, document)
        recorded = state.decode(document, self.crypter, directory / state.FILE) if document else State()
        self._contents = _Contents.of(recorded)
        self._base = state.digest(content)
        self._descriptor: int | None = None
        events = _unfinished(self._path, self._base, self.crypter)
        for event in events or ():
            self._contents.apply(event)
        _tidy(self._path, keep=events is not None)
        self._fold()

    @property
    def state(self) -> State:
        """What the stack holds now."""
        with self._guard:
            return self._contents.state()

    @property
    def entries(self) -> Mapping[int, ResourceState]:
        """A copy of the entries by key, in the order in which they were made."""
        with self._guard:
            return dict(self._contents.entries)

    @property
    def pending(self) -> Mapping[int, Pending]:
        """A copy of the operations that began and have no end, by the key of their entry."""
        with self._guard:
            return dict(self._contents.pending)

    def find(self, urns: Iterable[str]) -> tuple[int, ResourceState] | None:
        """Key and entry of the first of `urns` that is alive."""
        with self._guard:
            keys = (self._contents.live.get(urn) for urn in urns)
            return next(((key, self._contents.entries[key]) for key in keys if key is not None), None)

    def new_key(self) -> int:
        """A key for an entry to be."""
        with self._guard:
            self._contents.next_key += 1
            return self._contents.next_key - 1

    def begin(self, key: int, operation: Operation, resource: ResourceState, *, seed: str = "") -> None:
        """Record that `operation` is about to be done, with the checked inputs in `resource`."""
        self._record(Event(kind="begin", key=key, operation=operation, resource=resource, seed=seed))

    def end(self, key: int, resource: ResourceState | None) -> None:
        """Record that the operation is done and what the entry is now; None when it is gone."""
        self._record(Event(kind="end", key=key, resource=resource))

    def fail(self, key: int) -> None:
        """Record that the operation was refused by its provider and changed nothing."""
        self._record(Event(kind="fail", key=key))

    def put(self, key: int, resource: ResourceState) -> None:
        """Record what an entry is, where no provider was asked to change anything."""
        with self._guard:
            known = self._contents.entries.get(key)
        if known != resource:
            self._record(Event(kind="put", key=key, resource=resource))

    def drop(self, key: int) -> None:
        """Forget an entry that is gone, or that is kept outside the stack."""
        self._record(Event(kind="drop", key=key))

    def forget(self, key: int) -> None:
        """Forget an entry that was found gone, and let nothing refer to it any more."""
        self._record(Event(kind="gone", key=key))

    def close(self) -> None:
        """Write the deployment file anew, if anything happened, and remove the journal."""
        self._fold()

    def _record(self, event: Event) -> None:
        line = _encode(event, self.crypter)
        with self._guard:
            self._write(line)
            self._contents.apply(event)

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if not os.fstat(self._descriptor).st_size:
                self._append({"event": "open", "version": VERSION, "base": self._base, "salt": self.crypter.salt})
                state.sync_directory(self._directory)
        self._append(line)

    def _append(self, line: Mapping[str, Any]) -> None:
        assert self._descriptor is not None  # noqa: S101 - opened by the caller
        try:
            _write_all(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
            os.fsync(self._descriptor)
        except OSError as error:
            raise StateError(f"{self._path} cannot be written: {error.strerror}; nothing new is begun.") from error

    def _fold(self) -> None:
        with self._guard:
            if not self._path.exists():
                return
            document = state.encode(self._contents.state(), self.crypter)
            self._write({"event": "fold", "digest": state.digest(state.serialise(document))})
            self._base = state.write(self._directory, document)
            assert self._descriptor is not None  # noqa: S101 - opened by the line above
            os.close(self._descriptor)
            self._descriptor = None
            self._path.unlink()
            state.sync_directory(self._directory)
            self._contents = _Contents.of(self._contents.state())


def in_order(entries: Mapping[int, ResourceState]) -> list[ResourceState]:
    """The entries, each after what it needs; otherwise as they were made, those to be deleted last."""
    keys = sorted(entries, key=lambda key: (entries[key].delete, key))
    by_urn: dict[str, int] = {}
    for key in keys:
        by_urn.setdefault(entries[key].urn, key)
    ordered: dict[int, ResourceState] = {}
    entered: set[int] = set()
    for root in keys:
        stack = [(root, False)]
        while stack:
            key, done = stack.pop()
            if done:
                ordered[key] = entries[key]
            elif key not in entered:
                entered.add(key)
                needs = sorted(by_urn[urn] for urn in entries[key].needs if urn in by_urn)
                stack += [(key, True), *((need, False) for need in reversed(needs))]
    return list(ordered.values())


def _crypter(directory: Path, document: Mapping[str, Any] | None) -> Crypter:
    phrase = secrets.local_passphrase(directory)
    if document is None:
        return _kept_crypter(directory, phrase)
    return secrets.unlock(state.salt_of(document, directory / state.FILE), phrase, source=str(directory / "passphrase"))


def _kept_crypter(directory: Path, phrase: str) -> Crypter:
    """The crypter of a stack that has no deployment file yet: the one its journal began with, or a new one."""
    salts = (line.get("salt") for line in _lines(directory / FILE))
    salt = next((salt for salt in salts if isinstance(salt, str)), None)
    return secrets.unlock(salt, phrase, source=str(directory / "passphrase")) if salt else secrets.create(phrase)


def _unfinished(path: Path, base: str, crypter: Crypter) -> list[Event] | None:
    """The events of a run that was killed; None when there are none, or the deployment file has them already."""
    lines = _lines(path)
    if not lines:
        return None
    if lines[0].get("version") != VERSION or lines[0].get("event") != "open":
        raise StateError(
            f"{path} is no journal of version {VERSION}. Use the release that wrote it; nothing was changed."
        )
    if lines[-1].get("event") == "fold" and lines[-1].get("digest") == base:
        return None
    if lines[0].get("base") != base:
        raise StateError(
            f"{path} continues another {state.FILE} than the one beside it, which was changed since. "
            f"Put that one back ({state.BACKUP} is the one before the last change); nothing was changed."
        )
    return [_decode(line, crypter, path) for line in lines[1:] if line.get("event") != "fold"]


def _tidy(path: Path, *, keep: bool) -> None:
    """Cut off the line that was being written when the run was killed; remove a journal that has had its time."""
    content = _content(path)
    if content is None:
        return
    if not keep:
        path.unlink()
    elif not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal. A last one that was cut short never counted: what it announced had not begun."""
    complete, _, _ = (_content(path) or b"").rpartition(b"\n")
    try:
        return [dict(json.loads(line)) for line in complete.splitlines()]
    except (ValueError, TypeError) as error:
        raise StateError(
            f"{path} is damaged: {error}. What a run was doing is lost with it; compare {state.FILE} with what "
            "there is, then move the journal away. Nothing was changed."
        ) from error


def _encode(event: Event, crypter: Crypter) -> dict[str, Any]:
    line: dict[str, Any] = {"event": event.kind, "key": event.key}
    if event.operation:
        line["operation"] = event.operation
    if event.resource:
        line["resource"] = state.encode_resource(event.resource, crypter)
    return line | ({"seed": event.seed} if event.seed else {})


def _decode(line: Mapping[str, Any], crypter: Crypter, path: Path) -> Event:
    try:
        resource = line.get("resource")
        event = Event(
            kind=line["event"],
            key=line["key"],
            operation=line.get("operation"),
            resource=state.decode_resource(resource, crypter) if resource else None,
            seed=line.get("seed", ""),
        )
        if event.kind not in get_args(Kind) or type(event.key) is not int:
            raise ValueError(f"{event.kind!r} of {event.key!r}")
        if event.kind in ("begin", "put") and (
            event.resource is None or event.operation not in _OPERATIONS[event.kind]
        ):
            raise ValueError(f"a {event.kind} of nothing")
    except (KeyError, TypeError, AttributeError, ValueError, StateError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"cannot be understood: {error}"
        raise StateError(f"{path} is damaged: a line in it {what}. Nothing was changed.") from error
    return event


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}; nothing was changed.") from error


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
