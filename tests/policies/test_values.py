"""Present, absent, or there and not known: what rules are made of."""

from __future__ import annotations

import pytest
from hybridml_policies import Kind
from hybridml_policies.ask import at_most, equals, present
from hybridml_policies.policy_document import statements
from hybridml_policies.values import find, number
from hybridml_policies.verdict import PASS, Verdict, all_of, any_of, fails, not_applicable, unknown

ARN = "arn:aws:kms:eu-central-1:000000000000:key/hybridml-unknown-key"


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({"encryption": {"key": "k"}}, Kind.PASS),
        ({"encryption": {"key": "[unknown]"}}, Kind.PASS),
        ({"encryption": {"key": "[secret]"}}, Kind.PASS),
        ({"encryption": {"key": ARN}}, Kind.PASS),
        ({"encryption": "[unknown]"}, Kind.UNKNOWN),
        ({"encryption": {}}, Kind.FAIL),
        ({"encryption": {"key": None}}, Kind.FAIL),
        ({"encryption": {"key": ""}}, Kind.FAIL),
        ({"encryption": [1, 2]}, Kind.FAIL),
        ({}, Kind.FAIL),
        (None, Kind.FAIL),
        ("[unknown]", Kind.UNKNOWN),
    ],
)
def test_what_is_not_known_yet_is_there(inputs: object, kind: Kind) -> None:
    """Present but unknown counts as present; below something unknown nobody knows; absent is absent."""
    assert present({"inputs": inputs}, "encryption.key").kind is kind


@pytest.mark.parametrize(
    ("value", "wanted", "kind"),
    [
        (True, True, Kind.PASS),
        ("true", True, Kind.PASS),
        (1.0, True, Kind.FAIL),
        (2.0, 2, Kind.PASS),
        ("2", 2, Kind.PASS),
        ("Enabled", "Enabled", Kind.PASS),
        ("enabled", "Enabled", Kind.FAIL),
        ("[unknown]", "Enabled", Kind.UNKNOWN),
        (ARN, "Enabled", Kind.UNKNOWN),
        ([], "Enabled", Kind.FAIL),
    ],
)
def test_values_compare_as_providers_compare_them(value: object, wanted: str | bool | float, kind: Kind) -> None:
    """Numbers may be floats or text, truth values text; one that is not known cannot be compared."""
    assert equals({"inputs": {"status": value}}, "status", wanted).kind is kind


@pytest.mark.parametrize(
    ("value", "kind"), [(365.0, Kind.PASS), ("90", Kind.PASS), (366, Kind.FAIL), (True, Kind.FAIL), ({}, Kind.FAIL)]
)
def test_limits_take_any_number(value: object, kind: Kind) -> None:
    """What is no number is over every limit."""
    assert at_most({"inputs": {"days": value}}, "days", 365).kind is kind


@pytest.mark.parametrize("value", [True, None, "", "x", "nan", "inf", float("nan"), float("inf"), [], 10**400])
def test_not_everything_is_a_number(value: object) -> None:
    """Truth values, infinities and other texts are none."""
    assert number(value) is None


def test_paths_visit_lists_and_objects() -> None:
    """`[]` visits elements and takes a lone object for a list of one; `*` visits values; both name where they are."""
    start = {"rules": [{"on": 1}, {"on": 2}], "rule": {"on": 3}, "versions": {"3": {"on": 4}}}

    assert [(f.path, f.value) for f in find(start, "rules[].on")] == [("rules[0].on", 1), ("rules[1].on", 2)]
    assert [(f.path, f.value) for f in find(start, "rule[].on")] == [("rule.on", 3)]
    assert [(f.path, f.value) for f in find(start, "versions.*.on")] == [("versions.3.on", 4)]
    assert [f.absent for f in find(start, "none[].on")] == [True]
    assert find({"rules": []}, "rules[].on") == ()


def test_verdicts_combine() -> None:
    """All: the worst with its reasons. Any: the best. Reasons are said once."""
    no, maybe, other = fails("a"), unknown("b"), not_applicable("c")

    assert all_of([PASS, maybe, no, no]) == no
    assert all_of([PASS, maybe, other]) == maybe
    assert all_of([PASS, other]) == PASS
    assert all_of([other]) == other
    assert any_of([no, maybe, PASS]) == PASS
    assert any_of([no, maybe]) == maybe
    assert any_of([no, fails("d")]) == Verdict(Kind.FAIL, "a; d")
    assert all_of([]).kind is any_of([]).kind is Kind.NOT_APPLICABLE


@pytest.mark.parametrize("policy", [None, 1, "", "text", "[]", "[unknown]", ARN, {}, '{"Statement": "[unknown]"}'])
def test_document_that_nobody_can_read_has_no_statements(policy: object) -> None:
    """Neither a text that is no document nor one that is not known."""
    assert statements(policy) is None


def test_policy_documents_are_read_leniently() -> None:
    """Elements in any letter case, texts for lists, principals of any kind, truth values for texts."""
    (statement,) = statements(
        '{"statement": {"effect": "Deny", "principal": {"AWS": ["*"], "Service": "x"}, "action": "S3:*", '
        '"resource": "*", "condition": {"Bool": {"AWS:SecureTransport": false}}}}'
    ) or [None]

    assert statement is not None
    assert (statement.effect, statement.principals) == ("Deny", ("*", "x"))
    assert (statement.actions, statement.resources) == (("s3:*",), ("*",))
    assert statement.conditions == {"bool": {"aws:securetransport": ("false",)}}
