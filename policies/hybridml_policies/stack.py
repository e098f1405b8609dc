"""Every resource of a stack, and who refers to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hybridml_policies.values import SECRET, UNKNOWN, Found, Resource, find, find_input, text_of, texts

_IDENTITIES = (
    "id",
    "inputs.bucket",
    "inputs.name",
    "inputs.metadata.name",
    "outputs.id",
    "outputs.bucket",
    "outputs.name",
    "outputs.arn",
    "outputs.metadata.name",
)
"""Where a resource carries what others call it by."""


@dataclass(frozen=True)
class Referrers:
    """The resources that refer to another one."""

    certain: tuple[Resource, ...]
    possible: tuple[Resource, ...]
    """Those whose reference is not known and may be to this resource or to another one."""


@dataclass
class _Index:
    """Who is referred to, by name, by dependency, or by nobody knows which of several."""

    named: Mapping[str, list[str]]
    """URNs of those that are called by a name."""
    by_name: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    by_urn: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    maybe: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    adrift: list[Resource] = field(default_factory=list)

    def add(self, referrer: Resource, found: Found, subjects: Collection[str]) -> None:
        """Enter one reference; one that is not known is to what its owner depends on, of the same name if any is."""
        if not found.unknown:
            if isinstance(found.value, str):
                self.by_name[found.value].append(referrer)
            return
        upstream = [urn for urn in texts(referrer.get("dependsOn")) if urn in subjects]
        alike = self.named.get(found.value, []) if isinstance(found.value, str) else []
        self._follow(referrer, [urn for urn in upstream if urn in alike] or alike or upstream)

    def _follow(self, referrer: Resource, targets: list[str]) -> None:
        if not targets:
            self.adrift.append(referrer)
        for urn in targets:
            (self.by_urn if len(targets) == 1 else self.maybe)[urn].append(referrer)


class Stack:
    """The resources of one stack, in the order in which the program registered them."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resource for resource in resources if isinstance(resource, Mapping))
        self._indexes: dict[tuple[frozenset[str], frozenset[str], str], _Index] = {}

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        grouped: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            grouped[text_of(resource, "type")].append(resource)
        return grouped

    @cached_property
    def _by_urn(self) -> Mapping[str, Resource]:
        return {text_of(resource, "urn"): resource for resource in self.resources}

    def of(self, types: Iterable[str]) -> tuple[Resource, ...]:
        """Every resource of these types."""
        return tuple(resource for token in sorted(types) for resource in self._by_type.get(token, ()))

    def upstream(self, resource: Resource) -> tuple[Resource, ...]:
        """Every resource that `resource` depends on, directly or through others."""
        seen: dict[str, Resource] = {}
        queue = list(texts(resource.get("dependsOn")))
        while queue:
            urn = queue.pop()
            if urn in self._by_urn and urn not in seen:
                seen[urn] = self._by_urn[urn]
                queue.extend(texts(self._by_urn[urn].get("dependsOn")))
        return tuple(seen[urn] for urn in sorted(seen))

    def referrers(self, subject: Resource, alike: frozenset[str], types: frozenset[str], path: str) -> Referrers:
        """The resources of `types` whose input `path` refers to `subject`.

        A known value refers by name; one that is not known refers to whichever resource of the types `alike` its owner
        depends on. When that is several, or none, the reference is only possible.
        """
        key = (alike, types, path)
        if key not in self._indexes:
            self._indexes[key] = self._index(alike, types, path)
        index, urn = self._indexes[key], text_of(subject, "urn")
        certain = [*index.by_urn.get(urn, ()), *(r for name in _names(subject) for r in index.by_name.get(name, ()))]
        return Referrers(_once(certain), _once([*index.maybe.get(urn, ()), *index.adrift]))

    def _index(self, alike: frozenset[str], types: frozenset[str], path: str) -> _Index:
        subjects = {text_of(subject, "urn"): subject for subject in self.of(alike)}
        named: dict[str, list[str]] = defaultdict(list)
        for urn, subject in subjects.items():
            for name in _names(subject):
                named[name].append(urn)
        index = _Index(named)
        for referrer in self.of(types):
            for found in find_input(referrer, path):
                index.add(referrer, found, subjects.keys())
        return index


def _names(subject: Resource) -> tuple[str, ...]:
    found = (place.value for path in _IDENTITIES for place in find(subject, path))
    return tuple(dict.fromkeys(v for v in found if isinstance(v, str) and v and v not in (UNKNOWN, SECRET)))


def _once(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple({id(resource): resource for resource in resources}.values())
