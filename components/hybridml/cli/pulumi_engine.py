"""Pulumi itself as the engine of a stack: the command line, and for stacks of this machine a backend of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hybridml.engine.secrets import local_passphrase
from hybridml.errors import HybridMLError

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

    def run(self, verb: str, *, yes: bool) -> int:
        """Runs `pulumi up` or `pulumi destroy` on the terminal of this process; its exit status."""
        argv = [executable(), verb, "--cwd", str(self.root), "--stack", self.stack, *(["--yes"] if yes else [])]
        return subprocess.run(argv, check=False).returncode

    def outputs(self) -> Mapping[str, object]:
        """The stack's outputs."""
        return _outputs(
            [executable(), "stack", "output", "--json", "--cwd", str(self.root), "--stack", self.stack], None
        )


@dataclass(frozen=True, kw_only=True)
class Private:
    """A stack of this machine: Pulumi's backend, home and passphrase lie in the state folder; nobody logs in."""

    root: Path
    project: str
    stack: str
    config_file: Path
    """The stack file; Pulumi is given a copy, because it writes to the one it is given."""

    @property
    def _folder(self) -> Path:
        return self.root / ".hybridml" / self.stack / "pulumi"

    @property
    def _state(self) -> Path:
        return self._folder / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    def holds_resources(self) -> bool:
        """Whether Pulumi's state of this stack has anything in it."""
        if not self._state.exists():
            return False
        checkpoint = json.loads(self._state.read_text(encoding="utf-8"))["checkpoint"]
        return bool((checkpoint.get("latest") or {}).get("resources"))

    def run(self, verb: str, *, yes: bool) -> int:
        """Runs `pulumi up` or `pulumi destroy` on the terminal of this process; its exit status."""
        argv = self._command(verb)
        return subprocess.run([*argv, *(["--yes"] if yes else [])], env=self._environment(), check=False).returncode

    def outputs(self) -> Mapping[str, object]:
        """The stack's outputs, secrets shown: they are read by this process and not printed."""
        argv = [
            executable(),
            "stack",
            "output",
            "--json",
            "--show-secrets",
            "--cwd",
            str(self.root),
            "--stack",
            self.stack,
        ]
        return _outputs(argv, self._environment())

    def exported(self) -> Mapping[str, object]:
        """The stack's deployment, as `pulumi stack export` writes it."""
        argv = [executable(), "stack", "export", "--cwd", str(self.root), "--stack", self.stack]
        return _outputs(argv, self._environment())

    def _command(self, verb: str) -> list[str]:
        self._prepare()
        argv = [executable(), verb, "--cwd", str(self.root), "--stack", self.stack]
        return [*argv, "--config-file", str(self._configuration()), "--skip-preview"]

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
        text = self.config_file.read_text(encoding="utf-8")
        if salt and not _SALT.search(text):
            text = f"{salt.group()}\n{text}"
        made.write_text(text, encoding="utf-8")
        return made

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PULUMI_BACKEND_URL": self._folder.as_uri(),
            "PULUMI_HOME": str(self._folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._folder.parent / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }


def _outputs(argv: list[str], environment: Mapping[str, str] | None) -> Mapping[str, object]:
    done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise HybridMLError(f"Pulumi does not answer for this stack: {done.stderr.strip()}")
    answer: Mapping[str, object] = json.loads(done.stdout)
    return answer
