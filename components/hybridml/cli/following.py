"""What `hybridml up` tells of a rollout while it waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hybridml.engine.apply_events import Event, Note, Progress, Waiting
from hybridml.errors import HybridMLError

_TYPE: Final = "hybridml:index:GuardedRollout::"
_FOLDERS: Final = "run/*/rollout/plan.json"
"""Where rollouts under way lie, below the folder of a stack of this machine."""


def following(listener: Progress, state_folder: Path) -> Progress:
    """`listener`, which is also told how each rollout stands whenever it is waited for."""
    told: dict[str, str] = {}

    def listen(event: Event) -> None:
        listener(event)
        if not isinstance(event, Waiting) or not any(_TYPE in urn for urn, *_ in event.steps):
            return
        for endpoint, text in looks(state_folder):
            if told.get(endpoint) != text:
                told[endpoint] = text
                listener(Note(text=text))

    return listen


def looks(state_folder: Path) -> Iterator[tuple[str, str]]:
    """Endpoint and the latest look of each rollout under way; one that cannot be read is left out."""
    from hybridml.cli.steering import look_text
    from hybridml.provider.rollout_folder import UNREADABLE, RolloutFolder

    for plan in sorted(state_folder.glob(_FOLDERS)):
        endpoint = plan.parent.parent.name
        with contextlib.suppress(HybridMLError, *UNREADABLE):
            if look := RolloutFolder(plan.parent).progress():
                yield endpoint, look_text(endpoint, look)
