"""Whether an image reference always means the same bytes."""

from __future__ import annotations

import re

from hybridml_policies.values import Found, shown
from hybridml_policies.verdict import PASS, Verdict, fails, unknown

_DIGEST = re.compile(r".@sha256:[0-9a-f]{64}$")


def has_digest(image: Found) -> Verdict:
    """Pass when the reference ends in a SHA-256 digest."""
    if isinstance(image.value, str) and _DIGEST.search(image.value):
        return PASS
    if image.unknown:
        return unknown(f"{image.path} is not known yet, a digest is needed")
    state = "is not set" if image.absent else f"is {shown(image.value)}"
    return fails(f"{image.path} {state}, name:tag@sha256:… is needed")
