"""Random endpoints, stacks and projects, valid ones and such with one planted mistake, for property tests.

projects()          (endpoints, stack) that load
local_projects()    such that the local target also keeps everything they ask for
broken_projects()   a `Broken`: a project with one mistake, and what the problem must mention
write(project, at)  lays a project out as files; answers (endpoints folder, stack file)
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Project:
    """What a project's files hold, before they are written."""

    endpoints: dict[str, Tree]
    stack: Tree

    def copy(self) -> Project:
        return copy.deepcopy(self)


@dataclass(frozen=True)
class Broken:
    """A project with one mistake."""

    project: Project
    kind: str
    file: str
    """The file that has it."""
    path: str
    """What the path of a problem in that file ends with, or holds."""


NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
VERSIONS = st.one_of(st.integers(1, 99).map(str), st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
DURATIONS = st.builds("{}{}".format, st.integers(1, 59), st.sampled_from("smhd"))
SIZES = st.builds("{}{}".format, st.integers(1, 512), st.sampled_from(["Ki", "Mi", "Gi", "Ti"]))
CPUS = st.one_of(st.integers(1, 96).map(str), st.integers(1, 8000).map("{}m".format))
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
RATIOS = st.floats(0, 1, allow_nan=False)
SAMPLES = st.one_of(st.integers(1, 100), st.floats(0.1, 100, allow_nan=False))
ADDRESSES = st.one_of(
    NAMES.map("s3://models/{}/".format),
    NAMES.map("gs://models/{}".format),
    st.builds("models:/{}/{}".format, NAMES, st.integers(1, 9)),
    NAMES.map(".hybridml/models/{}".format),
    NAMES.map("pvc://claim/{}".format),
)
VARIABLES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
SECRETS = st.one_of(NAMES.map("config:{}".format), NAMES.map("kubernetes:store/{}".format))
SCHEDULES = st.sampled_from(["hourly", "daily", "weekly"])


def sometimes(required: Tree, optional: Tree) -> st.SearchStrategy[Tree]:
    """Mappings with every required entry and some of the optional ones."""
    return st.fixed_dictionaries(required, optional=optional)


def _artifacts() -> st.SearchStrategy[Tree]:
    signature = sometimes({"key": NAMES.map("keys/{}.pub".format)}, {})
    return sometimes({"uri": ADDRESSES}, {"sha256": DIGESTS, "signature": signature})


def _versions() -> st.SearchStrategy[Tree]:
    formats = st.sampled_from(["mlflow", "onnx", "safetensors", "skops", "pickle", "custom"])
    lineage = sometimes({}, {"git": TEXT, "data": TEXT, "run": TEXT})
    version = sometimes({"artifact": _artifacts()}, {"format": formats, "card": TEXT, "lineage": lineage})
    return st.dictionaries(VERSIONS, version, min_size=1, max_size=3)


@st.composite
def _runtimes(draw: st.DrawFn) -> Tree:
    gpu = sometimes({}, {"count": st.integers(0, 8), "type": TEXT})
    resources = sometimes({}, {"cpu": CPUS, "memory": SIZES, "gpu": gpu})
    env = st.dictionaries(
        VARIABLES, st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8), max_size=2
    )
    common = {"resources": resources, "env": env}
    secrets = {"secrets": st.dictionaries(VARIABLES.map("SECRET_{}".format), SECRETS, max_size=2)}
    kind = draw(st.sampled_from(["mlflow", "triton", "vllm", "custom"]))
    if kind != "custom":
        return {"kind": kind, **draw(sometimes({}, {**common, **secrets}))}
    own = {"image": st.just("serving:1"), "port": st.integers(1024, 65535), "routes": st.just({"predict": "/v1"})}
    return {"kind": kind, **draw(sometimes(own, {**common, **secrets}))}


@st.composite
def _traffic(draw: st.DrawFn, versions: list[str]) -> Tree:
    one = st.sampled_from(versions)
    champion = draw(one)
    others = [version for version in versions if version != champion]
    traffic: Tree = {"champion": {"version": champion}}
    if others and draw(st.booleans()):
        weight = draw(st.integers(0, 100))
        traffic["champion"]["weight"] = weight
        traffic["challenger"] = {"version": draw(st.sampled_from(others)), "weight": 100 - weight}
    values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
    header = st.dictionaries(st.from_regex(r"x-[a-z]{1,6}", fullmatch=True), values, min_size=1, max_size=2)
    if draw(st.booleans()):
        routes = st.lists(
            st.fixed_dictionaries({"header": header, "version": one}),
            max_size=3,
            unique_by=lambda route: tuple(sorted(route["header"].items())),
        )
        traffic["routes"] = draw(routes)
    if draw(st.booleans()):
        traffic["shadow"] = draw(sometimes({"version": one}, {"sample": SAMPLES}))
    return traffic


@st.composite
def _scaling(draw: st.DrawFn, most: int = 40) -> Tree:
    least = draw(st.integers(1, (most + 1) // 2))
    scaling: Tree = {"min": least}
    if draw(st.booleans()):
        scaling["max"] = draw(st.integers(least, most))
    if draw(st.booleans()):
        scaling["schedules"] = [{"cron": "0 20 * * 1-5", "timezone": "Europe/Berlin", "min": 0, "max": 2}]
    return scaling


@st.composite
def _rollouts(draw: st.DrawFn) -> Tree:
    strategy = draw(st.sampled_from(["canary", "linear", "blue-green", "all-at-once"]))
    compared = {"worse_than_champion": st.floats(0.501, 0.999)} if strategy in {"canary", "linear"} else {}
    abort_on = sometimes({"error_rate": RATIOS}, {"p99_ms": st.integers(1, 5000), **compared})
    gates = {} if strategy == "all-at-once" else {"abort_on": abort_on}
    common = {"interval": st.just("30s"), "bake": st.just("10m"), "max_bake": st.just("1h"), **gates}
    rollout = {**draw(sometimes({}, {**common, "min_requests": st.integers(0, 1000)})), "strategy": strategy}
    if strategy == "canary":
        rollout["steps"] = sorted(draw(st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True)))
    if strategy == "linear" and draw(st.booleans()):
        step = draw(st.integers(5, 60))
        rollout["steps"] = list(range(step, 100, step))
    return rollout


def _monitors() -> st.SearchStrategy[Tree]:
    seen = {"schedule": SCHEDULES, "threshold": st.floats(0.1, 1)}
    quality = {"ground_truth": ADDRESSES, "metric": st.sampled_from(["accuracy", "f1", "rmse"]), "threshold": RATIOS}
    return sometimes(
        {},
        {
            "drift": sometimes({"baseline": ADDRESSES}, seen),
            "data_quality": sometimes({"baseline": ADDRESSES}, seen),
            "model_quality": sometimes(quality, {"schedule": SCHEDULES}),
            "bias": sometimes({"baseline": ADDRESSES, "facet": TEXT}, seen),
            "explainability": sometimes({"baseline": ADDRESSES}, seen),
        },
    )


def _batches() -> st.SearchStrategy[Tree]:
    """Nothing, or what makes an endpoint a batch."""
    optional = {
        "format": st.sampled_from(["csv", "jsonl", "parquet"]),
        "shard_rows": st.integers(1, 10_000),
        "schedule": st.sampled_from(["0 3 * * *", "*/15 * * * 1-5"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "timeout": st.just("2h"),
    }
    folders = NAMES.map("s3://results/{}/".format)
    batch = sometimes({"input": NAMES.map("data/{}/*.csv".format), "output": folders}, optional)
    return st.one_of(st.just({}), st.fixed_dictionaries({"mode": st.just("batch"), "batch": batch}))


@st.composite
def endpoints(draw: st.DrawFn) -> Tree:
    """The content of an endpoint's file."""
    versions = draw(_versions())
    groups = st.lists(NAMES.map("group:{}".format), min_size=1, max_size=3, unique=True)
    endpoint: Tree = {
        "apiVersion": "hybridml/v1",
        "owner": draw(NAMES),
        "data_class": draw(st.sampled_from(["public", "internal", "confidential"])),
        "versions": versions,
        "traffic": draw(_traffic(list(versions))),
        "access": {"invokers": draw(groups)},
        "capture": draw(sometimes({"sample": SAMPLES}, {"retention_days": st.integers(1, 3650)})),
    }
    endpoint |= draw(_batches()) if set(endpoint["traffic"]) == {"champion"} else {}
    slo = sometimes({}, {"availability": st.floats(90, 99.99), "p99_ms": st.integers(1, 5000), "error_rate": RATIOS})
    rest = {"runtime": _runtimes(), "scaling": _scaling(), "rollout": _rollouts(), "monitors": _monitors(), "slo": slo}
    return endpoint | draw(sometimes({}, rest))


def targets() -> st.SearchStrategy[Tree]:
    """One target of any kind."""
    kubernetes = {"namespace": NAMES, "location": st.sampled_from(["cloud", "on-premises"]), "residency": st.just("de")}
    aws = {"residency": st.sampled_from(["de", "eu"]), "subnet_ids": st.just(["subnet-0a1b2c3d"])}
    return st.one_of(
        sometimes({"kind": st.just("kubernetes"), "context": TEXT}, kubernetes),
        sometimes({"kind": st.just("aws"), "region": st.just("eu-central-1")}, aws),
        sometimes({"kind": st.just("gcp"), "project": st.just("acme-ml"), "region": st.just("europe-west3")}, {}),
        st.builds(lambda: {"kind": "local"}),
    )


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A project that loads."""
    files = draw(st.dictionaries(NAMES, endpoints(), min_size=1, max_size=2))
    there = draw(st.dictionaries(NAMES, targets(), min_size=1, max_size=3))
    for number, target in enumerate(target for target in there.values() if target["kind"] == "local"):
        target |= {"port": 9000 + number, "registry_port": 5000 + number}
    placed: dict[str, Tree] = {}
    for name in files:
        primary = draw(st.sampled_from(sorted(there)))
        others = sorted(set(there) - {primary})
        placed[name] = {"placement": {"primary": primary}}
        if others and draw(st.booleans()):
            placed[name]["placement"]["overflow"] = others
        if draw(st.booleans()):
            placed[name]["scaling"] = {"min": 1, "max": draw(st.integers(1, 9))}
    return Project(files, _stack(draw(NAMES), there, placed))


@st.composite
def local_projects(draw: st.DrawFn) -> Project:
    """A project with one local target that keeps everything the endpoints ask for."""
    files = draw(st.dictionaries(NAMES, endpoints(), min_size=1, max_size=2))
    for name, endpoint in files.items():
        for unkept in ("capture", "monitors", "slo", "runtime", "mode", "batch"):
            endpoint.pop(unkept, None)
        endpoint["scaling"] = draw(_scaling(most=4))
        endpoint["rollout"] = {"strategy": "all-at-once"}
        for number, version in endpoint["versions"].items():
            version["format"] = "mlflow"
            version["artifact"] = {"uri": f".hybridml/models/{name}/{number}"}
    placed = {name: {"placement": {"primary": "laptop"}} for name in files}
    there = {"laptop": {"kind": "local", "port": 9000, "registry_port": 5000}}
    return Project(files, _stack("local", there, placed))


def _stack(environment: str, there: Tree, placed: Tree) -> Tree:
    ours = {"environment": environment, "cost_centre": "ml", "targets": there, "endpoints": placed}
    return {"config": {f"hybridml:{key}": value for key, value in ours.items()} | {"aws:region": "eu-central-1"}}


# --- one mistake ------------------------------------------------------------------------------------------------------

Mistake = Callable[[st.DrawFn, Project, str], tuple[str, str]]
"""Plants a mistake about the endpoint of that name; answers the file it is in, and what the problem's path holds."""


def _in_endpoint(name: str) -> str:
    return f"infra/endpoints/{name}.yaml"


STACK_FILE = "stacks/Pulumi.any.yaml"
_FREE = {"env", "secrets", "header"}
"""Mappings whose keys are the user's own."""


def nodes(tree: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value below `tree`, with its path."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in below:
        yield (*path, key), value
        yield from nodes(value, (*path, key))


def put(tree: Any, path: Keys, value: object) -> None:
    """Sets the value at `path`."""
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


def _wrong_type(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    path, value = draw(st.sampled_from(list(nodes(project.endpoints[name]))))
    wrong: list[Any] = [{"x": 1}, [1]] if not isinstance(value, dict | list) else ["word", 7, True]
    put(project.endpoints[name], path, draw(st.sampled_from(wrong)))
    return _in_endpoint(name), ".".join(map(str, path))


def _unknown_field(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    endpoint = project.endpoints[name]
    closed = [()] + [
        path
        for path, value in nodes(endpoint)
        if isinstance(value, dict) and path != ("versions",) and path[-1] not in _FREE
    ]
    path = draw(st.sampled_from(closed))
    put(endpoint, (*path, "surprise"), draw(st.sampled_from([None, 1, "x", {}])))
    return _in_endpoint(name), ".".join(map(str, (*path, "surprise")))


def _missing_field(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    field = draw(st.sampled_from(["apiVersion", "owner", "data_class", "versions", "traffic", "access"]))
    del project.endpoints[name][field]
    return _in_endpoint(name), field


def _wrong_weights(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    champion = project.endpoints[name]["traffic"]["champion"]
    right = champion.get("weight", 100)
    champion["weight"] = draw(st.integers(0, 100).filter(lambda weight: weight != right))
    return _in_endpoint(name), "traffic.champion.weight"


def _no_such_version(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    traffic = project.endpoints[name]["traffic"]
    places = [path for path, _ in nodes(traffic) if path[-1] == "version"]
    path = draw(st.sampled_from(places))
    put(traffic, path, "no-such-version")
    return _in_endpoint(name), ".".join(map(str, ("traffic", *path)))


def _out_of_range(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    path, value = draw(
        st.sampled_from(
            [
                (("capture", "sample"), 101),
                (("capture", "retention_days"), 0),
                (("traffic", "champion", "weight"), -1),
                (("traffic", "champion", "weight"), 50.5),
                (("scaling", "min"), -1),
                (("rollout", "steps"), [50, 20]),
                (("slo", "availability"), 100),
                (("runtime", "resources", "memory"), "2GB"),
                (("rollout", "bake"), "5 min"),
                (("data_class",), "secret"),
                (("apiVersion",), "hybridml/v2"),
            ]
        )
    )
    for depth in range(1, len(path)):
        parent: Any = project.endpoints[name]
        for key in path[:depth]:
            parent = parent.setdefault(key, {"strategy": "canary"} if key == "rollout" else {})
    if path[0] == "rollout":
        project.endpoints[name]["rollout"] = {"strategy": "canary", "steps": [5]}
    put(project.endpoints[name], path, value)
    return _in_endpoint(name), path[0]


def _no_such_target(_: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    project.stack["config"]["hybridml:endpoints"][name]["placement"]["primary"] = "no-such-target"
    return STACK_FILE, f"config.hybridml:endpoints.{name}.placement.primary"


def _no_such_endpoint(_: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    entries = project.stack["config"]["hybridml:endpoints"]
    entries["no-such-endpoint"] = entries[name]
    return STACK_FILE, "config.hybridml:endpoints.no-such-endpoint"


def _named_twice(_: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    invokers = project.endpoints[name]["access"]["invokers"]
    invokers.append(invokers[0])
    return _in_endpoint(name), f"access.invokers.{len(invokers) - 1}"


def _wrong_override(draw: st.DrawFn, project: Project, name: str) -> tuple[str, str]:
    entry = project.stack["config"]["hybridml:endpoints"][name]
    field = draw(st.sampled_from(["mode", "owner", "traffic", "access"]))
    entry[field] = 17
    return STACK_FILE, f"config.hybridml:endpoints.{name}.{field}"


def _wrong_target(draw: st.DrawFn, project: Project, _: str) -> tuple[str, str]:
    entries = project.stack["config"]["hybridml:targets"]
    name = draw(st.sampled_from(sorted(entries)))
    entries[name] = draw(st.sampled_from([{}, {"kind": "azure"}, {"kind": "aws"}, 5, {"kind": "local", "port": 1}]))
    return STACK_FILE, f"config.hybridml:targets.{name}"


MISTAKES: dict[str, Mistake] = {
    "wrong type": _wrong_type,
    "unknown field": _unknown_field,
    "missing field": _missing_field,
    "wrong weights": _wrong_weights,
    "no such version": _no_such_version,
    "out of range": _out_of_range,
    "no such target": _no_such_target,
    "no such endpoint": _no_such_endpoint,
    "named twice": _named_twice,
    "wrong override": _wrong_override,
    "wrong target": _wrong_target,
}


@st.composite
def broken_projects(draw: st.DrawFn) -> Broken:
    """A project with one mistake."""
    project = draw(projects()).copy()
    name = draw(st.sampled_from(sorted(project.endpoints)))
    kind = draw(st.sampled_from(sorted(MISTAKES)))
    if kind not in {"wrong override", "no such target", "no such endpoint", "wrong target"}:
        only_placed = {"placement": project.stack["config"]["hybridml:endpoints"][name]["placement"]}
        project.stack["config"]["hybridml:endpoints"][name] = only_placed
    file, path = MISTAKES[kind](draw, project, name)
    return Broken(project, kind, file, path)


def write(project: Project, at: Path) -> tuple[Path, Path]:
    """Writes `project` below the folder `at`, as JSON, which is YAML; answers endpoints folder and stack file."""
    folder, stack = at / "infra" / "endpoints", at / STACK_FILE
    folder.mkdir(parents=True)
    stack.parent.mkdir()
    for name, endpoint in project.endpoints.items():
        (folder / f"{name}.yaml").write_text(json.dumps(endpoint, indent=1, ensure_ascii=False), "utf-8")
    stack.write_text(json.dumps(project.stack, indent=1, ensure_ascii=False), "utf-8")
    return folder, stack
