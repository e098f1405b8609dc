"""Rules between fields: each is kept by the smallest endpoint and broken by one change."""

from __future__ import annotations

from typing import Any

import pytest
from hybridml.spec import StackSpec
from hybridml.spec.residency import contradiction, country
from pydantic import ValidationError
from spec.project import Files, endpoint, refusals

TWO: dict[str, Any] = {"1": {"artifact": {"uri": "models/1"}}, "2": {"artifact": {"uri": "models/2"}}}
BASELINE = "s3://models/baseline"


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        (
            {"traffic": {"champion": {"version": "1", "weight": 90}}},
            "iris.traffic.champion.weight: weights sum to 90, not 100: champion 90 (make them sum to 100)",
        ),
        (
            {"traffic": {"champion": {"version": "3"}}},
            "iris.traffic.champion.version: version '3' does not exist (declared versions: 1)",
        ),
        (
            {"traffic": {"champion": {"version": "1"}, "shadow": {"version": "2"}}},
            "iris.traffic.shadow.version: version '2' does not exist (declared versions: 1)",
        ),
        (
            {"traffic": {"champion": {"version": "1"}, "routes": [{"header": {"x-a": "b"}, "version": "2"}]}},
            "iris.traffic.routes.0.version: version '2' does not exist (declared versions: 1)",
        ),
        (
            {
                "versions": TWO,
                "traffic": {"champion": {"version": "1", "weight": 50}, "challenger": {"version": "1", "weight": 50}},
            },
            "iris.traffic.challenger.version: champion and challenger are both version '1' "
            "(give the challenger another version, or remove it)",
        ),
        (
            {"scaling": {"min": 3, "max": 2}},
            "iris.scaling.min: min 3 is more than max 2 (raise max or lower min)",
        ),
        (
            {"scaling": {"schedules": [{"cron": "0 20 * * *", "min": 3, "max": 2}]}},
            "iris.scaling.schedules.0.min: min 3 is more than max 2 (raise max or lower min)",
        ),
        (
            {"scaling": {"min": 0, "max": 2}},
            "iris.scaling.min: a realtime endpoint needs a replica (set min: 1, or another mode)",
        ),
        (
            {"rollout": {"steps": [5, 5]}},
            "iris.rollout.steps.1: 5 does not follow 5 (write steps in ascending order)",
        ),
        (
            {"rollout": {"steps": []}},
            "iris.rollout.steps: canary has steps (add steps, or set strategy: all-at-once)",
        ),
        (
            {"rollout": {"strategy": "all-at-once", "steps": [5]}},
            "iris.rollout.steps: all-at-once has no steps (remove steps (`steps: null` in a stack), "
            "or set strategy: canary)",
        ),
        (
            {"rollout": {"interval": "20m"}},
            "iris.rollout.interval: interval 20m is longer than bake 10m (shorten interval)",
        ),
        (
            {"rollout": {"bake": "1h"}},
            "iris.rollout.bake: bake 1h is longer than max_bake 30m (shorten bake)",
        ),
        (
            {"rollout": {"abort_on": {"error_rate": None}}},
            "iris.rollout.abort_on: no gate is left, so nothing would ever roll back (keep one of them)",
        ),
        (
            {"rollout": {"strategy": "blue-green", "steps": [5]}},
            "iris.rollout.steps: blue-green has no steps (remove steps (`steps: null` in a stack), "
            "or set strategy: canary)",
        ),
        (
            {"rollout": {"strategy": "linear", "steps": [10, 30, 50]}},
            "iris.rollout.steps: 10, 30, 50 are not the multiples of 10 below 100 "
            "(leave steps out for 10, 20, …, 90, or set strategy: canary)",
        ),
        (
            {"rollout": {"strategy": "blue-green", "abort_on": {"worse_than_champion": 0.9}}},
            "iris.rollout.abort_on.worse_than_champion: with blue-green the old version gets no traffic to compare "
            "with (remove it, or set strategy: canary)",
        ),
        (
            {"rollout": {"strategy": "all-at-once", "abort_on": {"p99_ms": 300}}},
            "iris.rollout.abort_on: all-at-once has no gates (remove abort_on (`abort_on: null` in a stack), "
            "or set strategy: blue-green)",
        ),
        (
            {"monitors": {"drift": {"baseline": BASELINE}, "bias": {"baseline": BASELINE, "facet": "age"}}},
            "iris.monitors: nothing is captured for drift, bias to look at (add capture.sample)",
        ),
        (
            {"capture": {"sample": 5, "drop": ["age"], "hash": ["age"]}},
            "iris.capture.hash.0: 'age' is dropped, so there is nothing to hash (keep one)",
        ),
        (
            {"capture": {"sample": 5, "drop": ["age", "age"]}},
            "iris.capture.drop.1: 'age' is named twice (name it once)",
        ),
        (
            {"access": {"invokers": ["group:a", "group:a"]}},
            "iris.access.invokers.1: 'group:a' is named twice (name it once)",
        ),
        (
            {"access": {"invokers": []}},
            "iris.access.invokers: a list is empty (write at least 1 entry)",
        ),
        (
            {"runtime": {"port": 9000}},
            "iris.runtime.port: mlflow has its own (remove port, or set kind: custom)",
        ),
        (
            {"runtime": {"env": {"A": "x"}, "secrets": {"A": "config:a"}}},
            "iris.runtime.env.A: is also among the secrets (keep it in one of the two)",
        ),
        (
            {"placement": {"primary": "a", "overflow": ["b", "a"]}},
            "iris.placement.overflow.1: 'a' is already the primary (remove it)",
        ),
    ],
)
def test_a_broken_rule_is_told(over: dict[str, Any], problem: str) -> None:
    """One change, one problem, in words."""
    assert endpoint()
    assert refusals(**over) == [problem]


def test_a_custom_runtime_needs_all_three() -> None:
    """Every field that is missing is told."""
    assert refusals(runtime={"kind": "custom", "image": "serving:1"}) == [
        "iris.runtime.port: a custom runtime needs it (add image, port and routes)",
        "iris.runtime.routes: a custom runtime needs it (add image, port and routes)",
    ]


def test_two_routes_with_the_same_header_are_both_told() -> None:
    """Only the first would ever match."""
    route = {"header": {"x-cohort": "beta"}, "version": "1"}
    problems = refusals(traffic={"champion": {"version": "1"}, "routes": [route, route]})
    assert [problem.partition(":")[0] for problem in problems] == [
        "iris.traffic.routes.0.header",
        "iris.traffic.routes.1.header",
    ]


def test_a_rule_and_a_wrong_type_elsewhere_are_told_together() -> None:
    """A dangling version does not hide behind another mistake."""
    problems = refusals(owner=5, traffic={"champion": {"version": "9"}})
    assert problems == [
        'iris.owner: 5 is not text (write it in quotes: "5")',
        "iris.traffic.champion.version: version '9' does not exist (declared versions: 1)",
    ]


CLOUDS = [
    "{kind: aws, region: eu-west-1}",
    "{kind: gcp, project: acme-ml, region: europe-west3}",
    "{kind: kubernetes, context: x}",
]


@pytest.mark.parametrize("target", CLOUDS)
def test_on_premises_data_meets_no_cloud(files: Files, target: str) -> None:
    """A cluster counts as a cloud until it is said to be on premises."""
    files.change("infra/endpoints/iris.yaml", "internal", "on-premises-only")
    assert files.load()
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", target)
    (problem,) = files.problems()
    assert problem.startswith(
        "stacks/Pulumi.any.yaml:7 config.hybridml:endpoints.iris.placement.primary: "
        "target 'here' is a cloud, and the data of iris is on-premises-only"
    )


def test_on_premises_data_may_live_on_an_own_cluster(files: Files) -> None:
    """`location: on-premises` lets it in."""
    files.change("infra/endpoints/iris.yaml", "internal", "on-premises-only")
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: kubernetes, context: x, location: on-premises}")
    assert files.load()


def test_two_batches_do_not_write_to_one_folder(files: Files) -> None:
    """However the folder is spelled: each would show the other's newest result as its own."""
    batch = "mode: batch\nbatch: {input: data/*.csv, output: results}\n"
    plain = (files.endpoints / "iris.yaml").read_text()
    iris = "".join(line for line in plain.splitlines(keepends=True) if "challenger" not in line)
    iris = iris.replace(", weight: 90", "") + batch
    files.write("infra/endpoints/iris.yaml", iris)
    files.write("infra/endpoints/two.yaml", iris.replace("output: results", "output: ./results/"))
    files.change("stacks/Pulumi.any.yaml", "primary: here}}", "primary: here}}\n    two: {placement: {primary: here}}")

    (problem,) = files.problems()
    assert problem.startswith(
        "stacks/Pulumi.any.yaml:8 config.hybridml:endpoints.two: batch.output ./results/ is already that of iris"
    )


def test_an_overflow_to_a_cloud_counts_too(files: Files) -> None:
    """The data of an overflow leaves as well."""
    files.change("infra/endpoints/iris.yaml", "internal", "on-premises-only")
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: local}\n    far: {kind: aws, region: eu-west-1}")
    files.change("stacks/Pulumi.any.yaml", "primary: here", "primary: here, overflow: [far]")
    assert "placement.overflow.0: target 'far' is a cloud" in files.problems()[0]


def test_ports_of_one_machine_are_distinct(files: Files) -> None:
    """Two endpoints, or an endpoint and a registry, never share a port."""
    files.write("infra/endpoints/two.yaml", (files.endpoints / "iris.yaml").read_text())
    files.change(
        "stacks/Pulumi.any.yaml",
        "primary: here}}",
        "primary: here}, port: 9000}\n    two: {placement: {primary: here}, port: 9000}",
    )
    (problem,) = files.problems()
    assert problem.startswith(
        "stacks/Pulumi.any.yaml:8 config.hybridml:endpoints.two.port: port 9000 is already that of iris"
    )
    files.change(
        "stacks/Pulumi.any.yaml",
        "two: {placement: {primary: here}, port: 9000",
        "two: {placement: {primary: here}, port: 5000",
    )
    assert "port 5000 is already that of the registry of here" in files.problems()[0]


def test_a_target_that_does_not_exist_is_told_even_beside_other_mistakes(files: Files) -> None:
    """Placements are checked although the stack has another problem."""
    files.change("stacks/Pulumi.any.yaml", "primary: here", "primary: heer")
    files.change("stacks/Pulumi.any.yaml", "environment: test", "environment: 5")
    assert files.problems() == [
        'stacks/Pulumi.any.yaml:3 config.hybridml:environment: 5 is not text (write it in quotes: "5")',
        "stacks/Pulumi.any.yaml:7 config.hybridml:endpoints.iris.placement.primary: target 'heer' does not exist "
        "(did you mean 'here'? targets of the stack: here)",
    ]


@pytest.mark.parametrize(
    ("region", "residency", "outside"),
    [
        ("eu-central-1", "de", None),
        ("eu-central-1", "eu", None),
        ("eu-central-1", "fr", "de"),
        ("eu-west-2", "eu", "gb"),
        ("eu-central-2", "eu", "ch"),
        ("us-east-1", "eu", "us"),
        ("us-gov-west-1", "us", None),
        ("europe-west3", "de", None),
        ("europe-west6", "eu", "ch"),
        ("ap-southeast-2", "au", None),
        ("northamerica-northeast1", "ca", None),
        ("northamerica-south1", "ca", "mx"),
        ("mars-north-1", "eu", None),
    ],
)
def test_a_region_contradicts_a_residency(region: str, residency: str, outside: str | None) -> None:
    """A region outside the residency is named with its country; a region nobody knows contradicts nothing."""
    assert contradiction(region, residency) == outside


def test_a_target_outside_its_residency_is_told(files: Files) -> None:
    """The stack says where data stays, and the region must agree."""
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: aws, region: us-east-1, residency: eu}")
    assert files.problems() == [
        "stacks/Pulumi.any.yaml:5 config.hybridml:targets.here.region: us-east-1 is in us, outside residency 'eu' "
        "(choose a region inside, or correct residency)"
    ]
    assert country("europe-west3") == "de"


def test_a_registry_has_a_port_of_its_own(files: Files) -> None:
    """The local target's two ports differ."""
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: local, port: 5000}")
    assert "targets.here.registry_port: port 5000 is that of the first endpoint" in files.problems()[0]


def test_two_registries_of_one_machine_have_two_ports(files: Files) -> None:
    """Two local targets do not fight over a port."""
    files.change("stacks/Pulumi.any.yaml", "here: {kind: local}", "here: {kind: local}\n    more: {kind: local}")
    (problem,) = files.problems()
    assert "targets.more.registry_port: port 5000 is already that of the registry of here" in problem


def test_the_last_port_is_followed_by_the_first(files: Files) -> None:
    """Ports that run out go on at the bottom."""
    files.write("infra/endpoints/two.yaml", (files.endpoints / "iris.yaml").read_text())
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: local, port: 65535}")
    files.change("stacks/Pulumi.any.yaml", "primary: here}}", "primary: here}}\n    two: {placement: {primary: here}}")
    assert [endpoint.port for endpoint in files.load().endpoints.values()] == [65535, 1024]


def test_a_moment_that_never_comes_is_told() -> None:
    """Cron fields hold numbers that clocks and calendars have."""
    schedule = {"min": 0, "max": 1}
    assert endpoint(scaling={"schedules": [{"cron": "*/15 0-6,22 1 1-12/2 7", **schedule}]})
    assert refusals(scaling={"schedules": [{"cron": "60 24 0 * 1-8", **schedule}]}) == [
        "iris.scaling.schedules.0.cron: day 0 does not exist (write 1 to 31)",
        "iris.scaling.schedules.0.cron: hour 24 does not exist (write 0 to 23)",
        "iris.scaling.schedules.0.cron: minute 60 does not exist (write 0 to 59)",
        "iris.scaling.schedules.0.cron: weekday 1-8 does not exist (write 0 to 7)",
    ]


def test_a_name_is_said_once() -> None:
    """A mapping that carries a name of its own must carry the same."""
    assert endpoint(name="iris").name == "iris"
    assert refusals(name="rose") == ["iris.name: the endpoint is already called 'iris' (remove it)"]


def test_keys_cannot_write_to_the_terminal() -> None:
    """Control characters and endless keys are cut from messages."""
    (problem,) = refusals(**{"\x1b[31m\n" + "x" * 500: 1})
    assert problem.isprintable()
    assert len(problem) < 600


def test_vertex_has_one_private_way_in(files: Files) -> None:
    """Peering and Private Service Connect exclude each other."""
    target = (
        "{kind: gcp, project: acme-ml, region: europe-west3, network: projects/1/global/networks/ml, "
        "consumer_projects: [acme-apps]}"
    )
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", target)
    assert "targets.here.consumer_projects: network is set too" in files.problems()[0]


def test_models_hold_outside_the_loader_too() -> None:
    """Built without files, a model refuses the same, and shows no input."""
    with pytest.raises(ValidationError) as raised:
        StackSpec.model_validate({"environment": "hunter 2", "targets": {}})
    assert "hunter" not in str(raised.value)


def test_specs_are_frozen() -> None:
    """Nobody changes a specification after it was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        endpoint().owner = "other"


def test_a_schedule_that_never_begins_is_refused() -> None:
    """A day that no month has, a range that runs backwards, a step of nothing: each is named, with a way out."""
    schedule = {"min": 0, "max": 1}
    for cron, reason in {
        "0 0 30 2 *": "bad day-of-month",
        "0 20-8 * * *": "bad hour",
        "*/0 * * * *": "bad minute",
    }.items():
        (said,) = refusals(scaling={"schedules": [{"cron": cron, **schedule}]})
        assert said.startswith(f"iris.scaling.schedules.0.cron: '{cron}' never begins: {reason} (")
    assert endpoint(scaling={"schedules": [{"cron": "0 0 29 2 *", **schedule}]})


def test_a_time_zone_is_one_of_the_database() -> None:
    """A name that the time zone database lacks is refused, with the name that was meant where one is near."""
    schedule = {"cron": "0 20 * * *", "min": 0, "max": 1}

    assert refusals(scaling={"schedules": [{**schedule, "timezone": "Europe/Berln"}]}) == [
        "iris.scaling.schedules.0.timezone: there is no time zone 'Europe/Berln' (did you mean Europe/Berlin?)"
    ]
    for name in ("../../etc/passwd", "/etc/localtime", "Nowhere/At_All\0", "Europe"):
        assert any(
            "there is no time zone" in said
            for said in refusals(scaling={"schedules": [{**schedule, "timezone": name}]})
        )


def test_a_default_that_cannot_be_made_is_no_mistake_of_its_own() -> None:
    """One mistake, one line, where a default follows from the field that is wrong."""
    (strategy,) = refusals(rollout={"strategy": "bluegreen"})
    (least,) = refusals(scaling={"min": -1})

    assert strategy.startswith("iris.rollout.strategy: \"bluegreen\" is not allowed (did you mean 'blue-green'?")
    assert least.startswith("iris.scaling.min: ")


def test_scaling_knows_its_extremes() -> None:
    """The most replicas ever wanted come from max and from every schedule."""
    night = {"cron": "0 20 * * *", "min": 0, "max": 7}

    assert [
        endpoint(scaling=each).scaling.most for each in ({"min": 2}, {"min": 1, "max": 3}, {"schedules": [night]})
    ] == [2, 3, 7]
    assert [
        endpoint(scaling=each).scaling.varies for each in ({"min": 2}, {"min": 1, "max": 3}, {"schedules": [night]})
    ] == [
        False,
        True,
        True,
    ]
