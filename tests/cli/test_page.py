"""`plan --format html` and `check --format html`: one page of plans, findings and endpoints."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hybridml.cli import place
from hybridml.cli.cards import cards

from .conftest import Run

ROOT = Path(__file__).resolve().parents[2]


def test_a_plan_is_written_as_a_page(run: Run, project: Path, tmp_path: Path) -> None:
    """Any Pulumi program has its page; `--all` puts every stack on it, in order of their names."""
    out = tmp_path / "pages" / "plan.html"

    one = run("plan", "--project", project, "-s", "one", "--format", "html")
    every = run("plan", "--project", project, "--all", "--format", "html", "--out", out)

    assert (one.code, every.code, every.out) == (0, 0, "")
    assert one.out.startswith("<!doctype html>")
    assert re.findall(r'<a href="#s\d" data-stack="\d">(\w+)', out.read_text(encoding="utf-8")) == ["one", "two"]


def test_a_plan_against_a_state_shows_what_changes(run: Run, project: Path, tmp_path: Path) -> None:
    """The comparison with a state is on the page."""
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"resources": []}}), encoding="utf-8")

    made = run("plan", "--project", project, "-s", "one", "--against", state, "--format", "html").out

    assert "Compared with the state" in made
    assert 'class="verb a-create">create<' in made


def test_check_ends_with_its_own_status_and_still_writes_the_page(run: Run, project: Path, tmp_path: Path) -> None:
    """A violation is on the page with its fix, and the exit status is 5 all the same."""
    program = "import pulumi_aws\npulumi_aws.sagemaker.Model('open', execution_role_arn='arn:aws:iam::1:role/x')\n"
    (project / "__main__.py").write_text(program, encoding="utf-8")
    out = tmp_path / "findings.html"

    ran = run("check", "--project", project, "-s", "one", "--format", "html", "--out", out)

    page = out.read_text(encoding="utf-8")
    assert ran.code == 5
    assert '<p class="fix"><b>Fix</b>' in page
    assert "__main__.py:2" in page


def test_no_endpoint_is_explained_as_a_page(run: Run, project: Path) -> None:
    """`--explain` has no page, and says so."""
    ran = run("plan", "--project", project, "-s", "one", "--explain", "churn", "--format", "html")

    assert ran.code == 2
    assert "--explain --format html: contradict each other" in ran.err


def test_the_page_of_this_repository_is_the_same_twice(run: Run) -> None:
    """Two runs give the same bytes, with a card for every endpoint of the stack."""
    first, second = (run("plan", "--project", ROOT, "-s", "prod", "--format", "html").out for _ in range(2))

    assert first == second
    assert re.findall(r'aria-label="Endpoint (\w+)"', first) == ["churn", "digits", "wine"]
    assert str(ROOT) not in first


def test_a_card_says_what_the_files_say() -> None:
    """Target, split, versions with digests, promises asked for and refused, each with the line that says it."""
    card = next(each for each in cards(place.find(ROOT), "prod", {"outputs": {}}) if each.name == "churn")

    assert (card.kind, card.where) == ("kubernetes", "datacenter, prod-dc1, on-premises, data stays in de")
    assert [(share.name, share.version, share.percent) for share in card.shares] == [
        ("champion", "3", 90.0),
        ("challenger", "4", 10.0),
    ]
    assert all(len(version.digest) == 64 and version.source.startswith("infra/") for version in card.versions)
    facts = {fact.label: fact for fact in card.facts}
    assert facts["scaling"].value == "3 replicas per version"
    assert facts["scaling"].source.startswith("stacks/Pulumi.prod.yaml:")
    assert facts["routes"].value == "x-cohort: beta to version 4"
    kept = {promise.name for promise in card.promises if promise.asked}
    assert {"traffic.challenger", "traffic.shadow", "access.invokers"} <= kept
    refused = {promise.name: promise for promise in card.promises if promise.refusal}
    assert "scaling.max" in refused
    assert all(promise.fix and not promise.asked for promise in refused.values())
