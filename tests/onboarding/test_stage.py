"""Files come into a project all at once, whatever kills the command that brings them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hybridml.errors import ConfigurationError, LockedError
from hybridml.onboarding import stage

PATHS = ("models/churn/1", "docs/models/churn.md", "infra/endpoints/churn.yaml")
KILLED = """
import os, signal, sys
from pathlib import Path
from hybridml.onboarding import stage

left = int(sys.argv[2])
rename, unlink = Path.rename, Path.unlink
def dying(act):
    def step(self, *given, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return act(self, *given, **named)
    return step
Path.rename, Path.unlink = dying(rename), dying(unlink)
with stage.stage(Path(sys.argv[1])) as prepared:
    (prepared.scratch / "model").mkdir()
    (prepared.scratch / "model" / "MLmodel").write_text("it")
    prepared.take("models/churn/1", prepared.scratch / "model")
    prepared.put("docs/models/churn.md", "new")
    prepared.put("infra/endpoints/churn.yaml", "new")
    prepared.commit()
"""


def _state(root: Path) -> list[str]:
    """What of the files is there: nothing, the old, the new."""
    texts = [root / "models/churn/1/MLmodel", *(root / path for path in PATHS[1:])]
    return [text.read_text(encoding="utf-8") if text.exists() else "" for text in texts]


@pytest.mark.parametrize("steps", range(8))
def test_a_kill_at_any_step_leaves_all_or_nothing(steps: int, tmp_path: Path) -> None:
    """Once the next command has looked: everything new, or everything as it was; and no stage."""
    (tmp_path / "docs/models").mkdir(parents=True)
    (tmp_path / "docs/models/churn.md").write_text("old", encoding="utf-8")
    argv = [sys.executable, "-c", KILLED, str(tmp_path), str(steps)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)

    with stage.stage(tmp_path):
        pass

    assert done.returncode in (0, -9), done.stderr
    assert _state(tmp_path) == (["", "old", ""] if steps < 2 else ["it", "new", "new"])
    assert not (tmp_path / stage.FOLDER).exists()


def test_an_error_on_the_way_changes_nothing(tmp_path: Path) -> None:
    """What was prepared goes with the block."""
    with pytest.raises(ValueError, match="no"), stage.stage(tmp_path) as prepared:
        prepared.put("docs/models/churn.md", "new")
        raise ValueError("no")

    assert _state(tmp_path) == ["", "", ""]
    assert not (tmp_path / stage.FOLDER).exists()


def test_only_one_at_a_time(tmp_path: Path) -> None:
    """A second command is told to wait, and takes nothing away from the first."""
    with stage.stage(tmp_path) as prepared:
        prepared.put("docs/models/churn.md", "new")
        with pytest.raises(LockedError, match="at work in this project"), stage.stage(tmp_path):
            pass
        prepared.commit()

    assert _state(tmp_path) == ["", "new", ""]


def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    """Nothing is written elsewhere."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "models").symlink_to(tmp_path)

    with pytest.raises(ConfigurationError, match="models/churn/1: leads out of the project by a link"):
        stage.outside(tmp_path / "project", list(PATHS))
