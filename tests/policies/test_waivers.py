"""Waivers and profiles: what may be written, and what is said about what may not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError
from hybridml_policies import (
    ALL,
    Level,
    Waiver,
    WaiverState,
    evaluate,
    exit_code,
    load_profile,
    load_waivers,
    parse_waivers,
    profile_names,
)
from hybridml_policies.values import MARK

from policies.cases import STRICT, TODAY, cases_of

GOOD = {
    "policy": "AWS-S3-001",
    "urn": "*::models",
    "reason": "Moves in May",
    "owner": "team-growth",
    "expires": "2027-05-31",
}


def test_waivers_are_read_from_a_stack_file_with_their_lines(tmp_path: Path) -> None:
    """A waiver knows the file and the line it was written on."""
    stack = tmp_path / "Pulumi.prod.yaml"
    stack.write_text(
        "config:\n"
        "  hybridml:profile: prod\n"
        "  hybridml:waivers:\n"
        "    - policy: AWS-S3-001\n"
        "      urn: 'urn:pulumi:prod::*::models'\n"
        "      reason: Moves in May\n"
        "      owner: team-growth\n"
        "      expires: 2027-05-31\n"
    )

    (waiver,) = load_waivers(stack, "stacks/Pulumi.prod.yaml")

    assert waiver == Waiver(
        policy="AWS-S3-001",
        urn="urn:pulumi:prod::*::models",
        reason="Moves in May",
        owner="team-growth",
        expires=date(2027, 5, 31),
        file="stacks/Pulumi.prod.yaml",
        line=4,
    )


@pytest.mark.parametrize("text", ["[]", "waivers: []", "config: {}", "config: {'hybridml:profile': dev}", ""])
def test_no_waivers_are_no_problem(tmp_path: Path, text: str) -> None:
    """A file may have an empty list, or none."""
    path = tmp_path / "waivers.yaml"
    path.write_text(text)

    assert load_waivers(path) == ()


def test_every_problem_of_every_waiver_is_said_at_once(tmp_path: Path) -> None:
    """File, line, path, what is wrong and what to do, for all of them."""
    path = tmp_path / "waivers.yaml"
    path.write_text(
        "waivers:\n"
        "  - policy: AWS-S3-999\n"
        "    urn: '*'\n"
        "    reason: ''\n"
        "    expires: next year\n"
        "    ticket: 12\n"
        "  - nonsense\n"
        "  - {policy: AWS-S3-002, urn: '*', reason: r, owner: o, expires: 2027-01-01}\n"
    )

    with pytest.raises(ConfigurationError) as raised:
        load_waivers(path, "waivers.yaml")

    said = [(p.line, p.path.removeprefix("hybridml:waivers"), p.message) for p in raised.value.problems]
    assert said == [
        (2, "[0].owner", "is missing"),
        (2, "[0].policy", "there is no rule 'AWS-S3-999'"),
        (4, "[0].reason", "'' is no text"),
        (5, "[0].expires", "'next year' is no date"),
        (6, "[0].ticket", "is no field"),
        (7, "[1]", "is not a waiver"),
        (8, "[2].policy", "AWS-S3-002 is critical and cannot be waived"),
    ]
    assert {p.file for p in raised.value.problems} == {"waivers.yaml"}


def test_a_stack_has_at_most_ten_waivers() -> None:
    """The eleventh is refused."""
    assert len(parse_waivers([GOOD] * 10)) == 10
    with pytest.raises(ConfigurationError, match="11 waivers, at most 10"):
        parse_waivers([GOOD] * 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("waivers: {a: 1}", "is not a list of waivers"),
        ("waivers: [", "is not valid YAML"),
        ("waivers: hello", "is not a list of waivers"),
        ("waiver: []", r"waivers\.yaml:1: holds no waivers \(write them as a list"),
        (
            "waivers: [{expires: 2026-99-01}]",
            r"waivers\.yaml:1 hybridml:waivers\[0\]\.expires: '2026-99-01' is no date",
        ),
        ("waivers: " + "[" * 300 + "]" * 300, r"waivers\.yaml: is nested too deeply \(flatten it\)"),
        (b"waivers:\n\xff", r"waivers\.yaml:2: is not UTF-8 text \(save it as UTF-8\)"),
    ],
)
def test_a_file_that_holds_no_list_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    """What is not a list of waivers ends in one clear message."""
    path = tmp_path / "waivers.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ConfigurationError, match=message):
        load_waivers(path)


def test_a_stack_file_need_not_have_any(tmp_path: Path) -> None:
    """A stack of somebody else may have a file without configuration."""
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text("encryptionsalt: v1:abc\n")

    assert load_waivers(path) == ()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read: No such file"):
        load_waivers(tmp_path / "none.yaml")


def test_a_waiver_holds_through_its_last_day_and_not_longer() -> None:
    """On the day after, the violation counts again and the waiver is reported as expired."""
    (case,) = cases_of("AWS-SM-003", "waived")
    waivers = parse_waivers([case.waiver])
    last, after = date(2027, 5, 31), date(2027, 6, 1)

    then, later = (evaluate(case.plan, STRICT, waivers, today=day) for day in (last, after))

    assert [use.state for use in then.waivers] == [WaiverState.USED]
    assert [use.state for use in later.waivers] == [WaiverState.EXPIRED]
    assert (exit_code(then), exit_code(later)) == (0, 5)


def test_a_waiver_that_covers_nothing_is_reported() -> None:
    """So that it does not wait for a violation to come back."""
    (case,) = cases_of("AWS-SM-003", "pass")

    report = evaluate(case.plan, STRICT, parse_waivers([GOOD]), today=TODAY)

    assert [use.state for use in report.waivers] == [WaiverState.UNUSED]


def test_pattern_of_a_waiver_is_held_against_the_whole_urn() -> None:
    """`*` is any text; a pattern without it names one resource."""
    (waiver,) = parse_waivers([GOOD | {"urn": "urn:pulumi:prod::*::models"}])

    assert waiver.covers("AWS-S3-001", "urn:pulumi:prod::acme::aws:s3/bucket:Bucket::models")
    assert not waiver.covers("AWS-S3-001", "urn:pulumi:prod::acme::aws:s3/bucket:Bucket::models-logs")
    assert not waiver.covers("AWS-S3-003", "urn:pulumi:prod::acme::aws:s3/bucket:Bucket::models")


def test_profiles_are_local_dev_staging_prod_and_onprem() -> None:
    """One for each environment; production and on-premises leave nothing out."""
    assert profile_names() == ("dev", "local", "onprem", "prod", "staging")
    for name in ("prod", "onprem"):
        assert {load_profile(name).level(rule) for rule in ALL} == {Level.MANDATORY}
    assert load_profile("local").default is Level.ADVISORY


@pytest.mark.parametrize("name", ["local", "dev"])
def test_unsigned_pickles_are_refused_outside_local_and_dev(name: str) -> None:
    """Trying things out is what these two are for."""
    assert load_profile(name).level("ML-FMT-001") is Level.OFF
    assert load_profile("staging").level("ML-FMT-001") is Level.MANDATORY


def test_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    """`--profile` takes a path; its name is the file's."""
    path = tmp_path / "bank.yaml"
    path.write_text('default: advisory\nrules: {AWS-S3-001: mandatory, K8S-HA-001: "off"}\n')

    profile = load_profile(str(path))

    assert profile.name == "bank"
    assert [profile.level(rule) for rule in ("AWS-S3-001", "AWS-S3-002", "K8S-HA-001")] == [
        "mandatory",
        "advisory",
        "off",
    ]


def test_every_problem_of_a_profile_is_said_at_once(tmp_path: Path) -> None:
    """Wrong fields, levels and rules, with their lines."""
    path = tmp_path / "bank.yaml"
    path.write_text("default: sometimes\nrules:\n  AWS-S3-001: never\n  AWS-S3-999: advisory\nlevels: {}\n")

    with pytest.raises(ConfigurationError) as raised:
        load_profile(str(path))

    assert [(p.line, p.path) for p in raised.value.problems] == [
        (1, "default"),
        (3, "rules.AWS-S3-001"),
        (4, "rules.AWS-S3-999"),
        (5, "levels"),
    ]


def test_profile_that_does_not_exist_names_those_that_do() -> None:
    """A typing mistake is answered with the choice."""
    with pytest.raises(ConfigurationError, match=r"no policy profile 'produ'.*dev, local, onprem, prod, staging"):
        load_profile("produ")


def test_mark_of_the_planning_engine_is_the_one_that_rules_know() -> None:
    """A placeholder that rules took for a value would be judged as one."""
    from hybridml.engine import shapes

    assert shapes.MARK == MARK
