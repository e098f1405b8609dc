"""What keeps a model from being added, as far as the command line and the first look at the files tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hybridml.errors import Problem
from hybridml.onboarding import model
from hybridml.onboarding.formats import Found, Kind

if TYPE_CHECKING:
    from hybridml.onboarding.documents import Role

_SHOWN: Final = 6
"""Names in a pickle that a message lists."""
_ELSEWHERE: Final = "or place it on Kubernetes with a runtime of its own: write infra/endpoints/NAME.yaml by hand"
_WAYS: Final[Mapping[Kind, str]] = {
    Kind.PYTORCH: f"export it to ONNX, or save it with mlflow.pytorch.save_model, {_ELSEWHERE}",
    Kind.TORCHSCRIPT: f"export it to ONNX, or save it with mlflow.pytorch.save_model, {_ELSEWHERE} (triton)",
    Kind.SAFETENSORS: f"they are weights without a program; save the model with mlflow, {_ELSEWHERE} (vllm)",
    Kind.SAVEDMODEL: f"export it to ONNX, or save it with mlflow.tensorflow.save_model, {_ELSEWHERE} (triton)",
    Kind.KERAS: "export it to ONNX, or save it with mlflow.tensorflow.save_model",
    Kind.TENSORRT: f"export it to ONNX, {_ELSEWHERE} (triton)",
    Kind.GGUF: f"save it with mlflow.pyfunc.save_model, {_ELSEWHERE} (vllm)",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    name: str
    model: Path
    data: Path | None
    target: str | None
    version: str | None
    role: Role | None
    owner: str | None
    data_class: str | None
    trust_pickle: bool
    trusted: Sequence[str]
    example: bool
    seconds: float


def words(asked: Asked) -> Iterator[Problem]:
    """Words that the specification does not take, and options that say nothing."""
    from hybridml.spec.scalars import Name, VersionName

    label = "lower-case letters, digits and inner hyphens, at most"
    if not _fits(asked.name, Name):
        yield Problem(path="NAME", message=f"{asked.name!r} cannot be used", fix=f"a letter first, then {label} 40")
    if asked.owner is not None and not _fits(asked.owner, Name):
        yield Problem(path="--owner", message=f"{asked.owner!r} cannot be used", fix=f"a letter first, then {label} 40")
    if asked.version is not None and not _fits(asked.version, VersionName):
        yield Problem(path="--version", message=f"{asked.version!r} cannot be used", fix=f"{label} 20")
    if asked.target is not None and asked.data is None:
        yield Problem(path="--target", message="names a column of no file", fix="give the data as well: --data FILE")


def _fits(word: str, kind: Any) -> bool:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(kind).validate_python(word)
    except ValidationError:
        return False
    return True


def unservable(found: Found, asked: Asked) -> Iterator[Problem]:
    """Why the model cannot be wrapped here, or not without being asked to by name."""
    name = asked.model.name or str(asked.model)
    if found.kind not in model.PACKAGES:
        message = f"{name} is {found.kind.called}, which the server of this machine cannot load"
        yield Problem(path="--model", message=message, fix=_WAYS[found.kind])
        return
    lacking = model.lacking(found.kind)
    if lacking:
        message = f"{name} is {found.kind.called}, and wrapping it needs what is not installed: {', '.join(lacking)}"
        yield Problem(path="--model", message=message, fix=f"pip install {' '.join(lacking)}")
    if found.runs_code and not asked.trust_pickle:
        yield _untrusted(found, name)


def _untrusted(found: Found, name: str) -> Problem:
    shown = ", ".join(found.code[:_SHOWN]) + (", …" if len(found.code) > _SHOWN else "")
    message = f"{name} is {found.kind.called} ({shown}); loading it runs whatever code its author put inside"
    fix = (
        "save it as skops, ONNX or safetensors instead; or, if you trust whoever made it: --trust-pickle. "
        "Outside local and dev the policies refuse it unless it is signed, rule ML-FMT-001"
    )
    return Problem(path="--model", message=message, fix=fix)
