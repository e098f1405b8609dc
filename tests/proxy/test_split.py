"""The split while versions change places: exact, reversible, and touching nothing else."""

from __future__ import annotations

import copy
import json

from hybridml.proxy import (
    HeaderRoute,
    ServedVariant,
    Shadow,
    Traffic,
    Upstream,
    divided,
    marked,
    moving,
    routes,
    shares,
    variants_of,
)
from hypothesis import given
from hypothesis import strategies as st
from proxy.stage import Stage

VERSIONS = ("1", "2", "3")


def variant(version: str, weight: int, digest: str = "a") -> ServedVariant:
    return ServedVariant(version=version, revision=f"{version}-{digest}", weight=weight)


@st.composite
def variants(draw: st.DrawFn) -> dict[str, ServedVariant]:
    """A champion, perhaps a challenger of another version; weights sum to 100."""
    first, second = draw(st.permutations(VERSIONS))[:2]
    digests = draw(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")))
    weight = draw(st.integers(0, 100))
    if draw(st.booleans()):
        return {"champion": variant(first, 100, digests[0])}
    return {"champion": variant(first, weight, digests[0]), "challenger": variant(second, 100 - weight, digests[1])}


@given(before=variants(), after=variants(), percent=st.floats(0, 100))
def test_the_parts_are_the_whole(
    before: dict[str, ServedVariant], after: dict[str, ServedVariant], percent: float
) -> None:
    """Whatever changes and however far it has come, the units sum to a hundred weights and none is empty."""
    units = [part.units for part in shares(before, after, percent)]

    assert sum(units) == 1_000_000
    assert min(units) > 0


@given(before=variants(), after=variants())
def test_moved_by_a_hundred_is_what_was_asked_for(
    before: dict[str, ServedVariant], after: dict[str, ServedVariant]
) -> None:
    """At 100 percent only the new revisions have traffic, each its own weight."""
    assert {part.revision: part.units for part in shares(before, after, 100)} == {
        each.revision: each.weight * 10_000 for each in after.values() if each.weight
    }


def test_only_the_variant_that_changes_is_shared_out() -> None:
    """Five percent of the champion's 90 goes to its new version; the challenger keeps its ten."""
    before = {"champion": variant("3", 90), "challenger": variant("4", 10)}
    after = {"champion": variant("5", 90), "challenger": variant("4", 10)}

    assert moving(before, after) == {"champion": before["champion"]}
    assert [(part.revision, part.units) for part in shares(before, after, 5)] == [
        ("3-a", 855_000),
        ("4-a", 100_000),
        ("5-a", 45_000),
    ]


def test_a_changed_weight_moves_nothing_step_by_step() -> None:
    """The same revisions with other weights: nothing is shared out, the new weights hold at once."""
    before = {"champion": variant("3", 90), "challenger": variant("4", 10)}
    after = {"champion": variant("3", 50), "challenger": variant("4", 50)}

    assert moving(before, after) == {}
    assert [part.units for part in shares(before, after, 0)] == [500_000, 500_000]


def test_what_was_in_charge_has_nothing_to_prove() -> None:
    """Champion and challenger change places: the new champion moves step by step, the old one at once."""
    before = {"champion": variant("3", 90), "challenger": variant("4", 10)}
    after = {"champion": variant("4", 90), "challenger": variant("3", 10)}

    assert moving(before, after) == {"champion": before["champion"]}
    assert [(part.revision, part.units) for part in shares(before, after, 10)] == [("3-a", 910_000), ("4-a", 90_000)]


def test_a_new_variant_takes_its_share_from_the_champion() -> None:
    """A challenger that was not there before begins with nothing; what it is to have, the champion answers."""
    before, after = {"champion": variant("3", 100)}, {"champion": variant("3", 80), "challenger": variant("4", 20)}

    assert [(part.revision, part.units) for part in shares(before, after, 10)] == [("3-a", 980_000), ("4-a", 20_000)]


def test_new_bytes_of_a_version_are_another_revision() -> None:
    """The same version with another digest is shared out, and both halves carry the version's name."""
    before, after = {"champion": variant("3", 100, "a")}, {"champion": variant("3", 100, "b")}

    assert [(part.version, part.revision) for part in shares(before, after, 25)] == [("3", "3-a"), ("3", "3-b")]


def test_nobody_to_fall_back_on_means_at_once() -> None:
    """Where nothing was served before, everything moves at once."""
    after = {"champion": variant("3", 100)}

    assert moving({}, after) == {"champion": None}
    assert [(part.revision, part.units) for part in shares({}, after, 5)] == [("3-a", 1_000_000)]


def test_dividing_touches_the_split_and_the_ping_alone() -> None:
    """Header routes, shadow and callers stay as they are; the ping goes where no measurement looks."""
    traffic = Traffic(
        weights={"3": 100},
        groups=("g",),
        header_routes=(HeaderRoute(headers={"x": "y"}, version="3"),),
        shadow=Shadow(version="3", sample=5),
        revisions={"3": "3-a"},
    )
    (table,) = routes(traffic)
    kept = copy.deepcopy(table)
    parts = shares({"champion": variant("3", 100)}, {"champion": variant("4", 100)}, 5)

    changed = divided(table, parts)

    assert table == kept
    header, split, ping, *_ = changed["virtual_hosts"][0]["routes"]
    assert header == kept["virtual_hosts"][0]["routes"][0]
    assert [each["name"] for each in split["route"]["weighted_clusters"]["clusters"]] == ["version-3-a", "version-4-a"]
    assert [each["name"] for each in ping["route"]["weighted_clusters"]["clusters"]] == ["direct-3-a", "direct-4-a"]
    assert (
        split["route"]["request_mirror_policies"]
        == kept["virtual_hosts"][0]["routes"][1]["route"]["request_mirror_policies"]
    )


def test_a_table_says_what_it_serves() -> None:
    """What is marked is read back, also after a round trip through a file; an unmarked table says nothing."""
    (table,) = routes(Traffic(weights={"3": 100}, groups=("g",)))
    served = {"champion": variant("3", 90), "challenger": variant("4", 10)}

    assert variants_of(json.loads(json.dumps(marked(table, served)))) == served
    assert variants_of(table) == {}
    for damaged in ({"champion": {"odd": 1}}, {"champion": 3}, ["champion"], "champion", 3, None):
        assert variants_of({"metadata": {"filter_metadata": {"hybridml": {"variants": damaged}}}}) == {}


def test_envoy_accepts_a_marked_table_in_mid_step(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """A split in ten-thousandths and metadata of ours pass `envoy --mode validate`."""
    stage.configure(traffic, upstreams)
    before = {"champion": ServedVariant(version="3", revision="3", weight=100)}
    after = {"champion": ServedVariant(version="4", revision="4", weight=100)}
    table = marked(divided(routes(traffic)[0], shares(before, after, 12.345)), after)
    (stage.directory / "routes.json").write_text(json.dumps({"version_info": "1", "resources": [table]}))

    with stage.running() as client:
        stage.wait_until("http.endpoint.rds.endpoint.update_success", 1)
        assert client.post("/invocations", headers=stage.signer.header(), content="{}").status_code in {200, 503}
