"""What a SageMaker instance type has: cores, memory, accelerators, and how its disk is encrypted.

Source: Amazon SageMaker pricing, "Instance details"; Amazon EC2 instance types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GIB = 1024**3

_TYPE = re.compile(r"^ml\.(?P<family>[a-z0-9-]+)\.(?P<size>[a-z0-9]+)$")
_CORES = {"medium": 2, "large": 2, "xlarge": 4}
_GIB_PER_CORE = {"c": 2, "m": 4, "r": 8, "t": 2}
_NVIDIA = {
    "g4dn": "nvidia-t4",
    "g5": "nvidia-a10g",
    "g6": "nvidia-l4",
    "g6e": "nvidia-l40s",
    "p3": "nvidia-v100",
    "p4d": "nvidia-a100",
    "p5": "nvidia-h100",
}
_FOUR = frozenset({"12xlarge", "24xlarge"})
_EIGHT = frozenset({"48xlarge"})
_GPUS_OF_P3 = {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}
_LOCAL_DISK = re.compile(r"^(g4dn|g5|g6e?|p3dn|p4de?|p5(en|e)?|trn1n?|[cmr][0-9]+(g|i|a)?d[a-z]*)$")


@dataclass(frozen=True)
class Machine:
    """The parts of an instance type that an endpoint asks for. None where the type is not in the table."""

    cores: int | None
    """Virtual cores."""
    memory: int | None
    """Bytes of memory."""
    gpus: int
    """Accelerators."""
    gpu: str | None
    """Model of the accelerators: `nvidia-l4`."""
    local_disk: bool
    """The volume is the instance's own NVMe disk, which its hardware encrypts; a KMS key is refused there."""
    inf1: bool
    """AWS Inferentia of the first generation, on which SageMaker drops guardrails without a word."""


def machine(instance: str) -> Machine:
    """What `instance` has."""
    match = _TYPE.match(instance)
    if not match:
        return Machine(None, None, 0, None, local_disk=False, inf1=False)
    family, size = match["family"], match["size"]
    cores = _cores(size)
    per_core = _GIB_PER_CORE.get(family[0]) if re.match(r"^[cmrt][0-9]", family) else None
    return Machine(
        cores,
        cores * per_core * GIB if cores and per_core else None,
        _gpus(family, size),
        _NVIDIA.get(family),
        local_disk=bool(_LOCAL_DISK.match(family)),
        inf1=family == "inf1",
    )


def _cores(size: str) -> int | None:
    if size in _CORES:
        return _CORES[size]
    times = re.fullmatch(r"([0-9]+)xlarge", size)
    return int(times[1]) * 4 if times else None


def _gpus(family: str, size: str) -> int:
    if family not in _NVIDIA:
        return 0
    if family == "p3":
        return _GPUS_OF_P3.get(size, 0)
    if family in {"p4d", "p5"} or size in _EIGHT or (family, size) == ("g4dn", "metal"):
        return 8
    return 4 if size in _FOUR else 1
