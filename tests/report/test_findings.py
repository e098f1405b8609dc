"""Findings as text, JSON and SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hybridml.report import findings_json, findings_text, sarif
from hybridml_policies import ALL, Level, Profile, Report, evaluate, parse_waivers

TODAY = date(2026, 11, 20)
PROFILE = Profile("prod", "", Level.OFF, {"AWS-SM-003": Level.MANDATORY, "ML-ART-002": Level.ADVISORY})
MODEL = "aws:sagemaker/model:Model"
WAIVER = {
    "policy": "AWS-SM-003",
    "urn": "*::waived",
    "reason": "Calls a feature store",
    "owner": "team-growth",
    "expires": "2027-05-31",
}


def model(name: str, line: int | None, **inputs: object) -> dict[str, Any]:
    """A model in a plan."""
    source = {"file": "infra/__main__.py", "line": line} if line is not None else None
    urn = f"urn:pulumi:prod::acme::{MODEL}::{name}"
    return {"urn": urn, "type": MODEL, "name": name, "custom": True, "inputs": inputs, "source": source}


@pytest.fixture
def report() -> Report:
    """One violation, one unknown, one waived, one piece of advice, one known, and waivers of every kind."""
    resources = [
        model("broken", 12, enableNetworkIsolation=False),
        model("hidden", None, enableNetworkIsolation="[unknown]"),
        model("known", 14, enableNetworkIsolation=False),
        model("tagged", 0, enableNetworkIsolation=True, primaryContainer={"image": "acme/server:1"}),
        model("waived", 15, enableNetworkIsolation=False),
    ]
    plan = {
        "project": "acme",
        "stack": "prod",
        "resources": resources,
        "notes": [{"subject": "x", "message": "opaque"}],
    }
    waivers = parse_waivers(
        [WAIVER, WAIVER | {"urn": "*::broken", "expires": "2026-11-19"}, WAIVER | {"urn": "*::gone"}], "waivers.yaml"
    )
    baseline = frozenset({("AWS-SM-003", f"urn:pulumi:prod::acme::{MODEL}::known", "fail")})
    return evaluate(plan, PROFILE, waivers, baseline=baseline, today=TODAY)


EXPECTED = """\
prod: 1 violation, 1 warning, 1 unknown, 1 waived, 1 in the baseline  (profile prod, 2 rules, 6 answers)

✗ AWS-SM-003  Model runs with network isolation  (high)
    broken  aws:sagemaker/model:Model  infra/__main__.py:12
      enableNetworkIsolation is false, true is needed
    fix: Set enableNetworkIsolation to true, or write a waiver that says what the container has to call.

? AWS-SM-003  Model runs with network isolation  (high)
    hidden  aws:sagemaker/model:Model
      enableNetworkIsolation is not known yet, true is needed
    fix: Set enableNetworkIsolation to true, or write a waiver that says what the container has to call.

✗ ML-ART-002  Serving image is pinned by digest  (high, advisory)
    tagged  aws:sagemaker/model:Model  infra/__main__.py
      primaryContainer.image is 'acme/server:1', name:tag@sha256:… is needed
    fix: Write the image as name:tag@sha256:… with the digest that the registry reports.

waived
    AWS-SM-003  waived  Calls a feature store (team-growth, until 2027-05-31)

waivers to look at
    AWS-SM-003  *::broken  expired on 2026-11-19; renew it or fix what it covered  team-growth  waivers.yaml
    AWS-SM-003  *::gone  covers nothing; remove it  team-growth  waivers.yaml

out of sight of the rules
    x: opaque
"""


def test_text_says_the_sum_then_each_rule_then_what_to_do(report: Report) -> None:
    """Violations and unknowns in one place each, then what was waived, what to tidy, what nobody saw."""
    assert findings_text([report]) == EXPECTED


def test_clean_stack_is_one_line() -> None:
    """Nothing to say is said shortly."""
    plan = {"stack": "prod", "resources": [model("fine", 1, enableNetworkIsolation=True)]}

    assert findings_text([evaluate(plan, PROFILE, today=TODAY)]) == "prod: clean  (profile prod, 2 rules, 1 answer)\n"


def test_stacks_follow_each_other(report: Report) -> None:
    """`--all` writes one after the other, an empty line between them."""
    assert findings_text([report, report]) == f"{EXPECTED}\n{EXPECTED}"


def test_colours_are_for_terminals(report: Report) -> None:
    """Without its escape codes the coloured text is the plain one; the plain one has none."""
    coloured = findings_text([report], colour=True)

    assert "\x1b[1;31m✗ AWS-SM-003" in coloured
    assert _without_escapes(coloured) == EXPECTED
    assert "\x1b" not in EXPECTED


def _without_escapes(text: str) -> str:
    from rich.text import Text

    return Text.from_ansi(text).plain.rstrip("\n") + "\n"


def test_json_has_every_documented_field(report: Report) -> None:
    """The first finding in full, and the kinds of the others."""
    (stack,) = findings_json([report])["stacks"]  # type: ignore[misc]

    assert stack["findings"][0] == {
        "policy": "AWS-SM-003",
        "title": "Model runs with network isolation",
        "severity": "high",
        "level": "mandatory",
        "verdict": "fail",
        "reason": "enableNetworkIsolation is false, true is needed",
        "fix": ALL["AWS-SM-003"].fix,
        "urn": f"urn:pulumi:prod::acme::{MODEL}::broken",
        "type": MODEL,
        "name": "broken",
        "source": {"file": "infra/__main__.py", "line": 12},
        "waivedBy": None,
        "inBaseline": False,
        "frameworks": ["AWS Security Hub SageMaker.5", "NIS2 6.2.1", "AISF-ML-01"],
        "references": ["CKV_AWS_370", "SageMaker.5", "prowler:sagemaker_models_network_isolation_enabled"],
    }
    found = [(f["policy"], f["name"], f["verdict"], f["waivedBy"], f["inBaseline"]) for f in stack["findings"][1:]]
    assert found == [
        ("AWS-SM-003", "hidden", "unknown", None, False),
        ("AWS-SM-003", "known", "fail", None, True),
        ("AWS-SM-003", "waived", "fail", "team-growth", False),
        ("ML-ART-002", "tagged", "fail", None, False),
    ]
    assert {key: value for key, value in stack.items() if key not in ("findings", "waivers")} == {
        "project": "acme",
        "stack": "prod",
        "profile": "prod",
        "exitCode": 5,
        "rules": ["AWS-SM-003", "ML-ART-002"],
        "answers": {"pass": 1, "fail": 4, "unknown": 1, "not-applicable": 4},
        "notSeen": [{"subject": "x", "reason": "opaque"}],
    }
    assert [(waiver["urn"], waiver["state"]) for waiver in stack["waivers"]] == [
        ("*::waived", "used"),
        ("*::broken", "expired"),
        ("*::gone", "unused"),
    ]


def test_sarif_locates_suppresses_and_compares(report: Report) -> None:
    """A violation with its line; an unknown to review; a waived one suppressed; a known one unchanged; advice warns."""
    (run,) = sarif([report], "0.1.0")["runs"]  # type: ignore[misc]
    broken, hidden, known, waived, tagged = run["results"]

    assert broken["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "infra/__main__.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 12},
            },
            "logicalLocations": [
                {"fullyQualifiedName": f"urn:pulumi:prod::acme::{MODEL}::broken", "name": "broken", "kind": "resource"}
            ],
        }
    ]
    assert (broken["kind"], broken["level"], broken["baselineState"]) == ("fail", "error", "new")
    assert (hidden["kind"], hidden["level"]) == ("review", "none")
    assert "physicalLocation" not in hidden["locations"][0]
    assert (known["baselineState"], known["suppressions"]) == ("unchanged", [])
    assert waived["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "Calls a feature store (owner team-growth, until 2027-05-31)",
        }
    ]
    assert tagged["level"] == "warning"
    assert "region" not in tagged["locations"][0]["physicalLocation"]


def test_sarif_has_the_shape_of_the_standard(report: Report) -> None:
    """Required properties, closed vocabularies and references between rules and results, by SARIF 2.1.0."""
    log = json.loads(json.dumps(sarif([report, report], "0.1.0")))

    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert len(log["runs"]) == 2
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] == "hybridml"
        assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in driver["rules"])
        assert all(_is_score(rule["properties"]["security-severity"]) for rule in driver["rules"])
        for result in run["results"]:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["message"]["text"]
            assert result["kind"] in {"notApplicable", "pass", "fail", "review", "open", "informational"}
            assert result["level"] in {"none", "note", "warning", "error"}
            assert result["level"] == "none" or result["kind"] == "fail"
            assert result["baselineState"] in {"new", "unchanged", "updated", "absent"}
            assert all(suppression["kind"] in {"inSource", "external"} for suppression in result["suppressions"])
            assert all(line >= 1 for line in _start_lines(result))


def _is_score(text: str) -> bool:
    return 0 < float(text) <= 10


def _start_lines(result: dict[str, Any]) -> Iterator[int]:
    for location in result["locations"]:
        region = location.get("physicalLocation", {}).get("region")
        if region:
            yield region["startLine"]


def test_reports_have_the_same_bytes_twice(report: Report) -> None:
    """Same findings, same text, JSON and SARIF."""
    for write in (findings_json, lambda reports: sarif(reports, "0.1.0")):
        assert json.dumps(write([report])) == json.dumps(write([report]))
    assert findings_text([report]) == findings_text([report])


def test_a_file_name_is_escaped_in_a_uri() -> None:
    """SARIF takes references of RFC 3986, which hold neither blanks nor a bare percent sign."""
    resource = model("broken", 1, enableNetworkIsolation=False) | {
        "source": {"file": "my 100% infra/main.py", "line": 1}
    }
    log: Any = sarif([evaluate({"resources": [resource]}, PROFILE, today=TODAY)], "1")

    (location,) = log["runs"][0]["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "my%20100%25%20infra/main.py"
