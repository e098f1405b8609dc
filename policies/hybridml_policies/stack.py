"""Every resource of a stack, and who refers to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hybridml_policies.values import Found, Resource, find, find_input, is_unknown, text_of, texts

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

    by_name: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    by_urn: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    maybe: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    adrift: list[Resource] = field(default_factory=list)

    def add(self, referrer: Resource, found: Found, subjects: Mapping[str, Resource], names: frozenset[str]) -> None:
        """Enter one reference."""
        if isinstance(found.value, str) and (found.value in names or not is_unknown(found.value)):
            self.by_name[found.value].append(referrer)
        elif found.unknown:
            self._follow(referrer, [urn for urn in texts(referrer.get("dependsOn")) if urn in subjects])

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
        index = _Index()
        subjects = {text_of(subject, "urn"): subject for subject in self.of(alike)}
        names = frozenset(name for subject in subjects.values() for name in _names(subject))
        for referrer in self.of(types):
            for found in find_input(referrer, path):
                index.add(referrer, found, subjects, names)
        return index


def _names(subject: Resource) -> tuple[str, ...]:
    found = (place.value for path in _IDENTITIES for place in find(subject, path))
    return tuple(dict.fromkeys(v for v in found if isinstance(v, str) and v and v not in ("[unknown]", "[secret]")))


def _once(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple({id(resource): resource for resource in resources}.values())
