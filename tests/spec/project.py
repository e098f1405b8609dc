"""A small project on disk that tests change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hybridml.errors import ConfigurationError
from hybridml.spec import EndpointSpec, PlatformSpec, load

ENDPOINT = """\
apiVersion: hybridml/v1
owner: team
data_class: internal
versions:
  "1": {artifact: {uri: models/1}}
  "2": {artifact: {uri: "s3://models/2"}}
traffic:
  champion: {version: "1", weight: 90}
  challenger: {version: "2", weight: 10}
scaling: {min: 2, max: 4}
access: {invokers: ["group:scoring"]}
"""
STACK = """\
config:
  aws:region: eu-central-1
  hybridml:environment: test
  hybridml:targets:
    here: {kind: local}
  hybridml:endpoints:
    iris: {placement: {primary: here}}
"""


class Files:
    """A project with one endpoint, `iris`, on the stack `any`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stack = root / "stacks" / "Pulumi.any.yaml"
        self.endpoints = root / "infra" / "endpoints"
        self.write("Pulumi.yaml", "name: example\nruntime: python\n")
        self.write("infra/endpoints/iris.yaml", ENDPOINT)
        self.write("stacks/Pulumi.any.yaml", STACK)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def load(self, config: Mapping[str, object] | None = None, digests: Path | None = None) -> PlatformSpec:
        return load(self.endpoints, self.stack, config, digests)

    def problems(self, config: Mapping[str, object] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            self.load(config)
        return [str(problem) for problem in raised.value.problems]


MINIMAL: dict[str, Any] = {
    "apiVersion": "hybridml/v1",
    "owner": "team",
    "data_class": "internal",
    "versions": {"1": {"artifact": {"uri": "models/1"}}},
    "traffic": {"champion": {"version": "1"}},
    "access": {"invokers": ["group:scoring"]},
}


def endpoint(**over: Any) -> EndpointSpec:
    return EndpointSpec.from_mapping("iris", MINIMAL | over)


def refusals(**over: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        endpoint(**over)
    return [str(problem) for problem in raised.value.problems]
