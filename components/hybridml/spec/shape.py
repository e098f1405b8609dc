"""Looks into the models: which fields and words are allowed at a path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from hybridml.spec.target import TargetBase, TargetSpec

Model = type[BaseModel]


def fields_of(model: Model) -> dict[str, Any]:
    """The fields of `model` by the name that a file uses, with their annotations."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> list[Model]:
    """The models that a value of this type may be, whether alone, in a list or in a mapping."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return [model for part in get_args(annotation) if part is not NoneType for model in models_in(part)]
    if origin is Annotated:
        return models_in(get_args(annotation)[0])
    if origin is tuple:
        return models_in(get_args(annotation)[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return models_in(get_args(annotation)[1])
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def model_at(model: Model, path: Iterable[str | int], kind: str | None = None) -> Model | None:
    """The model of the value at `path` below a `model`; targets are told apart by `kind`."""
    here: Model | None = model
    names = iter(path)
    for name in names:
        if here is None:
            return None
        annotation = fields_of(here).get(str(name))
        if _keyed(annotation):
            next(names, None)
        here = _one_of(models_in(annotation), kind)
    return here


def _keyed(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return any(_keyed(part) for part in get_args(annotation))
    return origin is tuple or (isinstance(origin, type) and issubclass(origin, Mapping))


def _one_of(models: list[Model], kind: str | None) -> Model | None:
    if len(models) > 1:
        return next((model for model in models if kind in get_args(fields_of(model)["kind"])), None)
    return models[0] if models else None


def target_kinds() -> dict[str, type[TargetBase]]:
    """The target models by their `kind`."""
    return {str(get_args(fields_of(model)["kind"])[0]): model for model in get_args(TargetSpec)}
