"""`hybridml rollout report`: what is known about two versions is what the report says about them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hybridml.cli.rollout_report import Parts, document, moment
from hybridml.errors import ConfigurationError, HybridMLError
from hybridml.jobs.records import Record
from hybridml.report.comparison_text import comparison_text

from .conftest import Run
from .stage import deployed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHAMPION, CHALLENGER = "3-aaaaaaaa", "4-bbbbbbbb"

Version = Callable[[random.Random], tuple[int, float, Any]]
"""What a version does with a request: status, milliseconds, prediction."""


def good(chance: random.Random) -> tuple[int, float, Any]:
    return 200, chance.lognormvariate(1, 0.3), int(chance.random() < 0.4)


def failing(chance: random.Random) -> tuple[int, float, Any]:
    return (500, 2.0, None) if chance.random() < 0.1 else good(chance)


def refusing(chance: random.Random) -> tuple[int, float, Any]:
    return (400, 2.0, None) if chance.random() < 0.1 else good(chance)


def slow(chance: random.Random) -> tuple[int, float, Any]:
    status, milliseconds, prediction = good(chance)
    return status, milliseconds * 3, prediction


def shifted(chance: random.Random) -> tuple[int, float, Any]:
    status, milliseconds, _ = good(chance)
    return status, milliseconds, int(chance.random() < 0.7)


def answered(version: Version, chance: random.Random, number: int, revision: str, **more: Any) -> Record:
    status, milliseconds, prediction = version(chance)
    return Record(
        time=NOON + timedelta(seconds=number),
        request=f"r{number}",
        version=revision[0],
        revision=revision,
        status=status,
        milliseconds=milliseconds,
        outputs=None if status != 200 else {"predictions": [prediction]},
        **{"shadow": False, "route": "split"} | more,
    )


def kept(folder: Path, records: Iterator[Record]) -> Parts:
    """The records of a champion, a challenger and a shadow, as their servers would have written them."""
    day = folder / str(NOON.date())
    day.mkdir(parents=True)
    with (day / "3-0.jsonl").open("wb") as file:
        file.writelines(record.line() for record in records)
    return Parts(folder=folder, champion=CHAMPION, challenger=CHALLENGER, shadow=CHALLENGER)


def split(second: Version, requests: int = 4_000) -> Iterator[Record]:
    chance = random.Random(7)
    for number in range(requests):
        if chance.random() < 0.5:
            yield answered(good, chance, number, CHAMPION)
        else:
            yield answered(second, chance, number, CHALLENGER)


def copies(flipped: float, version: Version = good, requests: int = 2_000) -> Iterator[Record]:
    """Every request and its copy; a share of the copies is answered the other way."""
    chance = random.Random(11)
    for number in range(requests):
        first = answered(good, chance, number, CHAMPION)
        status, milliseconds, _ = version(chance)
        said = first.outputs["predictions"][0]
        outputs = {"predictions": [1 - said if chance.random() < flipped else said]} if status == 200 else None
        yield first
        copied = {"shadow": True, "revision": CHALLENGER, "status": status, "milliseconds": milliseconds}
        yield replace(first, outputs=outputs, **copied)


@pytest.mark.parametrize(
    ("version", "verdicts"),
    [
        (good, []),
        (failing, ["fails more"]),
        (refusing, ["refuses more"]),
        (slow, ["is slower at the median", "is slower at the 99th percentile"]),
        (shifted, ["answers 0 less often", "answers 1 more often"]),
    ],
)
def test_a_split_says_what_is_true(version: Version, verdicts: list[str], tmp_path: Path) -> None:
    """A challenger that fails, is slow or answers otherwise is called so, and for nothing else; an equal one for
    nothing."""
    found = document(kept(tmp_path, split(version)), None, 0.95)

    told = [each["verdict"] for each in found["split"]["measures"] if each["verdict"] != "no difference shown"]
    assert told == [f"challenger {CHALLENGER} {verdict}" for verdict in verdicts]
    assert sum(found["split"]["requests"]) == 4_000
    assert not any(note.startswith("left out") for note in found["notes"])


def test_what_came_before_the_challenger_is_not_compared_with_it(tmp_path: Path) -> None:
    """A champion that failed last week is not worse than an equal challenger of today."""
    chance = random.Random(5)
    before = [answered(failing, chance, number - 3_000, CHAMPION) for number in range(3_000)]

    found = document(kept(tmp_path, iter([*before, *split(good)])), None, 0.95)

    assert found["split"]["verdict"] == "no difference shown"
    assert found["split"]["requests"][0] < 2_200
    assert any("of the champion's requests, from before the challenger's first" in note for note in found["notes"])


def test_no_prediction_steers_the_terminal(tmp_path: Path) -> None:
    """Escape codes and ends of lines of an answer are shown as signs; JSON holds them escaped."""
    evil = "\x1b]0;owned\x07\x1b[31m\nchallenger is faster\u202e\ud800"
    records = [
        replace(answered(good, random.Random(1), number, revision), outputs={"predictions": [evil]})
        for number in range(200)
        for revision in (CHAMPION, CHALLENGER)
    ]

    found = document(kept(tmp_path, iter(records)), None, 0.95)
    text = comparison_text({"endpoint": "churn", **found})

    assert not {sign for sign in text if sign != "\n" and not sign.isprintable()}
    assert "\ufffd]0;owned" in text
    assert not any(line.startswith("challenger") for line in text.splitlines())
    text.encode()
    json.dumps(found, ensure_ascii=False).encode()


def test_a_shadow_says_what_is_true(tmp_path: Path) -> None:
    """One answer in ten differs: the interval of the agreement holds 0.9, and the table counts which ones."""
    found = document(kept(tmp_path, copies(0.1)), None, 0.95)["shadow"]

    assert found["requests"] == [2_000, 2_000]
    assert found["agreement"]["low"] < 0.9 < found["agreement"]["high"]
    assert sum(n for one, row in found["confusion"].items() for other, n in row.items() if one != other) == round(
        2_000 * (1 - found["agreement"]["value"])
    )


def test_a_shadow_that_fails_and_is_slow_is_called_so(tmp_path: Path) -> None:
    """Both in one report; the answers that there are agree."""
    failed = document(kept(tmp_path / "a", copies(0, failing)), None, 0.95)["shadow"]
    slowed = document(kept(tmp_path / "b", copies(0, slow)), None, 0.95)["shadow"]

    assert failed["verdict"] == f"shadow {CHALLENGER} fails more"
    assert failed["agreement"]["value"] == 1
    assert "is slower at the median" in slowed["verdict"]


def test_a_shadow_that_takes_no_request_is_called_so(tmp_path: Path) -> None:
    """A version with another signature answers 400 to everything, fast and without a failure."""

    def nothing(chance: random.Random) -> tuple[int, float, Any]:
        return 400, good(chance)[1], None

    found = document(kept(tmp_path, copies(0, nothing)), None, 0.95)["shadow"]

    assert found["verdict"] == f"shadow {CHALLENGER} refuses more"
    assert found["agreement"] is None


def test_who_was_routed_by_a_header_is_left_out(tmp_path: Path) -> None:
    """Nor is another training of the same version, nor the challenger's own copies, part of a comparison."""
    chance = random.Random(3)
    records = [
        answered(good, chance, 1, CHAMPION),
        answered(failing, chance, 2, CHALLENGER, route="header"),
        answered(good, chance, 3, "4-00000000"),
        answered(good, chance, 4, CHALLENGER, shadow=True),
    ]

    found = document(kept(tmp_path, iter(records)), None, 0.95)

    assert (found["split"]["requests"], found["shadow"]["requests"]) == ([1, 0], [0, 0])
    assert "2 records of other bytes, or of requests that a header routed, are left out" in found["notes"]


def test_little_data_is_called_little(tmp_path: Path) -> None:
    """The report says so, and claims nothing."""
    found = document(kept(tmp_path, split(failing, 30)), None, 0.95)

    assert found["split"]["verdict"] == "no difference shown"
    assert any(note.startswith("the split is thin: ") for note in found["notes"])
    assert any(note.startswith("the shadow is thin: 0 requests") for note in found["notes"])


def test_nothing_kept_and_nothing_to_compare_are_said(tmp_path: Path) -> None:
    """An empty folder, and an endpoint with one version."""
    found = document(Parts(folder=tmp_path, champion=CHAMPION), None, 0.95)

    assert found["notes"] == [
        f"nothing was kept yet in {tmp_path}",
        "the traffic has neither a challenger nor a shadow, so there is nothing to compare",
    ]
    assert comparison_text({"endpoint": "churn", **found}).startswith("churn  0 records\n\n! nothing was kept yet")


def test_records_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Somebody else's, or no file at all."""
    folder = tmp_path / str(NOON.date()) / "3-0.jsonl"
    folder.mkdir(parents=True)

    with pytest.raises(HybridMLError, match=r"3-0\.jsonl cannot be read: Is a directory"):
        document(Parts(folder=tmp_path, champion=CHAMPION), None, 0.95)


def test_a_report_may_begin_later(tmp_path: Path) -> None:
    """Only what came since then counts."""
    parts = kept(tmp_path, split(good, 1_000))

    assert document(parts, NOON + timedelta(seconds=900), 0.95)["records"] == 100


@pytest.mark.parametrize(
    "text", ["yesterday", "1w", "0h", "h", "", "2026-13-01", "-1h", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_no_moment_is_refused(text: str) -> None:
    """What can be written is named."""
    with pytest.raises(ConfigurationError, match="write a span such as 30m, 2h or 7d"):
        moment(text)


def test_moments_are_spans_and_dates() -> None:
    """A span reaches back from now; a date without a zone is UTC."""
    assert moment(None) is None
    assert abs(datetime.now(UTC) - timedelta(hours=2) - moment("2h")) < timedelta(seconds=5)  # type: ignore[operator]
    assert moment("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
    assert moment("2026-03-01T10:00:00+02:00") == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert moment("2026-03-01T10:00:00Z") == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_the_text_is_a_picture(tmp_path: Path) -> None:
    """Columns line up, and each interval is a bar around zero."""
    found = document(kept(tmp_path, copies(0.1, slow)), None, 0.95)
    text = comparison_text({"endpoint": "churn", **found})

    table = [line for line in text.splitlines() if line.startswith(("  failures", "  median", "  99th", "  answers"))]
    bars = [line for line in table if "●" in line and ("┿" in line or "│" in line or "━" in line)]
    assert len(bars) == len(table) >= 5
    assert len({line.index("[") for line in table}) == 1
    assert "\x1b" not in text
    assert "\x1b[" in comparison_text({"endpoint": "churn", **found}, colour=True)


def test_an_endpoint_without_capture_is_told_how() -> None:
    """The way out is in the message."""
    with pytest.raises(HybridMLError, match=r"churn keeps no requests.*`capture: \{sample: 10\}`"):
        Parts.of("churn", {"target": "local"})


def test_an_endpoint_elsewhere_is_told_where_to_look() -> None:
    """What another platform keeps is not here."""
    with pytest.raises(HybridMLError, match="churn is served on aws, and reports read what is kept on this machine"):
        Parts.of("churn", {"target": "aws"})


def exported(folder: Path) -> dict[str, Any]:
    """What a stack exports of an endpoint with capture."""
    capture = {"folder": str(folder), "champion": CHAMPION, "challenger": CHALLENGER, "shadow": CHALLENGER}
    return {"endpoints": {"churn": {"target": "local", "capture": capture}, "wine": {"target": "local"}}}


def test_the_command_reads_what_the_stack_exports(run: Run, project: Path, tmp_path: Path) -> None:
    """Text for people, JSON for programs, both from the folder that the endpoint names."""
    parts = kept(tmp_path / "kept", split(failing))
    deployed(project, exported(parts.folder))
    asked = ("rollout", "report", "churn", "--project", project, "-s", "one")

    text, document = run(*asked), json.loads(run(*asked, "--format", "json").out)

    assert text.code == 0
    assert f"→ challenger {CHALLENGER} fails more" in text.out
    assert (document["version"], document["stack"], document["endpoint"]) == (1, "one", "churn")
    assert document["records"] == 4_000


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("wine",), 1, "wine keeps no requests"),
        (("tea",), 2, "there is no endpoint 'tea' (one of churn, wine)"),
        (("churn", "--since", "soon"), 2, "'soon' is no time"),
        (("churn", "--confidence", "95"), 2, "95 is no share"),
    ],
)
def test_what_cannot_be_reported_is_said(argv: tuple[str, ...], code: int, said: str, run: Run, project: Path) -> None:
    """One message with the way out, and nothing on stdout."""
    deployed(project, exported(project / "kept"))

    ran = run("rollout", "report", *argv, "--project", project, "-s", "one")

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
