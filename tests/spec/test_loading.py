"""Files, overrides, configuration and digests become one platform; everything wrong comes at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import AwsTarget, EndpointSpec, LocalTarget, explain, load
from spec.project import MINIMAL, Files, endpoint

DIGEST = "a" * 64


def test_an_endpoint_loads_with_its_defaults(files: Files) -> None:
    """What a file leaves out has the documented default."""
    iris = files.load().endpoints["iris"]

    assert iris.name == "iris"
    assert {name: (v.version, v.weight) for name, v in iris.traffic.variants.items()} == {
        "champion": ("1", 90),
        "challenger": ("2", 10),
    }
    assert iris.rollout.steps == (5, 25, 50)
    assert iris.rollout.bake.seconds == 600
    assert iris.runtime.resources.memory.bytes == 2 * 1024**3
    assert iris.runtime.resources.cpu.millicores == 1000
    assert iris.versions["1"].artifact.sha256 is None
    assert iris.served == ("1", "2")
    assert iris.access.groups == ("scoring",)


def test_a_stack_overrides_entry_by_entry(files: Files) -> None:
    """Mappings merge, single values and lists replace, null takes away."""
    files.change(
        "stacks/Pulumi.any.yaml",
        "primary: here}}",
        "primary: here}, scaling: {max: 9}, traffic: {champion: {weight: 100}, challenger: null}, "
        'access: {invokers: ["group:other"]}}',
    )
    iris = files.load().endpoints["iris"]

    assert (iris.scaling.min, iris.scaling.max) == (2, 9)
    assert list(iris.traffic.variants) == ["champion"]
    assert iris.traffic.champion.version == "1"
    assert iris.access.invokers == ("group:other",)


def test_only_placed_endpoints_are_deployed_but_all_are_checked(files: Files) -> None:
    """An endpoint that the stack does not place is not in the platform; its mistakes are still told."""
    files.write("infra/endpoints/other.yaml", (files.endpoints / "iris.yaml").read_text())
    assert list(files.load().endpoints) == ["iris"]

    files.change("infra/endpoints/other.yaml", "weight: 90", "weight: 80")
    assert files.problems() == [
        "infra/endpoints/other.yaml:8 traffic.champion.weight: weights sum to 90, not 100: champion 80 + challenger 10 "
        "(make them sum to 100)"
    ]


def test_every_value_is_explained(files: Files) -> None:
    """Each value has the file and line it was written in, or is called a default."""
    files.change("stacks/Pulumi.any.yaml", "primary: here}}", "primary: here}, scaling: {max: 9}}")
    lines = {line.path: line for line in explain(files.load(), "iris")}

    assert str(lines["scaling.max"]) == "scaling.max = 9  (stacks/Pulumi.any.yaml:7)"
    assert str(lines["scaling.min"]) == "scaling.min = 2  (infra/endpoints/iris.yaml:10)"
    assert str(lines["traffic.champion.version"]) == 'traffic.champion.version = "1"  (infra/endpoints/iris.yaml:8)'
    assert str(lines["rollout.bake"]) == 'rollout.bake = "10m"  (default)'
    assert lines["port"].file == "default"


def test_explaining_an_endpoint_that_is_not_there_names_those_that_are(files: Files) -> None:
    """The error names the endpoints of the stack and the one that was likely meant."""
    with pytest.raises(ConfigurationError, match=r"did you mean 'iris'\? endpoints here: iris"):
        explain(files.load(), "irsi")


def test_all_problems_of_all_files_come_at_once(files: Files) -> None:
    """Three mistakes in two files are three problems, each with its line."""
    files.change("infra/endpoints/iris.yaml", "owner: team", "ownr: team")
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: local, port: 80}")
    assert files.problems() == [
        "infra/endpoints/iris.yaml:1 owner: is required (add owner)",
        "infra/endpoints/iris.yaml:2 ownr: unknown field 'ownr' (did you mean 'owner'? fields here: apiVersion, owner, "
        "data_class, versions, runtime, traffic, scaling, rollout, capture, monitors, slo, access, mode, batch, "
        "placement, instance, port)",
        "stacks/Pulumi.any.yaml:5 config.hybridml:targets.here.port: 80 is outside the allowed range "
        "(write at least 1024)",
    ]


def test_a_mistake_in_an_override_is_told_where_it_is_written(files: Files) -> None:
    """A merged value that is wrong is blamed on the stack's file, by its path there."""
    files.change("stacks/Pulumi.any.yaml", "primary: here}}", "primary: here}, scaling: {mx: 9, min: two}}")
    assert files.problems() == [
        'stacks/Pulumi.any.yaml:7 config.hybridml:endpoints.iris.scaling.min: "two" is not a whole number '
        "(write a number, without quotes)",
        "stacks/Pulumi.any.yaml:7 config.hybridml:endpoints.iris.scaling.mx: unknown field 'mx' (did you mean 'max'? "
        "fields here: min, max, requests_per_replica, schedules)",
    ]


@pytest.mark.parametrize("field", ["placement: {primary: here}", "instance: x", "port: 9000", "name: iris"])
def test_what_differs_by_environment_is_not_said_in_the_endpoint_file(files: Files, field: str) -> None:
    """Placement, machine, port and name have their place elsewhere."""
    files.change("infra/endpoints/iris.yaml", "owner: team", f"owner: team\n{field}")
    (problem,) = files.problems()
    assert problem.startswith(f"infra/endpoints/iris.yaml:3 {field.partition(':')[0]}: ")


def test_an_entry_without_an_endpoint_is_a_problem(files: Files) -> None:
    """A stack cannot place what no file describes."""
    files.change("stacks/Pulumi.any.yaml", "iris:", "iriss:")
    assert files.problems() == [
        "stacks/Pulumi.any.yaml:7 config.hybridml:endpoints.iriss: endpoint 'iriss' does not exist "
        "(add a file iriss.yaml, or remove it; endpoints: iris)"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty (write its fields, or remove the file)"),
        (b"# nothing\n", "the file is empty (write its fields, or remove the file)"),
        (b"- a\n- b\n", ":1: the file holds a list, not a mapping"),
        (b"word", ":1: the file holds one value, not a mapping"),
        (b"a: [1", ":1: is not YAML: expected ',' or ']'"),
        (b"a: b: c", ":1: is not YAML: mapping values are not allowed here"),
        (b"\xff\xfe\x00\x01", ":1: is not UTF-8 text"),
        (b"a: \x00", "is not YAML: a character that YAML does not allow"),
        (b"[" * 5000, ":1 0.0.0: is nested more than 40 levels deep"),
        (b"a: *x", ":1 a: alias 'x' names nothing before it"),
        (b"a: 1\n---\nb: 1\n", ":3: a second document begins"),
        (b"# " + b"x" * 300_000, "is larger than 256 KiB"),
        (b"? [a]\n: 1\n", ":1: a key is not text"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(files: Files, content: bytes, problem: str) -> None:
    """Empty, binary, broken, endless: one problem each, with the file's name, for either kind of file."""
    for name in ("infra/endpoints/iris.yaml", "stacks/Pulumi.any.yaml"):
        before = (files.root / name).read_bytes()
        files.write(name, content)
        (said,) = files.problems()
        assert said.startswith(name)
        assert problem in said
        files.write(name, before)


def test_a_missing_or_locked_file_says_why(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack file that is not there, or is a folder, is named with the reason."""
    files.stack.unlink()
    assert files.problems() == [
        "stacks/Pulumi.any.yaml: cannot be read: No such file or directory (check that it exists and may be read)"
    ]
    files.stack.mkdir()
    assert "Is a directory" in files.problems()[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_says_so(files: Files) -> None:
    """An unreadable file is named with the reason."""
    files.stack.chmod(0)
    assert "Permission denied" in files.problems()[0]


def test_a_missing_folder_and_a_wrong_suffix_are_told(files: Files) -> None:
    """No endpoints are silently left out."""
    files.write("infra/endpoints/other.yml", "a: 1")
    assert files.problems() == ["infra/endpoints/other.yml: has the suffix .yml (rename it to other.yaml)"]

    with pytest.raises(ConfigurationError, match="is not a folder"):
        load(files.root / "nowhere", files.stack)


def test_a_key_written_twice_is_told(files: Files) -> None:
    """Neither of the two silently wins."""
    files.change("infra/endpoints/iris.yaml", "owner: team", "owner: team\nowner: other")
    assert files.problems() == [
        "infra/endpoints/iris.yaml:3 owner: is written twice, first in line 2 (keep one of the two)"
    ]


def test_a_bad_file_name_is_told(files: Files) -> None:
    """The file's name is the endpoint's, so it has the same spelling."""
    (files.endpoints / "iris.yaml").rename(files.endpoints / "Iris_1.yaml")
    assert 'infra/endpoints/Iris_1.yaml:1 name: "Iris_1" is not spelled as it should be' in files.problems()[0]


def test_config_is_required(files: Files) -> None:
    """A stack file without configuration is told so."""
    files.write("stacks/Pulumi.any.yaml", "encryptionsalt: v1:x\n")
    assert files.problems() == ["stacks/Pulumi.any.yaml:1 config: config is required, as a mapping (add config:)"]


def test_configuration_of_the_engine_wins_where_it_differs(files: Files) -> None:
    """What the engine delivers replaces the file's value; what agrees keeps its line."""
    config = {
        "hybridml:environment": "prod",
        "cost_centre": "ml",
        "hybridml:targets": '{"here": {"kind": "local", "port": "9000"}}',
        "endpoints": {"iris": {"placement": {"primary": "here"}, "scaling": {"max": 7}}},
        "aws:region": "us-east-1",
        "hybridml:token": "a secret of the program",
    }
    with pytest.raises(ConfigurationError) as raised:
        files.load(config)
    assert [str(problem) for problem in raised.value.problems] == [
        'configuration config.hybridml:targets.here.port: "9000" is not a whole number (write a number, without quotes)'
    ]

    config["hybridml:targets"] = '{"here": {"kind": "local", "port": 9000}}'
    platform = files.load(config)
    assert platform.environment == "prod"
    assert platform.stack.cost_centre == "ml"
    assert platform.endpoints["iris"].port == 9000
    where = {line.path: (line.file, line.line) for line in explain(platform, "iris")}
    assert where["scaling.max"] == ("configuration", 0)
    assert where["placement.primary"] == ("stacks/Pulumi.any.yaml", 7)


def test_configuration_that_lost_types_and_nulls_on_the_way_changes_nothing(files: Files) -> None:
    """An engine may deliver numbers as text and drop nulls; the file knows better."""
    files.change("stacks/Pulumi.any.yaml", "primary: here}}", "primary: here}, scaling: {max: 9}, slo: null}")
    config = {"endpoints": {"iris": {"placement": {"primary": "here"}, "scaling": {"max": "9"}}}}
    assert files.load(config) == files.load()


def test_settings_are_not_encrypted_but_secrets_beside_them_are(files: Files) -> None:
    """An encrypted setting is refused where the engine cannot open it; other encrypted keys are the program's."""
    files.change("stacks/Pulumi.any.yaml", "hybridml:environment: test", "hybridml:environment: {secure: v1:x}")
    files.change("stacks/Pulumi.any.yaml", "  aws:region", "  hybridml:token: {secure: v1:y}\n  aws:region")
    assert next(problem for problem in files.problems() if "is encrypted" in problem).startswith(
        "stacks/Pulumi.any.yaml:4 config.hybridml:environment: is encrypted"
    )
    assert files.load({"environment": "opened"}).environment == "opened"


def test_a_decrypted_value_is_not_repeated(files: Files) -> None:
    """A message about a value that the file holds encrypted does not show it."""
    files.change("stacks/Pulumi.any.yaml", "hybridml:environment: test", "hybridml:environment: {secure: v1:x}")
    (problem,) = files.problems({"environment": "Hunter 2"})
    assert "the value (not shown) is not spelled as it should be" in problem


def test_digests_of_training_are_merged_where_artifacts_have_none(files: Files) -> None:
    """A path of the project gets the digest that training wrote; an artifact elsewhere does not."""
    files.write(".hybridml/digests.yaml", f'iris: {{"1": {{sha256: {DIGEST}}}, "2": {{sha256: {DIGEST}}}}}\n')
    platform = files.load()

    assert platform.endpoints["iris"].versions["1"].artifact.sha256 == DIGEST
    assert platform.endpoints["iris"].versions["2"].artifact.sha256 is None
    assert platform.sources["iris"]["versions.1.artifact.sha256"].file == ".hybridml/digests.yaml"


def test_a_digest_that_is_written_stays(files: Files) -> None:
    """Training does not overrule a pinned digest, unless the stack takes the pin away."""
    pinned = "b" * 64
    files.change("infra/endpoints/iris.yaml", "uri: models/1", f"uri: models/1, sha256: {pinned}")
    files.write("own.yaml", f'iris: {{"1": {{sha256: {DIGEST}}}}}\n')
    assert files.load(digests=files.root / "own.yaml").endpoints["iris"].versions["1"].artifact.sha256 == pinned

    files.change(
        "stacks/Pulumi.any.yaml", "primary: here}}", 'primary: here}, versions: {"1": {artifact: {sha256: null}}}}'
    )
    assert files.load(digests=files.root / "own.yaml").endpoints["iris"].versions["1"].artifact.sha256 == DIGEST
    assert files.load().endpoints["iris"].versions["1"].artifact.sha256 is None


@pytest.mark.parametrize(
    ("text", "path"),
    [("iris: [1]\n", "iris"), ('iris: {"1": abc}\n', "iris.1"), ('iris: {"1": {md5: abc}}\n', "iris.1")],
)
def test_a_digests_file_of_another_shape_is_told(files: Files, text: str, path: str) -> None:
    """What cannot be digests is no artifact whose digest is not yet known."""
    files.write(".hybridml/digests.yaml", text)

    with pytest.raises(ConfigurationError) as raised:
        files.load()

    assert [(it.file, it.line, it.path) for it in raised.value.problems] == [(".hybridml/digests.yaml", 1, path)]


def test_a_broken_digests_file_is_told(files: Files) -> None:
    """A digest that is none is blamed on the file that training wrote."""
    files.write(".hybridml/digests.yaml", 'iris: {"1": {sha256: short}}\n')
    assert files.problems() == [
        '.hybridml/digests.yaml:1 iris.1.sha256: "short" is not spelled as it should be '
        "(write 64 lower-case hexadecimal digits)"
    ]


def test_local_endpoints_get_free_ports_in_order(files: Files) -> None:
    """An endpoint without a port gets the next one of its target that nobody has."""
    text = (files.endpoints / "iris.yaml").read_text()
    for name in ("a", "b", "c"):
        files.write(f"infra/endpoints/{name}.yaml", text)
    entries = "".join(
        f"\n    {name}: {{placement: {{primary: here}}{port}}}"
        for name, port in (("a", ""), ("b", ", port: 5001"), ("c", ""))
    )
    files.change("stacks/Pulumi.any.yaml", "{kind: local}", "{kind: local, port: 4999}")
    files.write("stacks/Pulumi.any.yaml", files.stack.read_text().rstrip() + entries + "\n")
    assert {name: spec.port for name, spec in files.load().endpoints.items()} == {
        "a": 4999,
        "b": 5001,
        "c": 5002,
        "iris": 5003,
    }


def test_each_target_sees_its_endpoint(files: Files) -> None:
    """An endpoint stands on its primary and its overflow targets; the machine type counts on the primary."""
    files.change(
        "stacks/Pulumi.any.yaml",
        "here: {kind: local}",
        "here: {kind: local}\n    cloud: {kind: aws, region: eu-west-1}",
    )
    files.change(
        "stacks/Pulumi.any.yaml",
        "{placement: {primary: here}}",
        "{placement: {primary: cloud, overflow: [here]}, instance: ml.c7i.xlarge}",
    )
    first, second = files.load().placed()
    assert (first.target_name, first.primary, first.endpoint.instance) == ("cloud", True, "ml.c7i.xlarge")
    assert (second.target_name, second.primary, second.endpoint.instance) == ("here", False, None)
    assert isinstance(first.target, AwsTarget)
    assert isinstance(second.target, LocalTarget)


def test_a_program_gives_a_mapping_or_a_file(tmp_path: Path) -> None:
    """Without a project, an endpoint comes from a mapping or a path, with the same problems."""
    assert endpoint().name == "iris"
    file = tmp_path / "other.yaml"
    file.write_text("apiVersion: hybridml/v1\nport: 80\n")
    with pytest.raises(ConfigurationError) as raised:
        EndpointSpec.from_mapping("iris", file)
    assert f"{file}:2 port: 80 is outside the allowed range (write at least 1024)" in str(raised.value)
    assert EndpointSpec.from_mapping("iris", MINIMAL | {"port": 9000}).port == 9000


def test_a_mapping_without_end_is_refused() -> None:
    """A mapping that contains itself ends in a message."""
    endless: dict[str, object] = {}
    endless["traffic"] = endless
    with pytest.raises(ConfigurationError, match="iris: is nested too deeply, or contains itself"):
        EndpointSpec.from_mapping("iris", endless)
