"""What a plan would change, as a person reads it: a mark on each resource, what goes, and the sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from hybridml.report.paint import Line

Entry: TypeAlias = Mapping[str, object]

_MARKS = {
    "create": ("+", "bold green"),
    "update": ("~", "bold yellow"),
    "replace": ("±", "bold magenta"),
    "delete": ("-", "bold red"),
}
_SHOWN = 5
"""Properties named on a line; more are counted."""


class Changes:
    """The difference of a plan to a state; without one, nothing is marked."""

    def __init__(self, plan: Mapping[str, object]) -> None:
        listed = plan.get("diff")
        self._compared = isinstance(listed, Sequence)
        entries = listed if isinstance(listed, Sequence) else ()
        self._by_urn: dict[object, Entry] = {each["urn"]: each for each in entries if isinstance(each, Mapping)}
        self._summary = plan.get("summary")

    def mark(self, urn: str) -> Line:
        """What stands before the name of a resource."""
        action = str(self._by_urn.get(urn, {}).get("action"))
        return [(f"{mark} ", style) for mark, style in [_MARKS.get(action, ("", ""))] if mark]

    def why(self, urn: str) -> Line:
        """What stands behind the name of a resource that changes: the properties that do."""
        change = self._by_urn.get(urn, {})
        if change.get("action") not in ("update", "replace"):
            return []
        listed = change.get("properties")
        paths = [str(each["path"]) for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        doubt = "; may replace" if change.get("action") == "update" and change.get("mayReplace") else ""
        return [(f"  {', '.join(paths[:_SHOWN])}{more}{doubt}", "yellow")]

    def gone(self) -> Iterator[Line]:
        """What the program does not ask for any more."""
        names = sorted(str(urn) for urn, change in self._by_urn.items() if change.get("action") == "delete")
        yield from [[], [("to delete", "bold")]] if names else []
        for urn in names:
            *_, types, name = urn.split("::")
            yield [("    - ", "bold red"), (name, ""), (f"  {types.rpartition('$')[2]}", "dim")]

    def total(self) -> Iterator[Line]:
        """How many resources there are for each action."""
        counts = self._summary.get("changes") if isinstance(self._summary, Mapping) else None
        if not self._compared or not isinstance(counts, Mapping):
            return
        said = ", ".join(f"{count} to {action}" for action, count in counts.items() if count and action != "same")
        yield []
        yield [(said or "no changes", "bold"), (f"  ({counts.get('same', 0)} unchanged)", "dim")]
