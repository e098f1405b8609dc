"""Pulumi itself as the engine of a stack: the command line, and for stacks of this machine a backend of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridml.engine.secrets import local_passphrase
from hybridml.errors import HybridMLError

PREVIEW_ONLY = "--preview-only"
"""Pulumi's option of `refresh` that changes nothing."""
INSTALL = "https://www.pulumi.com/docs/install/"
_SALT = re.compile(r"^encryptionsalt:.*$", re.MULTILINE)


def executable() -> str:
    """Path of `pulumi`. Errors: `HybridMLError` with how to get it."""
    found = shutil.which("pulumi")
    if found is None:
        raise HybridMLError(
            f"`pulumi` is not on the PATH, and it is the engine of this stack. Install it ({INSTALL}) and run this "
            "again. `hybridml plan` and `hybridml check` work without it."
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A stack in the backend that the user is logged in to."""

    root: Path
    stack: str

    def run(self, verb: str, options: Sequence[str], events: int | None = None) -> int:
        """Runs `pulumi up`, `refresh` or `destroy` on the terminal of this process; its exit status.

        `events` is the descriptor that Pulumi writes its events to; what it prints is then no result.
        """
        argv = [executable(), verb, "--cwd", str(self.root), "--stack", self.stack, *options]
        if events is None:
            return subprocess.run(argv, check=False).returncode
        # Where Pulumi is told to skip the preview, it asks nobody; without --yes it is to ask.
        skipped = ["--skip-preview"] if "--yes" in options and PREVIEW_ONLY not in options else []
        return _logged([*argv, *skipped], dict(os.environ), events)


@dataclass(frozen=True, kw_only=True)
class Private:
    """A stack of this machine: Pulumi's backend, home and passphrase lie in the state folder; nobody logs in."""

    root: Path
    project: str
    stack: str
    config_file: Path
    """The stack file, if there is one; Pulumi is given a copy, because it writes to the one it is given."""

    @property
    def _folder(self) -> Path:
        return self.root / ".hybridml" / self.stack / "pulumi"

    @property
    def _state(self) -> Path:
        return self._folder / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    def run(self, verb: str, options: Sequence[str], events: int | None = None) -> int:
        """Runs `pulumi up`, `refresh` or `destroy` on the terminal of this process; its exit status. See `Shared`."""
        # Where Pulumi is told to skip the preview, it asks nobody; without --yes it is to ask.
        skipped = ["--skip-preview"] if "--yes" in options and PREVIEW_ONLY not in options else []
        argv = [*self._command(verb), *skipped, *options]
        if events is not None:
            return _logged(argv, self._environment(), events)
        # What Pulumi prints is progress here; the result is for our caller to print.
        return subprocess.run(argv, env=self._environment(), check=False, stdout=sys.stderr.fileno()).returncode

    def _command(self, verb: str) -> list[str]:
        self._prepare()
        argv = [executable(), verb, "--cwd", str(self.root), "--stack", self.stack]
        return [*argv, "--config-file", str(self._configuration())]

    def _prepare(self) -> None:
        """Makes the backend and the stack in it, once.

        The stack is made from a folder that only names the project: `pulumi stack init` writes a salt into the stack
        file of the folder it runs in, and the one in the repository is not ours to change.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        local_passphrase(self._folder.parent)
        if self._state.exists():
            return
        (self._folder / "Pulumi.yaml").write_text(f"name: {self.project}\nruntime: python\n", encoding="utf-8")
        argv = [
            executable(),
            "stack",
            "init",
            self.stack,
            "--secrets-provider",
            "passphrase",
            "--cwd",
            str(self._folder),
        ]
        done = subprocess.run(argv, env=self._environment(), check=False, capture_output=True, text=True)
        if done.returncode:
            raise HybridMLError(f"Pulumi could not make the stack {self.stack}: {done.stderr.strip()}")

    def _configuration(self) -> Path:
        """A copy of the stack file with the salt of this backend, for Pulumi to read and write."""
        made = self._folder / f"Pulumi.{self.stack}.yaml"
        salt = _SALT.search(made.read_text(encoding="utf-8")) if made.exists() else None
        text = self.config_file.read_text(encoding="utf-8") if self.config_file.exists() else ""
        if salt and not _SALT.search(text):
            text = f"{salt.group()}\n{text}"
        made.write_text(text, encoding="utf-8")
        return made

    def _environment(self) -> dict[str, str]:
        """Variables for Pulumi. This Python comes first on the PATH: it has the SDK, and the plugin beside it."""
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PULUMI_BACKEND_URL": self._folder.as_uri(),
            "PULUMI_HOME": str(self._folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._folder.parent / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }


def _logged(argv: list[str], environment: dict[str, str], events: int) -> int:
    """Runs Pulumi with its events going to a descriptor. The option is one of those that it hides from its help."""
    command = [*argv, "--event-log", f"/dev/fd/{events}"]
    said = environment | {"PULUMI_DEBUG_COMMANDS": "true"}
    return subprocess.run(command, env=said, check=False, stdout=sys.stderr.fileno(), pass_fds=[events]).returncode
