"""What a running program asks the engine, and who answers.

`engine.service` turns Pulumi's wire protocol into the plain records below and asks a `Resolver` what the answer is. Two
resolvers exist: the one of `plan` answers with placeholders, the one of `apply` creates what is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from hybridml.engine.values import Properties, Value

SdkClass: TypeAlias = type
"""A class of a Pulumi SDK: a resource's, or a function's result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where in the user's program a resource is created."""

    file: str
    """Path relative to the project's root, in POSIX form; absolute when the file is outside of it."""
    line: int
    """One-based line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a resource, after transforms, by their meaning to an engine."""

    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    """None when the program does not say."""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """URNs that this resource may have had, inherited ones included, most specific first."""
    import_id: str = ""
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    """`create`, `read`, `update`, `delete` to a duration such as `10m`."""
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    replacement_trigger: Value = None
    hide_diffs: tuple[str, ...] = ()
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`before_create`, `after_create`, ..., `on_error` to names of registered hooks."""
    version: str = ""
    plugin_download_url: str = ""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Of a component: package name to provider reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A resource that the program wants to exist. Every input that the program waits for is resolved."""

    urn: str
    type: str
    """Token: `aws:s3/bucket:Bucket`."""
    name: str
    parent: str
    """URN of the parent; empty for the stack alone."""
    custom: bool
    """Managed by a provider; otherwise a component."""
    remote: bool = False
    """A component that another package's plugin constructs."""
    inputs: Properties
    dependencies: tuple[str, ...] = ()
    """URNs, sorted: what inputs were computed from, and `depends_on`."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str = ""
    """Provider reference `URN::ID`; empty for the default provider of the package."""
    options: Options = field(default_factory=Options)
    source: Source | None = None
    declared: SdkClass | None = None
    """The SDK's class, whose annotations say which outputs there are; None for an untyped resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A resource that exists already and is looked up by id (`Bucket.get`, `StackReference`)."""

    urn: str
    type: str
    name: str
    parent: str
    id: str
    inputs: Properties
    dependencies: tuple[str, ...] = ()
    provider: str = ""
    options: Options = field(default_factory=Options)
    source: Source | None = None
    declared: SdkClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A provider's function, or a method of a resource, that the program calls."""

    token: str
    args: Properties
    provider: str = ""
    method: bool = False
    """A method of a resource (`Call`) and no function (`Invoke`)."""
    version: str = ""
    declared: SdkClass | None = None
    """The SDK's result class; None when the program called untyped."""
    plain: bool = False
    """The program waits for a plain result (`get_x(...)`) rather than an output (`get_x_output(...)`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a registration or a read."""

    id: str = ""
    """Empty for a component, and for an id that nobody knows."""
    outputs: Properties = field(default_factory=dict)
    """Outputs by wire name. A name that is absent is unknown while planning, and None while applying."""
    skipped: bool = False
    """Nothing was done about it, so nobody knows its outputs."""


class Resolver(Protocol):
    """Answers a program's requests.

    A method may raise a `HybridMLError`: it ends the program and is reported as it is.
    """

    blocking: bool
    """Whether an answer takes time. If so each request runs on a thread of its own, many at once, and the methods are
    called concurrently; otherwise all run on the program's own thread, one after the other."""

    def register(self, registration: Registration) -> Outcome:
        """Make `registration` true, or say what it would be. The stack itself is registered too, first."""

    def read(self, read: Read) -> Outcome:
        """Look up a resource that exists already."""

    def invoke(self, invocation: Invocation) -> Properties | None:
        """The result of a function or method; None when it cannot be known."""

    def finish(self, urn: str, outputs: Properties) -> None:
        """A component's outputs are registered. Those of the stack are the stack's outputs."""
