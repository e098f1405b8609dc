"""A client that updates a `GuardedRollout` and is killed meanwhile: `rolling.py FILE`, inputs and state as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

from hybridml.provider.resources.guarded_rollout import GuardedRollout
from hybridml.provider.shape import Failure, read


def main() -> None:
    said = json.loads(Path(sys.argv[1]).read_text())
    failures: list[Failure] = []
    inputs: Any = read(GuardedRollout.inputs, said["inputs"], failures)
    state: Any = read(GuardedRollout.state, said["state"], failures)
    assert not failures
    GuardedRollout().update(inputs, state)


if __name__ == "__main__":
    main()
