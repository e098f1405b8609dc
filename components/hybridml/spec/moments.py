"""Rules of moments that come again: cron and its time zone."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime

from hybridml.spec.closest import closest
from hybridml.spec.part import Finding

_MOMENTS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""Where the search for a first moment begins; a fixed day, so that the same text is always judged alike."""


def never(name: str, cron: str) -> Iterator[Finding]:
    """What is wrong with `cron`, the value of field `name`: numbers that no clock or calendar has, or no moment at all.

    One finding for each number, or one when it never begins.
    """
    beyond = list(_beyond(name, cron))
    yield from beyond or _never(name, cron)


def _beyond(name: str, cron: str) -> Iterator[Finding]:
    for (field, (least, most)), text in zip(_MOMENTS.items(), cron.split(" "), strict=True):
        numbers = [int(number) for number in re.findall(r"(?<!/)\b[0-9]+", text)]
        if any(not least <= number <= most for number in numbers):
            yield Finding(path=(name,), message=f"{field} {text} does not exist", fix=f"write {least} to {most}")


def _never(name: str, cron: str) -> Iterator[Finding]:
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(cron, _ANY_DAY))
    except (CronSimError, StopIteration) as reason:
        said = f": {str(reason).lower()}" if str(reason) else ""
        yield Finding(
            path=(name,),
            message=f"{cron!r} never begins{said}",
            fix="write days that some month has, and ranges upwards",
        )


def nowhere(name: str, zone: str) -> Iterator[Finding]:
    """A finding when the time zone database has no `zone`, the value of field `name`."""
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = closest(zone, sorted(zoneinfo.available_timezones()))
        fix = f"did you mean {near}?" if near else 'write a name of the tz database, such as "Europe/Berlin"'
        yield Finding(path=(name,), message=f"there is no time zone {zone!r}", fix=fix)
