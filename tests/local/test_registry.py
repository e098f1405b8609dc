"""What the registry is told about a model comes from the model's own description."""

from __future__ import annotations

from pathlib import Path

import pytest
from hybridml.errors import ResourceError
from hybridml.targets.local.registry import signature


@pytest.mark.parametrize("text", ["", "[]", "a: [", "\0", "signature: {inputs: 2020-01-01}", "!!python/object:a b"])
def test_a_damaged_description_is_named(tmp_path: Path, text: str) -> None:
    """A file that is no description of a model ends in one message with its path."""
    (tmp_path / "MLmodel").write_text(text)

    with pytest.raises(ResourceError, match="MLmodel is not the description of an MLflow model"):
        signature(tmp_path)


def test_a_signature_is_read_where_there_is_one(tmp_path: Path) -> None:
    """It is JSON with sorted keys; without a description or a signature there is none."""
    assert signature(tmp_path) is None
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    assert signature(tmp_path) is None
    (tmp_path / "MLmodel").write_text("signature: {outputs: b, inputs: a}\n")
    assert signature(tmp_path) == '{"inputs": "a", "outputs": "b"}'
