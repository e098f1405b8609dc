"""Two versions side by side as a person sees them: each difference as a bar around zero, wide where little is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hybridml.errors import printable
from hybridml.report.paint import Line, painted

_HALF = 12
"""Characters on each side of zero."""
_NAMES = {"p50_ms": "median", "p99_ms": "99th percentile"}
_SAME = "no difference shown"
_WORSE, _BETTER, _OTHER = "bold red", "bold green", "bold yellow"
_BAD = ("more", "slower")


def comparison_text(found: Mapping[str, Any], *, colour: bool = False) -> str:
    """The report on an endpoint's captured requests; `colour` only for a terminal."""
    return painted(([(printable(text), style) for text, style in line] for line in _lines(found)), colour=colour)


def _lines(found: Mapping[str, Any]) -> Iterator[Line]:
    yield [(f"{found['endpoint']}", "bold"), (f"  {_span(found)}", "dim")]
    for title, key in (("on a split", "split"), ("on the same requests", "shadow")):
        if found[key]:
            yield []
            yield from _comparison(title, found[key])
    if found["notes"]:
        yield []
        yield from ([("! ", "bold yellow"), (note, "")] for note in found["notes"])


def _span(found: Mapping[str, Any]) -> str:
    count = f"{found['records']:,} records"
    return f"{count}, {_minute(found['first'])} to {_minute(found['last'])} UTC" if found["first"] else count


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _comparison(title: str, comparison: Mapping[str, Any]) -> Iterator[Line]:
    one, other = comparison["names"]
    requests = [f"{count:,}" for count in comparison["requests"]]
    counted = f"{requests[0]} requests" if comparison["kind"] == "shadow" else " and ".join(requests) + " requests"
    yield [(f"{one} | {other}", "bold cyan"), (f"  {title}: {counted}", "dim")]
    if not all(comparison["requests"]):
        yield [("  nothing to compare yet", "")]
        return
    yield from _table(comparison["measures"], (one.split()[0], other.split()[0]))
    if comparison["agreement"]:
        yield from _agreement(comparison["agreement"], comparison["confusion"])
    verdicts = [measure for measure in comparison["measures"] if measure["verdict"] != _SAME]
    yield [("  → ", "dim"), (comparison["verdict"], _style(verdicts[0]) if verdicts else "bold")]
    yield [(f"    every interval holds together with the others at {comparison['confidence']:.4g}", "dim")]


def _table(measures: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> Iterator[Line]:
    """One line for each measure, columns aligned."""
    cells = [("", *names, "difference", "")]
    cells += [
        (
            _NAMES.get(name := measure["name"], name.replace("class:", "answers ")),
            _value(measure["a"]["value"], name),
            _value(measure["b"]["value"], name),
            _value(measure["difference"]["value"], name, sign=True),
            _interval(measure["difference"], name),
        )
        for measure in measures
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    for row, measure in zip(cells, (None, *measures), strict=True):
        text = f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}"
        if measure is None:
            yield [(text, "dim")]
        else:
            style = _style(measure)
            yield [(text, style), (f"  {row[4]:<{widths[4]}}  ", "dim"), (_bar(measure["difference"]), style or "dim")]


def _style(measure: Mapping[str, Any]) -> str:
    verdict = measure["verdict"]
    if verdict == _SAME:
        return ""
    if measure["name"].startswith("class:"):
        return _OTHER
    return _WORSE if any(word in verdict.split() for word in _BAD) else _BETTER


def _value(value: float | None, name: str, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    plus = "+" if sign else ""
    return f"{value:{plus}.3g} ms" if name.endswith("_ms") else f"{value * 100:{plus}.2f} %"


def _interval(difference: Mapping[str, Any], name: str) -> str:
    low, high = (_value(difference[end], name, sign=True) if difference[end] is not None else "?" for end in _ENDS)
    return f"[{low}, {high}]"


_ENDS = ("low", "high")


def _bar(difference: Mapping[str, Any]) -> str:
    """The interval around zero, `│`; what nothing bounds reaches the edge."""
    known = [abs(difference[end]) for end in _ENDS if difference[end] is not None]
    scale = max(known, default=0.0) or 1.0
    low, high = difference["low"], difference["high"]
    first = 0 if low is None else _place(low / scale)
    last = 2 * _HALF if high is None else _place(high / scale)
    drawn = ["━" if first <= column <= last else " " for column in range(2 * _HALF + 1)]
    drawn[_HALF] = "┿" if first <= _HALF <= last else "│"
    if difference["value"] is not None:
        drawn[_place(max(-1.0, min(1.0, difference["value"] / scale)))] = "●"
    return "".join(drawn)


def _place(share: float) -> int:
    return round((share + 1) * _HALF)


def _agreement(agreement: Mapping[str, Any], confusion: Mapping[str, Mapping[str, int]]) -> Iterator[Line]:
    low, high = (f"{(agreement[end] or 0) * 100:.2f} %" for end in _ENDS)
    same = agreement["value"] * 100
    yield [("  agreement  ", ""), (f"{same:.2f} %", "bold"), (f"  [{low}, {high}]  ", "dim"), (_share(same), "")]
    labels = sorted({*confusion, *(label for row in confusion.values() for label in row)})
    if len(labels) > 1:
        yield from _matrix(labels, confusion)


def _share(percent: float) -> str:
    filled = round(percent / 100 * 2 * _HALF)
    return "▇" * filled + "·" * (2 * _HALF - filled)


def _matrix(labels: Sequence[str], confusion: Mapping[str, Mapping[str, int]]) -> Iterator[Line]:
    """Rows: what the first answered; columns: what the second made of the same."""
    cells = [[f"{confusion.get(one, {}).get(other, 0):,}" for other in labels] for one in labels]
    width = max(len(text) for row in ([*labels], *cells) for text in row)
    side = max(map(len, labels))
    yield [(f"  {'':<{side}}  " + "  ".join(f"{label:>{width}}" for label in labels), "dim")]
    for one, row in zip(labels, cells, strict=True):
        yield [
            (f"  {one:<{side}}", "dim"),
            *((f"  {text:>{width}}", _mark(one, other, text)) for other, text in zip(labels, row, strict=True)),
        ]


def _mark(one: str, other: str, text: str) -> str:
    return "dim" if text == "0" else "" if one == other else _OTHER
