"""Who gets how much while versions change places: the weighted split as a pure function of the percent moved."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hybridml.proxy.clusters import cluster_name, direct_name
from hybridml.proxy.message import Message

VERSION_HEADER: Final = "x-hybridml-version"
"""Response header that names the version that answered."""
UNITS: Final = 10_000
"""Units of one percent of weight while versions change places: a step is exact to a ten-thousandth of a percent."""
_METADATA: Final = "hybridml"


@dataclass(frozen=True, kw_only=True)
class ServedVariant:
    """A variant of an endpoint: which bytes of which version it serves, and its share."""

    version: str
    """Version of the model, as in the specification."""
    revision: str
    """Version and digest of the artifact: `4-5ac0ffee`; clusters are named by it."""
    weight: int
    """Share of the requests that no route takes, 0 to 100."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one revision gets of the split."""

    version: str
    revision: str
    units: int
    """Relative to the sum of all shares."""


Variants = Mapping[str, ServedVariant]


def moving(before: Variants, after: Variants) -> dict[str, ServedVariant | None]:
    """The variants whose revision changes, with what answers for each until it has moved; None when nobody can.

    A variant that was not there before takes its share from the champion, step by step as well. What the champion
    served before has nothing to prove: where another variant takes it over, that one moves at once.
    """
    champion = before.get("champion")
    return {
        name: before.get(name) or champion
        for name, variant in after.items()
        if variant.weight and variant.revision not in {each.revision for each in (before.get(name), champion) if each}
    }


def shares(before: Variants, after: Variants, percent: float) -> list[Share]:
    """The split when the variants that change have moved by `percent`, 0 to 100; weights are those of `after`.

    The units sum to 100 weights exactly, whatever the percent.
    """
    old = moving(before, after)
    units: Counter[tuple[str, str]] = Counter()
    for name, variant in after.items():
        whole, stays = variant.weight * UNITS, old.get(name)
        moved = whole if stays is None else round(whole * percent / 100)
        units[variant.revision, variant.version] += moved
        if stays is not None:
            units[stays.revision, stays.version] += whole - moved
    return [Share(version=v, revision=r, units=n) for (r, v), n in sorted(units.items()) if n]


def weighted(parts: Iterable[Share], *, direct: bool = False) -> Message:
    """Envoy's weighted clusters for `parts`; `direct` names the clusters that no measurement looks at."""
    named = direct_name if direct else cluster_name
    return {
        "clusters": [
            {
                "name": named(part.revision),
                "weight": part.units,
                "response_headers_to_add": [names(part.version)],
            }
            for part in parts
        ]
    }


def names(version: str) -> Message:
    """The response header that names `version`."""
    return {"header": {"key": VERSION_HEADER, "value": version}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def divided(table: Message, parts: Sequence[Share]) -> dict[str, Any]:
    """The route configuration `table` with its split, and whatever follows it, divided into `parts`."""
    changed = copy.deepcopy(dict(table))
    for route in _routes(changed):
        action = route.get("route", {})
        if "weighted_clusters" in action:
            action["weighted_clusters"] = weighted(parts, direct=route.get("name") != "split")
    return changed


def marked(table: Message, variants: Variants) -> dict[str, Any]:
    """The route configuration `table`, with the variants that it serves written into its metadata."""
    said = {name: {"version": v.version, "revision": v.revision, "weight": v.weight} for name, v in variants.items()}
    return {**table, "metadata": {"filter_metadata": {_METADATA: {"variants": said}}}}


def variants_of(table: Message) -> dict[str, ServedVariant]:
    """The variants that a marked route configuration serves; empty when it says nothing."""
    found: Any = table
    for key in ("metadata", "filter_metadata", _METADATA, "variants"):
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    try:
        return {name: ServedVariant(**said) for name, said in dict(found).items()}
    except (TypeError, ValueError):
        return {}


def _routes(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [route for host in table.get("virtual_hosts", ()) for route in host.get("routes", ())]
