"""No field of a spec or of a target is silently ignored: it changes the plan, or it is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import AwsTarget, EndpointSpec, GcpTarget, KubernetesTarget
from hybridml.targets.asks import refuse
from hybridml.targets.base import Promise, Refusal, find
from targets import fields
from targets.fields import Change, leaves
from targets.planned import PlanOf, merged

KINDS = {"aws": AwsTarget, "gcp": GcpTarget, "kubernetes": KubernetesTarget}
WORDS = {
    "aws": {"image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/own", "instance": "ml.c7i.xlarge"},
    "gcp": {"image": "europe-west3-docker.pkg.dev/acme-ml/serving/own", "instance": "n2-standard-8"},
    "kubernetes": {"image": "registry.acme.example/own", "instance": "m7i.xlarge"},
}
ALERTED: Mapping[str, Any] = {"slo": {"p99_ms": 300}}


def said(kind: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """`change` with the words that this kind of target takes."""
    text = json.dumps(change)
    for word, value in WORDS[kind].items():
        text = text.replace("{" + word + "}", value)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def seen() -> dict[str, str]:
    """Plans that were made before a change, by what was asked."""
    return {}


@pytest.mark.parametrize("field", sorted(fields.SPEC))
@pytest.mark.parametrize("kind", KINDS)
def test_field_of_an_endpoint_is_used_or_refused(
    plan: Callable[..., PlanOf], seen: dict[str, str], kind: str, field: str
) -> None:
    """Changing one field of an endpoint changes what is planned, or planning refuses it at that field."""
    change = fields.SPEC[field]
    before = said(kind, change.before)
    after = merged(before, said(kind, change.after))
    try:
        made = plan(kind, after).text
    except ConfigurationError as refusal:
        paths = {problem.path.removeprefix("churn.") for problem in refusal.problems}
        head = field.partition(".")[0]
        heads = {head, fields.SWITCHED_ON_BY.get(head, head)}
        assert any(path.partition(".")[0] in heads for path in paths), (field, paths)
        return
    asked = kind + json.dumps(before, sort_keys=True)
    if asked not in seen:
        seen[asked] = plan(kind, before).text
    assert made != seen[asked]


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in KINDS for field in sorted(fields.TARGETS[kind])])
def test_field_of_a_target_is_used_or_refused(
    plan: Callable[..., PlanOf], seen: dict[str, str], kind: str, field: str
) -> None:
    """Changing one field of a target changes what is planned there, or planning refuses it."""
    change: Change = fields.TARGETS[kind][field]
    spec = {} if kind == "kubernetes" else ALERTED
    try:
        made = plan(kind, spec, change.after).text
    except ConfigurationError:
        return
    if kind not in seen:
        seen[kind] = plan(kind, spec).text
    assert made != seen[kind]


def test_every_field_of_an_endpoint_has_a_change() -> None:
    """A field that is added to the spec is added here, or said to be decided elsewhere."""
    assert set(leaves(EndpointSpec)) == set(fields.SPEC) | set(fields.ELSEWHERE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_target_has_a_change(kind: str) -> None:
    """A field that is added to a target is added here; its kind is what it is."""
    assert set(leaves(KINDS[kind])) - {"kind"} == set(fields.TARGETS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_every_promise_is_answered(kind: str) -> None:
    """A target answers every promise; a refusal has a reason and a way out."""
    promises = find(kind).promises

    assert set(promises) == set(Promise)
    for answer in promises.values():
        if isinstance(answer, Refusal):
            assert answer.reason
            assert answer.fix


@pytest.mark.parametrize("kind", KINDS)
def test_what_all_ask_for_is_kept(kind: str) -> None:
    """The endpoint of these tests asks for nothing that the target refuses."""
    from targets.planned import SPEC

    spec = EndpointSpec.model_validate({"name": "churn", **SPEC})

    assert refuse(kind, find(kind).promises, "churn", spec) == []
