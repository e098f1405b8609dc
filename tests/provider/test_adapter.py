"""Secrets, unknowns, previews and errors: handled once, and held over every resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from hybridml.provider.outputs import mark_outputs
from hybridml.provider.resources import RESOURCES
from hybridml.provider.shape import camel, properties
from hybridml.provider.unknown import UNKNOWN, holds_unknown
from hybridml.provider.wire import Secret, decode, encode, reveal
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2

from .conftest import Engine
from .samples import COMPUTED, INPUTS

KINDS = sorted(INPUTS)
REFUSED = ["SageMakerDeployment", "VertexDeployment", "VertexModel"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every scalar in `value`."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from leaves(entry, (*path, index))
    else:
        yield path


def replaced(value: Any, paths: set[tuple[Any, ...]], make: Any, path: tuple[Any, ...] = ()) -> Any:
    """`value` with what lies at `paths` passed through `make`."""
    if path in paths:
        return make(value)
    if isinstance(value, dict):
        return {key: replaced(entry, paths, make, (*path, key)) for key, entry in value.items()}
    if isinstance(value, list):
        return [replaced(entry, paths, make, (*path, index)) for index, entry in enumerate(value)]
    return value


def hidden(value: Any) -> Any:
    """`value` without what is secret."""
    if isinstance(value, Secret):
        return None
    if isinstance(value, Mapping):
        return {key: hidden(entry) for key, entry in value.items()}
    return [hidden(entry) for entry in value] if isinstance(value, list) else value


def test_every_resource_has_a_sample() -> None:
    """No resource escapes the tests of this file."""
    assert sorted(token.rsplit(":", 1)[-1] for token in RESOURCES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_comes_from_a_secret_is_secret(engine: Engine, kind: str, data: st.DataObject) -> None:
    """Whichever inputs are secret: they stay so, and so does every computed output that is not declared public."""
    sample = INPUTS[kind]
    chosen = data.draw(st.sets(st.sampled_from(sorted(leaves(sample), key=repr)), min_size=1))
    inputs = engine.check(kind, replaced(sample, chosen, Secret))
    _, preview = engine.create(kind, inputs, preview=True)
    resource = RESOURCES[f"hybridml:index:{kind}"]()
    state = mark_outputs(resource, inputs, {**reveal(inputs), **COMPUTED[kind]})

    for path in chosen:
        for values in (inputs, preview, state):
            assert isinstance(at(values, path), Secret), path
    public = set(map(camel, resource.public))
    computed = set(COMPUTED[kind]) - set(sample)
    assert {key for key in computed if isinstance(state[key], Secret)} == computed - public
    assert {key for key in computed if isinstance(preview[key], Secret)} == computed - public


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What lies at `path`, or the secret on the way there."""
    for step in path:
        if isinstance(value, Secret):
            return value
        value = value[step]
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_secret_without_a_secret(engine: Engine, kind: str) -> None:
    """Plain inputs give plain inputs, plain previews and plain states."""
    inputs = engine.check(kind, INPUTS[kind])
    resource = RESOURCES[f"hybridml:index:{kind}"]()

    assert hidden(inputs) == inputs
    assert hidden(engine.create(kind, inputs, preview=True)[1]) == engine.create(kind, inputs, preview=True)[1]
    assert hidden(mark_outputs(resource, inputs, COMPUTED[kind])) == COMPUTED[kind]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_not_known_yet_stays_unknown(engine: Engine, kind: str, data: st.DataObject) -> None:
    """Whichever inputs are unknown: nothing is refused for it, and the preview says unknown just there."""
    sample = INPUTS[kind]
    chosen = data.draw(st.sets(st.sampled_from([(key,) for key in sample] + sorted(leaves(sample), key=repr))))
    inputs = engine.check(kind, replaced(sample, chosen, lambda _: UNKNOWN))
    _, preview = engine.create(kind, inputs, preview=True)

    assert all(holds_unknown(preview[path[0]]) for path in chosen)
    for key in set(sample) - {path[0] for path in chosen}:
        assert at(preview, (key,)) == inputs[key]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_of_a_secret_is_outside_of_it(engine: Engine, kind: str) -> None:
    """With every value secret, no value can be read from inputs, preview or an error."""
    sample = INPUTS[kind]
    texts = {
        at(sample, path) for path in leaves(sample) if isinstance(at(sample, path), str) and len(at(sample, path)) > 3
    }
    inputs = engine.check(kind, replaced(sample, set(leaves(sample)), Secret))
    _, preview = engine.create(kind, inputs, preview=True)

    shown = repr(hidden(inputs)) + repr(hidden(preview))
    assert [text for text in texts if text in shown] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_knows_what_is_asked_for(engine: Engine, kind: str) -> None:
    """With known inputs, a preview leaves open only what the run itself decides."""
    _, preview = engine.create(kind, engine.check(kind, INPUTS[kind]), preview=True)

    assert {key for key, value in preview.items() if value is UNKNOWN} == {
        "GuardedRollout": {"verdict", "report"},
        "HostFile": set(),
        "HostJob": {"instance", "log", "finished"},
        "HostKey": {"kid", "jwks"},
        "HostService": {"instance", "socketPath", "log", "pid", "started"},
        "ModelVersion": {"registryVersion"},
        "SageMakerDeployment": {"endpointArn"},
        "VertexModel": {"model", "modelVersion"},
        "VertexDeployment": {"deployedModelIds"},
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_inputs_are_no_change(engine: Engine, kind: str) -> None:
    """Checked again with another seed, the same inputs differ in nothing but what the machine has lost."""
    old = engine.check(kind, INPUTS[kind])
    new = engine.check(kind, INPUTS[kind], olds=old, seed=b"another")
    state = {**old, **COMPUTED[kind]}

    assert new == old
    changes = engine.diff(kind, state, old, new)
    assert set(changes.diffs) <= set(COMPUTED[kind])
    assert list(changes.replaces) == []


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_applied_yet_refuses_by_name(engine: Engine, kind: str) -> None:
    """Create, update and delete say which resource it is and what to do instead; reading changes nothing."""
    inputs = engine.check(kind, INPUTS[kind])
    state = {**inputs, **COMPUTED[kind]}

    for verb in (
        lambda: engine.create(kind, inputs),
        lambda: engine.update(kind, state, inputs),
        lambda: engine.delete(kind, state),
    ):
        with pytest.raises(grpc.RpcError) as error:
            verb()
        assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]
        details = error.value.details()  # type: ignore[attr-defined]
        assert details.startswith(f"{kind} is planned and checked, but this release cannot apply it. Until it can,")
    assert engine.read(kind, state, inputs) == (state, inputs)


def test_deployments_are_checked_against_the_services_limits(engine: Engine) -> None:
    """Enums, ranges and sums that SageMaker and Vertex enforce late are refused early, all at once."""
    deployment = {"strategy": "linear", "stepPercent": 5, "timeout": 60, "terminationWait": 4000}
    bad = {**INPUTS["SageMakerDeployment"], "endpointName": "-x", "deployment": deployment, "rollbackAlarms": []}
    assert engine.failures("SageMakerDeployment", bad) == {
        "endpointName": "must be 1 to 63 letters, digits and inner hyphens, not '-x'",
        "deployment.timeout": "must be at least 600, not 60",
        "deployment.terminationWait": "must be at most 3600, not 4000",
        "deployment.stepPercent": "must be 10 to 50 for linear, not 5",
        "rollbackAlarms": "linear without an alarm never rolls back; name one to ten CloudWatch alarms",
    }
    variant = INPUTS["VertexDeployment"]["deployedModels"][0]
    second = {**variant, "trafficPercent": 20, "maxReplicas": 1, "minReplicas": 3, "acceleratorCount": None}
    assert engine.failures("VertexDeployment", {**INPUTS["VertexDeployment"], "deployedModels": [variant, second]}) == {
        "deployedModels": "`trafficPercent` must sum to 100, not 120",
        "deployedModels[1].name": "is used before: champion",
        "deployedModels[1].maxReplicas": "must be at least minReplicas, 3, not 1",
        "deployedModels[1].acceleratorType": (
            "`acceleratorType` and `acceleratorCount` are given together or not at all"
        ),
    }
    far = "projects/acme-ml/locations/us-east1/keyRings/ml/cryptoKeys/models"
    bad = {**INPUTS["VertexModel"], "encryptionKey": far, "labels": {"Owner": "x"}, "container": {"port": 8080.5}}
    assert engine.failures("VertexModel", bad) == {
        "container.port": "must be a whole number",
        "container.imageUri": "required, but missing",
        "encryptionKey": "must lie in the model's region, europe-west3",
        'labels["Owner"]': ("must be up to 63 lower-case letters, digits, - and _, the key beginning with a letter"),
    }


def test_types_are_checked_with_the_path(engine: Engine) -> None:
    """A value of a wrong type is named by its path and the right type."""
    bad = {"argv": ["server", 7], "directory": "/run", "env": {"A": True}, "port": "80", "health": [], "triggers": 1}

    assert engine.failures("HostService", bad) == {
        "argv[1]": "must be a string",
        "env.A": "must be a string",
        "port": "must be a whole number",
        "health": "must be an object",
        "triggers": "must be an object",
    }


def test_an_unknown_resource_is_named(engine: Engine) -> None:
    """A token that this release does not have is refused with those it has."""
    with pytest.raises(grpc.RpcError, match="hybridml:index:Rocket is not a resource of hybridml"):
        engine.check("Rocket", {})


def test_a_state_that_cannot_be_used_says_so(engine: Engine) -> None:
    """A recorded state without what is needed ends in one message; what it holds beyond is ignored."""
    with pytest.raises(grpc.RpcError, match="the recorded state cannot be used: path required, but missing"):
        engine.delete("HostFile", {"mode": "0600", "sha256": "x"})
    engine.delete("HostFile", {"path": "/nowhere/file", "mode": "0600", "sha256": "x", "fromTheFuture": 1})


def test_the_plugin_says_what_it_understands(engine: Engine) -> None:
    """Secrets, values with dependencies and previews, in the handshake and in the configuration alike."""
    configured = engine.stub.Configure(provider_pb2.ConfigureRequest(acceptSecrets=True))
    shaken = engine.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))

    assert (configured.acceptSecrets, configured.acceptOutputs, configured.supportsPreview) == (True, True, True)
    assert (shaken.accept_secrets, shaken.accept_outputs, shaken.accept_resources) == (True, True, False)


def test_values_with_dependencies_are_read(engine: Engine) -> None:
    """An output value arrives as its value, secret or unknown as it says."""
    output = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4", "dependencies": ["urn"]}
    sent = {
        "path": {**output, "value": "/nowhere/file"},
        "content": {**output, "value": "text", "secret": True},
        "mode": output,
    }

    assert decode(encode(sent)) == {"path": "/nowhere/file", "content": Secret("text"), "mode": UNKNOWN}
    checked = engine.check("HostFile", sent)
    assert (checked["path"], checked["content"]) == ("/nowhere/file", Secret("text"))


def test_every_state_holds_every_input() -> None:
    """What was asked for can be read from a resource's outputs, under the same name and type."""
    for resource in RESOURCES.values():
        there = {prop.wire: prop.type for prop in properties(resource.state)}
        assert {prop.wire for prop in properties(resource.inputs)} <= there.keys()
