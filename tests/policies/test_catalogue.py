"""Rules are those of the catalogue: id, title, severity, frameworks, references; and the reference documents them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hybridml_policies import ALL, Rule
from hybridml_policies.reference import reference

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "reference" / "policies.md"
OURS = {"ML-FMT-001", "ML-STA-001"}
"""Rules beyond the catalogue."""


def entries() -> dict[str, dict[str, str]]:
    """The catalogue by id."""
    with (HERE / "catalogue.tsv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


CATALOGUE = entries()
LISTED = pytest.mark.parametrize(
    "rule", [rule for rule in ALL.values() if rule.id not in OURS], ids=lambda rule: rule.id
)


@LISTED
def test_rule_is_the_one_of_the_catalogue(rule: Rule) -> None:
    """What a report says about a rule is what the catalogue says."""
    entry = CATALOGUE[rule.id]

    assert rule.title == entry["title"]
    assert rule.severity.value == entry["severity"]
    assert list(rule.frameworks) == entry["frameworks"].split("; ")
    assert list(rule.references) == entry["reference ids"].split("; ")


@LISTED
def test_rule_reads_what_the_catalogue_names(rule: Rule) -> None:
    """Every property path of the catalogue is among those that the rule reads."""
    paths = {path.strip() for part in CATALOGUE[rule.id]["property paths"].split(";") for path in part.split("|")}
    wanted = {_normal(path) for path in paths}
    missing = {path for path in wanted if not any(_covers(read, path) for read in rule.reads)}

    assert missing <= LEFT_OUT.get(rule.id, set())


LEFT_OUT = {"K8S-HA-001": {"Deployment.spec.strategy.rollingUpdate.maxUnavailable"}}
"""Properties that the catalogue lists beside its rule, but that the rule's own sentence does not ask for."""


def _normal(path: str) -> str:
    return path.replace("#", ".", 1)


def _covers(read: str, path: str) -> bool:
    """Whether a path that is read is the catalogue's, a part of it, or its expansion over pods and containers."""
    owner, _, rest = path.partition(".")
    if read.startswith("{pod}."):
        lists = ("{containers,initContainers,ephemeralContainers}", "{containers,initContainers}")
        return any(rest.replace(each, "containers").endswith(read.removeprefix("{pod}.")) for each in lists)
    full = read if read.split(".", maxsplit=1)[0] == owner else f"{owner}.{read}"
    return path == full or path.startswith((f"{full}.", f"{full}["))


def test_rules_beyond_the_catalogue_are_not_in_it() -> None:
    """Their ids are free to use."""
    assert OURS.isdisjoint(CATALOGUE)
    assert set(ALL) >= OURS


def test_there_are_at_least_fifteen_rules_over_four_families() -> None:
    """AWS, GCP, Kubernetes and ML."""
    assert len(ALL) >= 15
    assert {rule.split("-")[0] for rule in ALL} == {"AWS", "GCP", "K8S", "ML"}


@pytest.mark.parametrize("rule", ALL.values(), ids=list(ALL))
def test_rule_says_what_a_reader_needs(rule: Rule) -> None:
    """A title in one line, a fix, types that are tokens, no path twice."""
    assert rule.title
    assert "\n" not in rule.title
    assert rule.fix.endswith(".")
    assert all(len(token.split(":")) == 3 for token in rule.types)
    assert len(set(rule.reads)) == len(rule.reads)


def test_reference_is_up_to_date() -> None:
    """`python -m hybridml_policies.reference docs/reference/policies.md` brings it up to date."""
    assert DOCUMENT.read_text(encoding="utf-8") == reference()


def test_every_field_of_the_json_is_documented() -> None:
    """Keys of a stack, a finding and a waiver are named in the reference."""
    from hybridml.report import findings_json
    from hybridml_policies import evaluate, parse_waivers

    from policies.cases import STRICT, TODAY, cases_of

    case = cases_of("AWS-SM-003", "waived")[0]
    report = evaluate(case.plan, STRICT, parse_waivers([case.waiver], "w"), today=TODAY)
    (stack,) = findings_json([report])["stacks"]  # type: ignore[misc]

    named = {*stack, *stack["findings"][0], *stack["waivers"][0]}
    assert sorted(key for key in named if f"`{key}`" not in reference()) == []
