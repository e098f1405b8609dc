"""Graphs of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridml.onboarding.formats import Kind
from hybridml.onboarding.model import Described, Model, Refused, TakesTables, requirements

if TYPE_CHECKING:
    import pandas


def onnx_model(path: Path) -> Model:
    """The graph in the ONNX file at `path`. Raises `Refused` where it takes anything but one table of numbers."""
    import onnx
    import onnxruntime

    model = _Onnx(onnx.load(str(path)), onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]))
    inputs = model.session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:  # noqa: PLR2004
        shapes = ", ".join(f"{each.name}: {each.type} {each.shape}" for each in inputs)
        raise Refused(
            f"takes {shapes}, where the server of this machine gives one table of 32-bit numbers",
            "wrap it in a model of your own: mlflow.pyfunc.save_model",
        )
    return model


@dataclass
class _Onnx(TakesTables):
    """An ONNX graph with one table of numbers as its input."""

    graph: Any
    session: Any
    pickled: bool = False
    columns: Sequence[str] | None = None
    flavour: str = "ONNX"

    @property
    def width(self) -> int | None:
        number = self.session.get_inputs()[0].shape[1]
        return number if isinstance(number, int) else None

    def request(self, frame: pandas.DataFrame) -> Any:
        return frame.to_numpy("float32")

    def predict(self, request: Any) -> Any:
        names = [output.name for output in self.session.get_outputs()]
        answers = self.session.run(names, {self.session.get_inputs()[0].name: request})
        return dict(zip(names, answers, strict=True))

    def save(self, folder: Path, described: Described) -> None:
        import mlflow.onnx

        mlflow.onnx.save_model(
            self.graph,
            str(folder),
            pip_requirements=requirements(Kind.ONNX),
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
            **described.keywords,
        )
