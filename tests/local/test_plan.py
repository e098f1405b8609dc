"""What one endpoint becomes on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError
from local.conftest import CHURN, PlanOf


def test_every_served_version_is_stored_by_digest(plan_of: PlanOf) -> None:
    """The versions that traffic names are copied with the digest that was asked for; the others are left alone."""
    planned = plan_of()

    assert planned.names("HostFile") == [
        "churn-artifacts-3-33333333",
        "churn-artifacts-4-44444444",
        "churn-proxy-bootstrap",
    ]
    assert planned.one("churn-artifacts-4-44444444").inputs == {
        "path": str(planned.root / ".hybridml/local/artifacts/churn/4-44444444"),
        "source": str(planned.root / "models/4"),
        "sha256": "4" * 64,
    }


def test_every_version_has_its_replicas_on_sockets(plan_of: PlanOf) -> None:
    """`scaling.min` servers per version, on Unix sockets, restarted when the artifact changes."""
    planned = plan_of()

    server = planned.one("churn-3-1")

    assert planned.names("HostService") == ["churn-3-0", "churn-3-1", "churn-4-0", "churn-4-1", "churn-proxy-envoy"]
    assert server.inputs["socket"] is True
    assert "port" not in server.inputs
    assert server.inputs["argv"][0] == sys.executable
    assert server.inputs["argv"][2:5] == ["uvicorn", "--factory", "hybridml.jobs.serve:application"]
    assert server.inputs["argv"][5:7] == ["--uds", "{socket}"]
    assert server.inputs["env"]["__pyfunc_model_path__"] == str(
        planned.root / ".hybridml/local/artifacts/churn/3-33333333"
    )
    assert server.inputs["health"] == {"path": "/ping"}
    assert server.inputs["triggers"]["artifact"]


def test_only_the_proxy_has_a_port(plan_of: PlanOf) -> None:
    """Nothing but Envoy can be reached over the network, and it is restarted only for port and key."""
    planned = plan_of(port=18099)

    listening = {each.name: each.inputs.get("port") for each in planned.plan.resources if "port" in each.inputs}
    bootstrap = json.loads(planned.one("churn-proxy-bootstrap").inputs["content"])

    assert listening == {"churn-proxy-envoy": 18099}
    assert bootstrap["static_resources"]["listeners"][0]["address"] == {
        "socket_address": {"address": "127.0.0.1", "port_value": 18099}
    }
    assert list(planned.one("churn-proxy-envoy").inputs["triggers"]) == ["bootstrap"]


def test_servers_come_before_traffic_and_traffic_before_the_proxy(plan_of: PlanOf) -> None:
    """The order that loses no request: servers, clusters and routes, the proxy itself."""
    planned = plan_of()

    config = planned.one("churn-proxy-config")
    servers = {planned.one(name).urn for name in ("churn-3-0", "churn-3-1", "churn-4-0", "churn-4-1")}

    assert servers <= set(config.dependencies)
    assert config.urn in planned.one("churn-proxy-envoy").dependencies


def test_traffic_is_what_the_specification_says(plan_of: PlanOf) -> None:
    """Weights, header route, shadow and callers arrive in Envoy's routes; every server in its clusters."""
    rollout = plan_of().one("churn-proxy-config").inputs
    config = rollout["envoy"]

    (host,) = json.loads(config["routes"])[0]["virtual_hosts"]
    clusters = {
        each["name"]: each["load_assignment"]["endpoints"][0]["lb_endpoints"] for each in json.loads(config["clusters"])
    }

    assert [route["name"] for route in host["routes"]] == ["header-4-0", "split", "ping", "only-post", "only-get"]
    assert {name: len(servers) for name, servers in clusters.items()} == {
        "direct-3-33333333": 2,
        "direct-4-44444444": 2,
        "shadow-4-44444444": 2,
        "version-3-33333333": 2,
        "version-4-44444444": 2,
    }
    assert rollout["variants"] == {
        "champion": {"version": "3", "revision": "3-33333333", "weight": 90},
        "challenger": {"version": "4", "revision": "4-44444444", "weight": 10},
    }
    assert "scoring-clients" in json.dumps(host["typed_per_filter_config"])


def test_an_endpoint_by_itself_brings_no_registry(plan_of: PlanOf) -> None:
    """Ten lines make an endpoint and a key, and nothing that nobody asked for."""
    planned = plan_of()

    assert planned.names("HostKey") == ["churn-key"]
    assert planned.names("ModelVersion") == []
    assert planned.names("ModelRegistry") == []


def test_everything_lies_in_the_state_folder(plan_of: PlanOf) -> None:
    """No path that is written to leaves `.hybridml/<stack>`."""
    planned = plan_of()

    written = [
        each.inputs[key]
        for each in planned.plan.resources
        for key in ("path", "directory", "admin")
        if key in each.inputs
    ]

    assert written
    assert all(Path(path).is_relative_to(planned.root / ".hybridml" / "local") for path in written)


def test_what_callers_need_is_exported(plan_of: PlanOf) -> None:
    """The export names the target, the address and how to authenticate, without any private key."""
    endpoint = plan_of().plan.to_json()["outputs"]["endpoints"]["churn"]

    assert endpoint["target"] == "local"
    assert {"url", "authentication", "versions", "example", "log", "admin", "rollout"} <= set(endpoint)
    assert endpoint["authentication"]["scheme"] == "jwt"
    assert endpoint["authentication"]["issuer"] == "hybridml"
    assert endpoint["authentication"]["audience"] == "churn"
    assert endpoint["authentication"]["groups"] == ["scoring-clients"]


def test_a_refusal_comes_before_any_resource(plan_of: PlanOf) -> None:
    """What the target cannot keep ends the plan as a configuration error that holds all of it."""
    with pytest.raises(ConfigurationError) as refused:
        plan_of(CHURN | {"mode": "async", "slo": {"p99_ms": 300}})

    assert [problem.path for problem in refused.value.problems] == ["churn.mode", "churn.slo.p99_ms"]


def test_a_wrong_target_is_one_problem(plan_of: PlanOf) -> None:
    """A field that the target does not have is named, with those it has."""
    with pytest.raises(ConfigurationError, match="prot"):
        plan_of(prot=1)


def test_two_plans_are_equal(plan_of: PlanOf) -> None:
    """The same project gives the same bytes."""
    assert json.dumps(plan_of().plan.to_json()) == json.dumps(plan_of().plan.to_json())


def test_a_secret_of_the_runtime_stays_one(plan_of: PlanOf) -> None:
    """A secret comes from the stack's configuration into the servers' environment and shows in no plan."""
    planned = plan_of(
        CHURN | {"runtime": {"secrets": {"FEATURE_TOKEN": "config:token"}}}, config={"small:token": "s3cr3t-word"}
    )

    environment = planned.plan.to_json()["resources"]

    assert "s3cr3t-word" not in json.dumps(environment)
    (server,) = (each for each in environment if each["name"] == "churn-3-0")
    assert server["inputs"]["env"]["FEATURE_TOKEN"] == "[secret]"


def test_a_secret_that_nobody_set_is_asked_for(plan_of: PlanOf) -> None:
    """A missing key is one configuration error that names it."""
    with pytest.raises(ConfigurationError, match="small:token"):
        plan_of(CHURN | {"runtime": {"secrets": {"FEATURE_TOKEN": "config:token"}}})


def test_threads_follow_the_cores_of_a_replica(plan_of: PlanOf) -> None:
    """Numeric libraries start as many threads as the replica has cores, rounded up."""
    planned = plan_of(CHURN | {"runtime": {"resources": {"cpu": "1500m"}, "env": {"LANG": "C"}}})

    environment = planned.one("churn-3-0").inputs["env"]

    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["LANG"] == "C"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
