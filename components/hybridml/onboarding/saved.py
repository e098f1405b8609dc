"""Models that MLflow saved: taken as they are, and completed where they lack something."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridml.onboarding.formats import find
from hybridml.onboarding.model import EXAMPLE, Described, Model

if TYPE_CHECKING:
    import pandas


def mlflow_model(path: Path) -> Model:
    """The model that MLflow saved in the folder `path`."""
    import mlflow.pyfunc

    return _Mlflow(path, mlflow.pyfunc.load_model(str(path)), find(path).runs_code)


@dataclass
class _Mlflow:
    """A model that MLflow saved; the folder is copied, and completed where it lacks something."""

    path: Path
    model: Any
    pickled: bool

    @property
    def _inputs(self) -> Any:
        signature = self.model.metadata.signature
        return signature.inputs if signature is not None else None

    @property
    def _tensor(self) -> Any:
        """The one table of numbers that it takes; None where it takes columns, or something else."""
        inputs = self._inputs
        tensors = inputs.inputs if inputs is not None and inputs.is_tensor_spec() else []
        return tensors[0] if len(tensors) == 1 and len(tensors[0].shape) == 2 else None  # noqa: PLR2004

    @property
    def columns(self) -> Sequence[str] | None:
        inputs = self._inputs
        if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
            return None
        return [str(name) for name in inputs.required_input_names()]

    @property
    def width(self) -> int | None:
        return int(self._tensor.shape[1]) if self._tensor is not None and self._tensor.shape[1] > 0 else None

    @property
    def flavour(self) -> str:
        flavours = [name for name in self.model.metadata.flavors if name != "python_function"]
        return f"MLflow, {', '.join(flavours) or 'python_function'}"

    def request(self, frame: pandas.DataFrame) -> Any:
        return frame if self._tensor is None else frame.to_numpy(self._tensor.type)

    def predict(self, request: Any) -> Any:
        return self.model.predict(request)

    def example(self) -> pandas.DataFrame | None:
        """Its saved example where that is a table; otherwise a row that has the types of its columns."""
        import pandas

        saved = self.model.metadata.load_input_example(str(self.path))
        if isinstance(saved, pandas.DataFrame):
            return saved
        if self.columns is None:
            return None
        blank = {str(spec.name): pandas.Series([_blank(spec.type.to_pandas())]) for spec in self._inputs.inputs}
        return pandas.DataFrame(blank)

    def save(self, folder: Path, described: Described) -> None:
        """Copies the folder; a signature of its own stays, an example of its own unless another one is made up."""
        import mlflow.models

        shutil.copytree(self.path, folder, symlinks=True)
        if self._inputs is None:
            mlflow.models.set_signature(str(folder), described.signature)
        if not (folder / EXAMPLE).is_file() or described.made_up:
            _exemplify(folder, described.example)


def _blank(kind: Any) -> Any:
    """Nothing of a type: an empty text, zero, false."""
    import numpy

    return "" if numpy.dtype(kind).hasobject else numpy.zeros(1, kind)[0]


def _exemplify(folder: Path, example: Any) -> None:
    """Gives a saved model an example, in place of one that it may have."""
    from mlflow.models import Model as Description
    from mlflow.models.utils import _Example

    description = Description.load(str(folder))
    saved = _Example(example)
    saved.save(str(folder))
    description.saved_input_example_info = saved.info
    description.save(str(folder / "MLmodel"))
