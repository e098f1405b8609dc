"""The configuration as data: what it says, and that the real Envoy accepts it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hybridml.proxy import HeaderRoute, Shadow, Traffic, Upstream, clusters, routes, to_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proxy.stage import Stage


def test_split_names_each_version_and_its_weight(traffic: Traffic) -> None:
    """The weighted route lists every version with its weight and its response header."""
    split = next(each for each in routes(traffic)[0]["virtual_hosts"][0]["routes"] if each["name"] == "split")

    shares = [(each["name"], each["weight"]) for each in split["route"]["weighted_clusters"]["clusters"]]

    assert shares == [("version-3", 90), ("version-4", 10)]


def test_header_routes_come_before_the_split(traffic: Traffic) -> None:
    """A header route is matched first, and only on the exact value."""
    first = routes(traffic)[0]["virtual_hosts"][0]["routes"][0]

    assert first["match"] == {
        "path": "/invocations",
        "headers": [
            {"name": ":method", "string_match": {"exact": "POST"}},
            {"name": "x-cohort", "string_match": {"exact": "beta"}},
        ],
    }
    assert first["route"]["cluster"] == "direct-4"


def test_shadow_has_a_cluster_of_its_own(traffic: Traffic) -> None:
    """What is mirrored is counted apart, and its share is exact."""
    split = routes(traffic)[0]["virtual_hosts"][0]["routes"][1]

    assert split["route"]["request_mirror_policies"] == [
        {
            "cluster": "shadow-4",
            "runtime_fraction": {"default_value": {"numerator": 200_000, "denominator": "MILLION"}},
        }
    ]


def test_weight_zero_gets_nothing() -> None:
    """A version of weight 0 is not in the split."""
    table = routes(Traffic(weights={"1": 100, "2": 0}, groups=("g",)))[0]

    split = table["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]["clusters"]

    assert [each["name"] for each in split] == ["version-1"]


def test_no_group_means_nobody() -> None:
    """Without a group the rule has no policy, which Envoy reads as: nobody passes."""
    table = routes(Traffic(weights={"1": 100}, groups=()))[0]

    rules = table["virtual_hosts"][0]["typed_per_filter_config"]["envoy.filters.http.rbac"]["rbac"]["rules"]

    assert rules == {"action": "ALLOW", "policies": {}}


def test_equal_messages_give_equal_text(traffic: Traffic) -> None:
    """The order in which a mapping was made does not show in the file."""
    turned = replace(traffic, weights={"4": 10, "3": 90})

    assert to_json(routes(traffic)) == to_json(routes(turned))


def test_envoy_accepts_the_churn_endpoint(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """`envoy --mode validate` has no objection to bootstrap, clusters and routes."""
    stage.configure(traffic, upstreams)

    answer = stage.validate()

    assert answer.returncode == 0, answer.stderr
    assert "deprecated" not in answer.stderr.lower()


_VERSIONS = st.lists(st.sampled_from(["1", "2", "3", "2024-05", "a.b"]), min_size=1, max_size=3, unique=True)
_WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)


@st.composite
def _traffics(draw: st.DrawFn) -> Traffic:
    versions = draw(_VERSIONS)
    header = st.builds(lambda name, value: {f"x-{name}": value}, _WORDS, st.text(min_size=1, max_size=20))
    route = st.builds(HeaderRoute, headers=header, version=st.sampled_from(versions))
    shadow = st.builds(Shadow, version=st.sampled_from(versions), sample=st.floats(0, 100))
    return Traffic(
        weights={version: draw(st.integers(1, 100)) for version in versions},
        groups=tuple(draw(st.lists(_WORDS, max_size=3, unique=True))),
        header_routes=tuple(draw(st.lists(route, max_size=3))),
        shadow=draw(st.none() | shadow),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traffic=_traffics())
def test_envoy_accepts_any_traffic(stage: Stage, traffic: Traffic) -> None:
    """Whatever the split, the header values, the groups and the sample: Envoy reads it as one valid table."""
    upstreams = [Upstream(version=version, sockets=("a.sock", "b.sock")) for version in sorted(traffic.versions())]
    shadow = [Upstream(version=traffic.shadow.version, sockets=("a.sock",), shadow=True)] if traffic.shadow else []
    _write_static(stage, traffic, [*upstreams, *shadow])

    answer = stage.validate()

    assert answer.returncode == 0, answer.stderr


def _write_static(stage: Stage, traffic: Traffic, upstreams: list[Upstream]) -> None:
    """Clusters and routes inside the bootstrap: `--mode validate` does not open the files of a dynamic one."""
    document = json.loads((stage.directory / "bootstrap.json").read_text())
    document["static_resources"]["clusters"] = [_untyped(each) for each in clusters(upstreams)]
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager.pop("rds", None)
    manager["route_config"] = _untyped(routes(traffic)[0])
    document.pop("dynamic_resources", None)
    (stage.directory / "bootstrap.json").write_text(json.dumps(document))


def _untyped(message: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in message.items() if key != "@type"}


@pytest.mark.parametrize("broken", ["clusters.json", "routes.json"])
def test_envoy_keeps_what_it_has_when_a_file_is_broken(
    stage: Stage, traffic: Traffic, upstreams: list[Upstream], broken: str
) -> None:
    """A file that cannot be read changes nothing for the callers."""
    stage.configure(traffic, upstreams)
    with stage.running() as client:
        fresh = stage.directory / "broken"
        fresh.write_text('{"resources": [{')
        fresh.replace(stage.directory / broken)

        answer = client.post("/invocations", json={}, headers=stage.signer.header())

    assert answer.status_code == 200
