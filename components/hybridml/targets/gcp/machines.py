"""What a Compute Engine machine type has, by its name: family, kind, cores.

Source: Compute Engine, "Machine families resource and comparison guide".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GIB = 1024**3

_TYPE = re.compile(r"^(?P<family>[a-z][a-z0-9]*)-(?P<kind>standard|highmem|highcpu)-(?P<cores>[0-9]+)$")
_GIB_PER_CORE = {"standard": 4.0, "highmem": 8.0, "highcpu": 1.0}
_EXCEPTIONS = {
    ("n1", "standard"): 3.75,
    ("n1", "highmem"): 6.5,
    ("n1", "highcpu"): 0.9,
    ("c3", "highcpu"): 2.0,
    ("c4", "highcpu"): 2.0,
    ("c4", "standard"): 3.75,
    ("c4", "highmem"): 7.75,
    ("n4", "highcpu"): 2.0,
}
_WITH_GPUS = {"g2": "nvidia-l4", "a2": "nvidia-a100", "a3": "nvidia-h100"}
_ATTACHABLE = frozenset({"nvidia-t4", "nvidia-v100", "nvidia-p100", "nvidia-p4"})
_ACCELERATORS = {
    "nvidia-t4": "NVIDIA_TESLA_T4",
    "nvidia-v100": "NVIDIA_TESLA_V100",
    "nvidia-p100": "NVIDIA_TESLA_P100",
    "nvidia-p4": "NVIDIA_TESLA_P4",
    "nvidia-a100": "NVIDIA_TESLA_A100",
    "nvidia-a100-80gb": "NVIDIA_A100_80GB",
    "nvidia-l4": "NVIDIA_L4",
    "nvidia-h100": "NVIDIA_H100_80GB",
}


@dataclass(frozen=True)
class Machine:
    """The parts of a machine type that an endpoint asks for. None where the name does not say."""

    cores: int | None
    """Virtual cores."""
    memory: int | None
    """Bytes of memory."""


def machine(instance: str) -> Machine:
    """What `instance` has."""
    match = _TYPE.match(instance)
    if not match:
        return Machine(None, None)
    cores = int(match["cores"])
    per_core = _EXCEPTIONS.get((match["family"], match["kind"]), _GIB_PER_CORE[match["kind"]])
    return Machine(cores, int(cores * per_core * GIB))


def accelerator(gpu: str) -> str | None:
    """Vertex AI's word for a model of GPU; None for one that it does not offer."""
    return _ACCELERATORS.get(gpu)


def takes(instance: str, gpu: str) -> bool:
    """Whether machines of that type have, or can be given, that GPU."""
    family = instance.partition("-")[0]
    return gpu in _ATTACHABLE if family == "n1" else gpu.startswith(_WITH_GPUS.get(family, "none"))
