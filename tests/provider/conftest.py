"""A plugin served over gRPC inside the test's process, spoken to as an engine speaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from hybridml.provider import processes, server
from hybridml.provider.wire import decode, encode
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from .supervised import mentioning


class Engine:
    """What an engine asks a provider, with plain values; secrets and unknowns as `wire` has them."""

    def __init__(self, address: str) -> None:
        limits = [("grpc.max_metadata_size", 16 << 20), ("grpc.absolute_max_metadata_size", 16 << 20)]
        self._channel = grpc.insecure_channel(address, options=limits)
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    @staticmethod
    def urn(kind: str, name: str = "it") -> str:
        return f"urn:pulumi:test::hybridml::hybridml:index:ModelEndpoint$hybridml:index:{kind}::{name}"

    def check(
        self, kind: str, news: Mapping[str, Any], *, olds: Mapping[str, Any] | None = None, seed: bytes = b"seed"
    ) -> dict[str, Any]:
        """Checked inputs; failures end the test."""
        answer = self._check(kind, news, olds or {}, seed)
        assert not answer.failures, answer.failures
        return decode(answer.inputs)

    def failures(self, kind: str, news: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with the inputs, by path."""
        return {failure.property: failure.reason for failure in self._check(kind, news, {}, b"seed").failures}

    def _check(self, kind: str, news: Mapping[str, Any], olds: Mapping[str, Any], seed: bytes) -> Any:
        request = provider_pb2.CheckRequest(urn=self.urn(kind), news=encode(news), olds=encode(olds), randomSeed=seed)
        return self.stub.Check(request)

    def create(self, kind: str, inputs: Mapping[str, Any], *, preview: bool = False) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(urn=self.urn(kind), properties=encode(inputs), preview=preview)
        answer = self.stub.Create(request)
        return answer.id, decode(answer.properties)

    def diff(self, kind: str, state: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id="it", urn=self.urn(kind), olds=encode(state), old_inputs=encode(old), news=encode(new)
            )
        )

    def update(
        self, kind: str, state: Mapping[str, Any], new: Mapping[str, Any], *, preview: bool = False
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            id="it", urn=self.urn(kind), olds=encode(state), news=encode(new), preview=preview
        )
        return decode(self.stub.Update(request).properties)

    def read(
        self, kind: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What is there and the inputs that would bring it about; None when it is gone."""
        request = provider_pb2.ReadRequest(id="it", urn=self.urn(kind), properties=encode(state), inputs=encode(inputs))
        answer = self.stub.Read(request)
        return (decode(answer.properties), decode(answer.inputs)) if answer.id else None

    def delete(self, kind: str, state: Mapping[str, Any]) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id="it", urn=self.urn(kind), properties=encode(state)))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine connected to a plugin."""
    served, port = server.start()
    client = Engine(f"127.0.0.1:{port}")
    yield client
    client.close()
    served.stop(grace=None)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    """A working directory; whatever service still lives there at the end is stopped, and none may be left."""
    folder = tmp_path / "run"
    yield folder
    for instance in folder.iterdir() if folder.exists() else ():
        processes.stop(instance, 0.1)
    assert mentioning(str(tmp_path)) == []
