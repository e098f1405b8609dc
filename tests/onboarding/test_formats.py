"""What a model is, told from its content; nothing of it runs."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
from hybridml.onboarding import pickles
from hybridml.onboarding.formats import Kind, NotAModel, find
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from .models import classifier, customers, saved

MODEL = LogisticRegression(C=0.5)
CLASS = "sklearn.linear_model._logistic.LogisticRegression"


def _zip(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return stream.getvalue()


def _safetensors(length: int = 4) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * length


ONNX = b"\x08\x0a\x12\x04test\x3a\x03\x0a\x01g\x42\x02\x10\x15"
"""ir_version 10, producer, graph, opset_import."""
XGBOOST = b'{"learner":{"attributes":{}},"version":[3,0,0]}'
LIGHTGBM = b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nobjective=binary\n\nend of trees\n"

FILES: dict[str, tuple[bytes, Kind]] = {
    "skops": (_zip(schema_json=b'{"__class__": "x", "__loader__": "ObjectNode"}'), Kind.SKOPS),
    "torchscript": (_zip(m__data_pkl=b"", m__constants_pkl=b"", m__version=b"3"), Kind.TORCHSCRIPT),
    "pytorch": (_zip(m__data_pkl=b"", m__version=b"3"), Kind.PYTORCH),
    "keras": (_zip(config_json=b"{}", model_weights_h5=b""), Kind.KERAS),
    "keras 2": (b"\x89HDF\r\n\x1a\n" + b"\0" * 64, Kind.KERAS),
    "safetensors": (_safetensors(), Kind.SAFETENSORS),
    "onnx": (ONNX, Kind.ONNX),
    "xgboost": (XGBOOST, Kind.XGBOOST),
    "xgboost ubj": (b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x00", Kind.XGBOOST),
    "lightgbm": (LIGHTGBM, Kind.LIGHTGBM),
    "gguf": (b"GGUF\x03\0\0\0", Kind.GGUF),
    "tensorrt": (b"ftrt\0\0\0\0", Kind.TENSORRT),
    **{f"pickle {number}": (pickle.dumps(MODEL, number), Kind.PICKLE) for number in range(6)},
}


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_told_from_the_content(name: str, tmp_path: Path) -> None:
    """Whatever the file is called."""
    content, kind = FILES[name]
    (tmp_path / "model.txt").write_bytes(content)

    assert find(tmp_path / "model.txt").kind is kind


@pytest.mark.parametrize("squeeze", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_joblib_file_is_looked_into(squeeze: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """As joblib reads it, whatever it was compressed with."""
    (tmp_path / "model").write_bytes(squeeze(pickle.dumps(MODEL)))

    found = find(tmp_path / "model")

    assert (found.kind, found.code[0]) == (Kind.JOBLIB, CLASS)


def test_joblib_arrays_do_not_hide_what_is_imported(tmp_path: Path) -> None:
    """Between arrays there are no instructions; the class before them is named all the same."""
    joblib.dump(classifier(customers()), tmp_path / "model")

    found = find(tmp_path / "model")

    assert (found.kind, found.code[0]) == (Kind.JOBLIB, CLASS)


class _Planted:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_of_a_pickle_runs(protocol: int, tmp_path: Path) -> None:
    """A pickle that makes a folder when it is loaded makes none, and what it would call is named."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_Planted(tmp_path / "ran"), protocol))

    found = find(tmp_path / "model.pkl")

    assert (found.code, found.runs_code) == (("posix.mkdir",), True)
    assert not (tmp_path / "ran").exists()


CUT = [name for name in FILES if name not in ("keras 2", "gguf", "tensorrt", "xgboost ubj")]


@pytest.mark.parametrize("name", CUT)
def test_a_truncated_file_is_no_model(name: str, tmp_path: Path) -> None:
    """A download that broke off is refused before anything loads it."""
    content, _ = FILES[name]
    (tmp_path / "model").write_bytes(content[: len(content) * 2 // 3])

    with pytest.raises(NotAModel):
        find(tmp_path / "model")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello, world\n", "holds no model"),
        (b"customer,age\n1,2\n3,4\n", "holds no model"),
        (b'{"a": 1}', "is JSON, but no model"),
        (pickle.dumps({"a": 1}), "is a pickle of plain values"),
        (_zip(readme_txt=b"x"), "is an archive that holds no model"),
        (b"\x00" * 4096, "holds no model"),
        (_safetensors(3), "is a safetensors file that is cut short"),
        (ONNX[:-2], "is an ONNX model that is cut short"),
    ],
)
def test_what_is_no_model_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    """Text, tables and archives are not taken for models, not even with the suffix of one."""
    (tmp_path / "model.pkl").write_bytes(content)

    with pytest.raises(NotAModel, match=said):
        find(tmp_path / "model.pkl")


def test_a_huge_file_costs_nothing(tmp_path: Path) -> None:
    """A terabyte of nothing is no model, and nobody reads it."""
    with (tmp_path / "model").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(NotAModel):
        find(tmp_path / "model")


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """A few kilobytes that say they are gigabytes; what skops reads, it reads at once."""
    with zipfile.ZipFile(tmp_path / "model", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", '{"__loader__": 1}')
    content = (tmp_path / "model").read_bytes()
    entry = content.index(b"PK\x01\x02")
    (tmp_path / "model").write_bytes(content[: entry + 24] + (2 << 30).to_bytes(4, "little") + content[entry + 28 :])

    with pytest.raises(NotAModel, match="unpacks to more than a hundred times its size"):
        find(tmp_path / "model")


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """A named pipe would never end."""
    os.mkfifo(tmp_path / "model")

    with pytest.raises(NotAModel, match="neither a file nor a folder"):
        find(tmp_path / "model")


def _mlflow(folder: Path, described: str, **files: bytes) -> Path:
    folder.mkdir()
    (folder / "MLmodel").write_text(described, encoding="utf-8")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


PYTHON = "python_function: {loader_module: mlflow.sklearn, model_path: model.skops}"
PYFUNC = f"flavors: {{{PYTHON}, sklearn: {{serialization_format: skops}}}}\n"


def test_a_folder_of_mlflow_is_a_model(tmp_path: Path) -> None:
    """A folder without pickles and code runs nothing."""
    folder = _mlflow(tmp_path / "model", PYFUNC, model__skops=FILES["skops"][0])

    assert (find(folder).kind, find(folder).code) == (Kind.MLFLOW, ())


@pytest.mark.parametrize(
    ("described", "code"),
    [
        (PYFUNC, ("the pickle model.bin",)),
        (PYFUNC.replace("mlflow.sklearn", "x, code: code"), ("the code in code/", "the pickle model.bin")),
    ],
)
def test_code_in_a_folder_of_mlflow_is_seen(described: str, code: tuple[str, ...], tmp_path: Path) -> None:
    """A pickle under any name, and code that MLflow would import."""
    folder = _mlflow(tmp_path / "model", described, model__bin=pickle.dumps(MODEL))

    assert find(folder).code == code


DISGUISED = {
    "begins otherwise": b"Ncos\nsystem\n(S'true'\ntR.",
    "breaks off once it has run": b"\x80\x04cos\nsystem\n(S'true'\ntR\xff\xff",
    "of the oldest protocol, broken off": b"cos\nsystem\n(S'true'\ntR\xff\xff",
    "names in bytes": b"\x80\x04U\x05posixU\x06system\x93(S'true'\ntR.",
    "behind two million instructions": b"\x80\x04" + b"N0" * 1_000_001 + b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("content", DISGUISED.values(), ids=DISGUISED)
def test_a_pickle_that_hides_in_a_folder_of_mlflow_runs_code(content: bytes, tmp_path: Path) -> None:
    """Whatever its bytes look like: what MLflow would load as a pickle is one."""
    described = PYFUNC.replace("serialization_format: skops", "serialization_format: pickle")

    assert find(_mlflow(tmp_path / "model", described, model__skops=content)).runs_code


@pytest.mark.parametrize(
    "described",
    [
        "flavors: {python_function: {loader_module: antigravity}}",
        "flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {serialization_format: skops}}",
        PYFUNC.replace("model.skops", "elsewhere/model.skops"),
        PYFUNC.replace("model.skops", "../model.skops"),
        PYFUNC.replace("model.skops", "/tmp/model.skops"),
        PYFUNC.replace("skops}}", "skops, skops_trusted_types: [numpy.testing.runstring]}}"),
        PYFUNC.replace("skops}}", "skops, skops_trusted_types: sklearn.A}}"),
        f"flavors: {{{PYTHON}}}",
        "flavors: {python_function: {loader_module: mlflow.xgboost, data: m}, xgboost: {model_class: os.X, data: m}}",
        "flavors: {python_function: {loader_module: mlflow.xgboost, data: m}, xgboost: {data: /tmp/m}}",
        "flavors: {python_function: {loader_module: mlflow.lightgbm, data: m}, lightgbm: {model_class: lightgbm.X}}",
    ],
)
def test_a_folder_of_mlflow_runs_code_unless_it_is_known_not_to(described: str, tmp_path: Path) -> None:
    """Other loaders, other folders, other types than those of the libraries, other classes."""
    assert find(_mlflow(tmp_path / "model", described + "\n")).runs_code


@pytest.mark.parametrize(
    "described",
    [
        PYFUNC.replace("skops}}", "skops, skops_trusted_types: [sklearn.tree._tree.Tree, numpy.dtype]}}"),
        "flavors: {python_function: {loader_module: mlflow.xgboost, data: m}, xgboost: {data: m}}\n",
        "flavors: {python_function: {loader_module: mlflow.onnx, data: m.onnx}, onnx: {data: m.onnx}}\n",
        "flavors: {python_function: {loader_module: mlflow.lightgbm, data: m}, lightgbm: {data: m}}\n",
    ],
)
def test_formats_that_are_no_programs_run_nothing(described: str, tmp_path: Path) -> None:
    """skops, and what boosters and graphs are kept as."""
    assert find(_mlflow(tmp_path / "model", described)).code == ()


def test_programs_of_tensorflow_in_a_folder_of_mlflow_are_seen(tmp_path: Path) -> None:
    """Layers and graphs may be programs."""
    folder = _mlflow(tmp_path / "model", PYFUNC, model__h5=FILES["keras 2"][0], saved_model__pb=b"")

    assert sorted(find(folder).code) == ["the Keras model model.h5", "the graph saved_model.pb"]


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ("flavors: {sklearn: {}}\n", "without the python_function flavour"),
        ("- 1\n", "MLmodel file cannot be read"),
        ("a: {\n", "MLmodel file cannot be read"),
        ("[" * 5_000, "MLmodel file cannot be read"),
        ("!!python/object:os.system {}\n", "MLmodel file cannot be read"),
    ],
)
def test_a_broken_folder_of_mlflow_is_refused(described: str, said: str, tmp_path: Path) -> None:
    """Its description has to be one."""
    with pytest.raises(NotAModel, match=said):
        find(_mlflow(tmp_path / "model", described))


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    """What it leads to is not of the model, and may change."""
    folder = _mlflow(tmp_path / "model", PYFUNC)
    (folder / "data").symlink_to("/etc")

    with pytest.raises(NotAModel, match="holds a link, data"):
        find(folder)


def test_other_folders(tmp_path: Path) -> None:
    """An empty one, one of TensorFlow, one of weights, one of something else."""
    for name in ("empty", "tf", "weights", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "tf" / "saved_model.pb").touch()
    (tmp_path / "weights" / "model.safetensors").touch()
    (tmp_path / "other" / "notes.txt").touch()

    assert find(tmp_path / "tf").kind is Kind.SAVEDMODEL
    assert find(tmp_path / "weights").kind is Kind.SAFETENSORS
    for name, said in {"empty": "is an empty folder", "other": "holds no model", "missing": "cannot be read"}.items():
        with pytest.raises(NotAModel, match=said):
            find(tmp_path / name)


def test_real_files_of_skops(tmp_path: Path) -> None:
    """What skops writes today is found, and runs nothing."""
    model, _ = saved(tmp_path)

    assert (find(model).kind, find(model).runs_code) == (Kind.SKOPS, False)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=400) | st.sampled_from([c for c, _ in FILES.values()]), data=st.data())
def test_no_bytes_break_the_detection(
    content: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes, and any damage to a model's, end in a model or in `NotAModel`."""
    position = data.draw(st.integers(0, max(0, len(content) - 1)))
    damaged = content[:position] + data.draw(st.binary(max_size=3)) + content[position:]
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(damaged)
    try:
        assert find(path).kind in Kind
    except NotAModel as error:
        assert str(error)
    assert pickles.scan(path) is None or isinstance(pickles.scan(path), pickles.Scan)
