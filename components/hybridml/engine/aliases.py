"""URNs: built, taken apart, and the ones a resource may have had before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Urn:
    """The parts of `urn:pulumi:<stack>::<project>::<parent types$type>::<name>`."""

    stack: str
    project: str
    qualified_type: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Urn:
        """Take a URN apart. A name may itself hold `::`."""
        stack, project, qualified, name = text.removeprefix("urn:pulumi:").split("::", 3)
        return cls(stack, project, qualified, name)

    @property
    def type(self) -> str:
        """The resource's own type, without its parents'."""
        return self.qualified_type.rpartition("$")[2]

    def __str__(self) -> str:
        return f"urn:pulumi:{self.stack}::{self.project}::{self.qualified_type}::{self.name}"


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource. A parent that is the stack leaves no trace in its children's URNs."""
    prefix = ""
    if parent:
        qualified = Urn.parse(parent).qualified_type
        prefix = "" if qualified == STACK_TYPE else f"{qualified}$"
    return f"urn:pulumi:{stack}::{project}::{prefix}{type_}::{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasSpec:
    """An alias as a program writes it: a whole URN, or the parts that differ."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a resource is called now."""

    stack: str
    project: str
    parent: str
    type: str
    name: str


def alias_urns(
    identity: Identity, specs: Iterable[AliasSpec], parents: Mapping[str, Sequence[str]], root: str
) -> tuple[str, ...]:
    """Every URN that `identity` may have had: its own aliases, and those its parent's aliases imply.

    `parents` maps the URN of a resource to its aliases; `root` is the URN of the stack.
    """
    own = [*specs]
    inherited = parents.get(identity.parent, ())
    found = [_alias_urn(identity, spec, identity.parent, root) for spec in own]
    for old_parent in inherited:
        for spec in [AliasSpec(), *own]:
            renamed = _renamed(identity, spec, old_parent)
            found.append(_alias_urn(renamed, spec, old_parent, root))
    current = make_urn(identity.stack, identity.project, identity.parent, identity.type, identity.name)
    return tuple(dict.fromkeys(urn for urn in found if urn != current))


def _alias_urn(identity: Identity, spec: AliasSpec, parent: str, root: str) -> str:
    if spec.urn:
        return spec.urn
    chosen = "" if spec.no_parent else spec.parent or parent
    return make_urn(
        spec.stack or identity.stack,
        spec.project or identity.project,
        "" if chosen == root else chosen,
        spec.type or identity.type,
        spec.name or identity.name,
    )


def _renamed(identity: Identity, spec: AliasSpec, old_parent: str) -> Identity:
    """A child whose name begins with its parent's is taken to have followed the parent's renaming."""
    name = spec.name or identity.name
    new, old = Urn.parse(identity.parent).name, Urn.parse(old_parent).name
    if name.startswith(new):
        name = old + name.removeprefix(new)
    return Identity(stack=identity.stack, project=identity.project, parent=old_parent, type=identity.type, name=name)
