"""Which file asks for what is made: the innermost place that is known."""

from __future__ import annotations

from pathlib import Path

from hybridml.origin import Place, about, asked_by, current

FILE = Path("/project/churn.yaml")
PLACES = {"apiVersion": Place(FILE, 4), "versions.3.uri": Place(FILE, 10), "versions.30.uri": Place(FILE, 20)}


def test_the_innermost_place_that_is_known_asks() -> None:
    """The first place of a file holds for all, a value's own where it is named, and nothing outside the blocks."""
    with asked_by(PLACES):
        assert current() == PLACES["apiVersion"]
        with about("versions.3"):
            assert current() == PLACES["versions.3.uri"]
            with about("slo"):
                assert current() == PLACES["versions.3.uri"]
        assert current() == PLACES["apiVersion"]
    assert current() is None


def test_a_method_can_be_about_something() -> None:
    """As a decorator it holds for each call."""

    @about("versions.30")
    def made() -> Place | None:
        return current()

    with asked_by(PLACES):
        assert (made(), made()) == (PLACES["versions.30.uri"], PLACES["versions.30.uri"])
    assert made() is None
