"""What every resource class of the SDK shares: names on the wire, and the registration itself."""

import copy
import inspect
from typing import Any, ClassVar, TypeVar, dataclass_transform

import pulumi

from hybridml.provider.shape import camel

T = TypeVar("T")


@dataclass_transform(kw_only_default=True)
def arguments(cls: type[T]) -> type[T]:
    """Turn annotated attributes into Pulumi inputs that are camelCase on the wire; keyword-only, None means absent."""
    for name in inspect.get_annotations(cls):
        default = {"default": getattr(cls, name)} if hasattr(cls, name) else {}
        setattr(cls, name, pulumi.property(camel(name), **default))
    return pulumi.input_type(cls)


class OwnResource(pulumi.CustomResource):
    """A resource that the plugin `hybridml` serves; annotated attributes of a subclass are its outputs."""

    token: ClassVar[str] = ""
    """The resource's type, `hybridml:index:<Class>`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.token = f"hybridml:index:{cls.__name__}"
        for name in inspect.get_annotations(cls):
            setattr(cls, name, pulumi.property(camel(name)))

    def __init__(self, name: str, args: Any, opts: pulumi.ResourceOptions | None = None) -> None:
        declared = copy.copy(args)
        for output in inspect.get_annotations(type(self)):
            declared.__dict__.setdefault(output, None)
        super().__init__(type(self).token, name, declared, opts)
