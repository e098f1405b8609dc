"""Every promise that a target keeps is proven by a test, and the page that says so is up to date."""

from __future__ import annotations

import pytest
from hybridml.targets.base import KINDS, Keeps, Promise, find

from conformance.table import COMMAND, DOCUMENT, WAYS, document, marked

PROOFS = marked()


@pytest.mark.parametrize("target", KINDS)
def test_every_kept_promise_has_a_proof(target: str) -> None:
    """A target that starts to keep a promise brings the test that shows it."""
    proven = {proof.promise for proof in PROOFS if proof.target == target}
    kept = {promise.value for promise, answer in find(target).promises.items() if isinstance(answer, Keeps)}

    assert sorted(kept - proven) == [], f"mark a test: @pytest.mark.promise(…, target={target!r}, by=…)"


def test_every_promise_of_this_machine_is_proven_by_traffic() -> None:
    """What can be measured is measured: no promise of `local` rests on a plan alone."""
    weak = {proof.promise for proof in PROOFS if proof.target == "local"}
    strong = {proof.promise for proof in PROOFS if proof.target == "local" and proof.by == "traffic"}

    assert sorted(weak - strong) == []


def test_a_proof_is_of_a_promise_that_is_kept() -> None:
    """A mark names a promise, a target that keeps it and a way to prove it; none is left from before."""
    known = {promise.value for promise in Promise}
    for proof in PROOFS:
        where = f"{proof.file}::{proof.test}"
        assert proof.promise in known, where
        assert proof.target in KINDS, where
        assert proof.by in WAYS, where
        assert isinstance(find(proof.target).promises[Promise(proof.promise)], Keeps), where
        assert proof.says, where


def test_the_page_is_what_the_tests_say() -> None:
    """The table in the reference is the one of these tests and targets."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(PROOFS), f"write it again: {COMMAND}"
