"""How many replicas a version needs: bounds in force and load, without a process."""

from __future__ import annotations

import json
import math
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hybridml.provider.scaling import (
    MARGIN,
    RATE_SECONDS,
    STABLE_SECONDS,
    Bounds,
    Count,
    History,
    Meter,
    Policy,
    Schedule,
    bounds_at,
    desired,
    needed,
)
from hypothesis import given
from hypothesis import strategies as st

BASE = Bounds(1, 3)
NIGHT = Schedule(cron="0 20 * * 1-5", timezone="Europe/Berlin", bounds=Bounds(0, 0))
DAY = Schedule(cron="0 7 * * 1-5", timezone="Europe/Berlin", bounds=Bounds(2, 5))
OFFICE = Policy(bounds=BASE, requests_per_replica=50, schedules=(NIGHT, DAY))
PLAIN = Policy(bounds=BASE, requests_per_replica=50)


def berlin(*when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=fold)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("moment", "bounds"),
    [
        (berlin(2026, 7, 1, 12), DAY.bounds),
        (berlin(2026, 7, 1, 20), NIGHT.bounds),
        (berlin(2026, 7, 1, 19, 59, 59), DAY.bounds),
        (berlin(2026, 7, 2, 6, 59), NIGHT.bounds),
        (berlin(2026, 7, 2, 7), DAY.bounds),
        (berlin(2026, 7, 4, 12), NIGHT.bounds),  # a Saturday: Friday's evening holds until Monday
        (berlin(2026, 7, 6, 7), DAY.bounds),
        (datetime(2026, 7, 1, 18, 0, tzinfo=UTC), NIGHT.bounds),  # 20:00 in summer
        (datetime(2026, 1, 5, 18, 30, tzinfo=UTC), DAY.bounds),  # 19:30 in winter
        (datetime(2026, 1, 5, 19, 0, tzinfo=UTC), NIGHT.bounds),
    ],
)
def test_the_schedule_that_began_last_holds(moment: datetime, bounds: Bounds) -> None:
    """Bounds hold from the minute they begin until the next schedule, in the schedule's own time zone."""
    assert bounds_at(OFFICE, moment) == bounds


def test_without_schedules_the_endpoints_own_bounds_hold() -> None:
    """Nothing began, so nothing is different."""
    assert bounds_at(PLAIN, datetime(2026, 7, 1, tzinfo=UTC)) == BASE


def test_of_two_schedules_that_begin_together_the_later_one_in_the_list_holds() -> None:
    """The order of the file decides."""
    again = Schedule(cron=DAY.cron, timezone=DAY.timezone, bounds=Bounds(4, 4))

    assert (
        bounds_at(Policy(bounds=BASE, requests_per_replica=1, schedules=(DAY, again)), berlin(2026, 7, 1, 12))
        == again.bounds
    )
    assert (
        bounds_at(Policy(bounds=BASE, requests_per_replica=1, schedules=(again, DAY)), berlin(2026, 7, 1, 12))
        == DAY.bounds
    )


def test_an_hour_that_does_not_exist_begins_with_the_next_one() -> None:
    """02:30 of the day on which clocks go from 02:00 to 03:00 is 03:00."""
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Berlin", bounds=Bounds(0, 0))

    assert schedule.began(datetime(2026, 3, 29, 0, 59, tzinfo=UTC)) == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    assert schedule.began(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_an_hour_that_happens_twice_begins_once() -> None:
    """02:45 of the day on which clocks go back to 02:00 is the first of the two, and holds through the second."""
    schedule = Schedule(cron="45 2 * * *", timezone="Europe/Berlin", bounds=Bounds(0, 0))
    first = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)

    assert [schedule.began(first + timedelta(minutes=later)) for later in (0, 20, 45, 70, 120)] == [first] * 5
    assert schedule.began(berlin(2026, 10, 25, 2, 10, fold=1)) == first


@given(
    moment=st.datetimes(datetime(2001, 1, 1), datetime(2060, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_a_daily_schedule_began_within_the_last_day(moment: datetime, zone: str, hour: int, minute: int) -> None:
    """It never lies ahead, is at most one day and one change of the clocks old, and is not forgotten later."""
    schedule = Schedule(cron=f"{minute} {hour} * * *", timezone=zone, bounds=BASE)
    now = moment.replace(tzinfo=UTC)
    began, then = schedule.began(now), schedule.began(now + timedelta(hours=7))

    assert began is not None
    assert then is not None
    assert timedelta() <= now - began <= timedelta(hours=27)
    assert began <= then
    assert schedule.began(began) == began


@given(
    least=st.integers(0, 20),
    more=st.integers(0, 20),
    counts=st.tuples(st.integers(0, 40), st.integers(0, 60)),
    enough=st.lists(st.integers(0, 60)),
    age=st.floats(0, 200),
)
def test_what_is_wanted_lies_within_the_bounds(
    least: int, more: int, counts: tuple[int, int], enough: list[int], age: float
) -> None:
    """Out at once, in only after the window, never outside the bounds, and never below what the load needs."""
    (current, load), bounds, now = counts, Bounds(least, least + more), 1000.0
    history = History(since=now - age, enough=tuple((now, count) for count in enough))
    wanted = desired(current, load, history, bounds, now)

    assert bounds.least <= wanted <= bounds.most
    assert wanted >= min(load, bounds.most)
    if age < STABLE_SECONDS:
        assert wanted >= min(current, bounds.most)
    if wanted < min(current, bounds.most):
        assert age >= STABLE_SECONDS
        assert wanted == bounds.clamp(max(load, *enough))


@given(st.integers(0, 10**7).map(lambda tenths: tenths / 10), st.integers(1, 10_000))
def test_replicas_carry_the_load_and_none_is_idle(rate: float, each: int) -> None:
    """One fewer would not be enough."""
    count = needed(rate, Policy(bounds=BASE, requests_per_replica=each))

    assert count * each >= rate
    assert (count - 1) * each < rate or count == 0


def test_a_meter_counts_requests_a_second() -> None:
    """Over the last seconds; one count says nothing, and a counter that begins again is not a negative load."""
    meter = Meter().seen(0.0, Count(requests=100))
    assert meter.rate is None
    for second in range(1, 20):
        meter = meter.seen(float(second), Count(requests=100 + 30 * second))
    assert meter.rate == 30
    assert len(meter.counts) == RATE_SECONDS + 1

    restarted = meter.seen(20.0, Count(requests=5))
    assert restarted.rate is None
    assert restarted.seen(21.0, Count(requests=15)).rate == 10


def test_a_request_that_found_no_replica_is_noticed() -> None:
    """It is the only sign of load while there is none."""
    meter = Meter().seen(0.0, Count(requests=9, refused=4)).seen(1.0, Count(requests=9, refused=4))
    assert not meter.refused
    assert meter.seen(2.0, Count(requests=9, refused=5)).refused


def test_a_load_around_a_limit_does_not_make_the_number_swing() -> None:
    """Between 47 and 52 requests a second for replicas that carry 50, there are two of them from the first peak on."""
    policy, count, history, seen = PLAIN, 1, History(since=0.0), set()
    for second in range(600):
        rate = 49.5 + 2.5 * math.sin(second / 7)
        history = history.seen(float(second), needed(rate * MARGIN, policy))
        count = desired(count, needed(rate, policy), history, policy.bounds, float(second))
        seen.add((second > 60, count))

    assert {count for late, count in seen if late} == {2}


def test_the_last_replica_goes_after_the_window() -> None:
    """A load that ends costs nothing for one window; then all goes at once."""
    history, count, went = History(since=0.0), 3, []
    for second in range(int(3 * STABLE_SECONDS)):
        load = 3 if second < 10 else 0
        history = history.seen(float(second), load)
        after = desired(count, load, history, Bounds(0, 3), float(second))
        went += [(second, after)] if after != count else []
        count = after

    assert went == [(10 + STABLE_SECONDS, 0)]


def test_a_policy_travels_as_plain_values() -> None:
    """Through JSON and back it is the same."""
    assert Policy.from_mapping(json.loads(json.dumps(OFFICE.to_mapping()))) == OFFICE
