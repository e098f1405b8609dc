"""What an endpoint becomes on this machine when the number of its replicas is not always the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hybridml.jobs.pausing import VARIABLE
from hybridml.provider.scaler import ORDERS, Orders
from hybridml.provider.scaling import Bounds, Policy, Schedule
from hybridml.provider.supervisor import Task
from hybridml.proxy.clusters import HEALTH_PATIENCE_SECONDS, HEALTH_SECONDS
from hybridml.spec.scaling import Scaling
from hybridml.targets.local.scaling import always, policy
from local.conftest import CHURN, Planned, PlanOf

EVENING = {"cron": "0 20 * * 1-5", "timezone": "Europe/Berlin", "min": 0, "max": 1}
MORNING = {"cron": "0 7 * * 1-5", "timezone": "Europe/Berlin", "min": 2, "max": 5}
OFFICE = CHURN | {"scaling": {"min": 2, "max": 4, "requests_per_replica": 30, "schedules": [EVENING, MORNING]}}


def flags(planned: Planned, version: str) -> list[tuple[object, object]]:
    """Of each replica: whether it is scaled, and whether it begins paused."""
    names = sorted(name for name in planned.names("HostService") if name.startswith(f"churn-{version}-"))
    inputs = [planned.one(name).inputs for name in names]
    return [(each.get("scaled"), each.get("beginsPaused")) for each in inputs]


def test_a_fixed_number_needs_no_scaler(plan_of: PlanOf) -> None:
    """Where nothing varies there is neither a scaler nor a health check."""
    planned = plan_of()

    assert "churn-scaler" not in planned.names("HostService")
    assert flags(planned, "3") == [(None, None)] * 2
    assert "health_checks" not in planned.one("churn-proxy-config").inputs["envoy"]["clusters"]


def test_as_many_replicas_as_ever_run_are_there(plan_of: PlanOf) -> None:
    """Up to max: those beyond min begin paused, those that are always needed are ordinary."""
    planned = plan_of(CHURN | {"scaling": {"min": 2, "max": 4}})

    assert flags(planned, "3") == flags(planned, "4") == [(None, None)] * 2 + [(True, True)] * 2


def test_schedules_count_too(plan_of: PlanOf) -> None:
    """The most of all bounds is there; the least of them says who is never paused."""
    assert flags(plan_of(OFFICE), "3") == [(True, None)] * 2 + [(True, True)] * 3


def test_the_scaler_knows_all_that_it_needs(plan_of: PlanOf) -> None:
    """Bounds, schedules, clusters and instances of every version arrive as its orders; it has no port."""
    planned = plan_of(OFFICE)
    service = planned.one("churn-scaler").inputs
    orders = Orders.from_json(service["env"][ORDERS])

    assert service["argv"][1:] == ["-m", "hybridml.provider.scaler", "{instance}"]
    assert (service["socket"], service.get("port")) == (True, None)
    assert orders.policy == Policy(
        bounds=Bounds(2, 4),
        requests_per_replica=30,
        schedules=(
            Schedule(cron="0 20 * * 1-5", timezone="Europe/Berlin", bounds=Bounds(0, 1)),
            Schedule(cron="0 7 * * 1-5", timezone="Europe/Berlin", bounds=Bounds(2, 5)),
        ),
    )
    assert orders.versions["3"].clusters == ("version-3-33333333", "direct-3-33333333", "shadow-3-33333333")
    assert {version: len(each.instances) for version, each in orders.versions.items()} == {"3": 5, "4": 5}
    assert orders.admin == str(planned.root / ".hybridml/local/run/churn/admin.sock")


def test_only_replicas_that_answer_get_requests(plan_of: PlanOf) -> None:
    """Every cluster has every replica, asks each for its health, and sends nothing where none is healthy."""
    for cluster in json.loads(plan_of(OFFICE).one("churn-proxy-config").inputs["envoy"]["clusters"]):
        assert len(cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 5
        assert cluster["health_checks"][0]["http_health_check"] == {"path": "/ping"}
        assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


@pytest.mark.parametrize(("scaling", "unasked"), [({"min": 2, "max": 4}, 2), (OFFICE["scaling"], 0)])
def test_who_never_has_a_pause_is_not_asked_first(plan_of: PlanOf, scaling: dict[str, Any], unasked: int) -> None:
    """Servers that always run get requests from the beginning; where there are none, pauses are looked at less often.

    Otherwise Envoy would use a cluster before a slow server has answered.
    """
    planned = plan_of(CHURN | {"scaling": scaling})
    for cluster in json.loads(planned.one("churn-proxy-config").inputs["envoy"]["clusters"]):
        servers = [each["endpoint"] for each in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]]
        flagged = [each.get("health_check_config") == {"disable_active_health_check": True} for each in servers]
        assert flagged == [True] * unasked + [False] * (len(servers) - unasked)
        (check,) = cluster["health_checks"]
        for again in ("unhealthy_interval", "no_traffic_interval"):
            seconds = [float(check[name].rstrip("s")) for name in (again, "timeout")]
            assert unasked or seconds[0] > seconds[1]


def test_the_scaler_is_there_before_traffic_moves(plan_of: PlanOf) -> None:
    """It comes after the servers and before the proxy's clusters and routes."""
    planned = plan_of(OFFICE)
    scaler = planned.one("churn-scaler")

    assert planned.one("churn-3-4").urn in scaler.dependencies
    assert scaler.urn in planned.one("churn-proxy-config").dependencies


def test_a_server_learns_of_its_pause_before_it_is_stopped(plan_of: PlanOf) -> None:
    """The file that pauses it is in its environment; health checks see it well before the pause begins."""
    environment = plan_of().one("churn-3-0").inputs["env"]

    assert environment[VARIABLE] == "{instance}/paused"
    assert Task.pause_delay > 2 * HEALTH_SECONDS
    assert HEALTH_PATIENCE_SECONDS > 2 * HEALTH_SECONDS


@pytest.mark.parametrize(
    ("asked", "least"),
    [({"min": 2, "max": 4}, 2), ({"min": 2, "schedules": [MORNING]}, 2), ({"min": 2, "schedules": [EVENING]}, 0)],
)
def test_who_is_always_needed(asked: dict[str, Any], least: int) -> None:
    """The least of all minimums."""
    assert always(Scaling(**asked)) == least
    assert policy(Scaling(**asked)).bounds.least == 2
