"""A project of fixture resources in a folder of its own: asked for as data, applied, and looked at from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridml.engine import apply
from hybridml.engine.apply import RefreshResult, UpResult
from hybridml.engine.apply_events import Event, Note
from hybridml.engine.project import load_project
from hybridml.engine.selection import Targets

PLUGIN = Path(__file__).parents[1] / "fixture_plugin"
COMPONENTS = Path(__file__).parents[3] / "components"
DRIVER = Path(__file__).with_name("killed.py")
STACK = "dev"
PROGRAM = """
import json
from pathlib import Path

import pulumi

OUTPUTS = {"File": ["path", "content", "size"], "Process": ["pid", "where"], "Fault": ["word"]}
made = {}


def value(given):
    if isinstance(given, dict) and set(given) == {"ref"}:
        name, output = given["ref"]
        return getattr(made[name], output)
    if isinstance(given, dict) and set(given) == {"secret"}:
        return pulumi.Output.secret(given["secret"])
    if isinstance(given, dict) and set(given) == {"config"}:
        return pulumi.Config().require_secret(given["config"])
    if isinstance(given, dict):
        return {key: value(item) for key, item in given.items()}
    return given


def options(given):
    found = dict(given)
    for key in ("parent", "provider", "deleted_with"):
        if key in found:
            found[key] = made[found[key]]
    if "depends_on" in found:
        found["depends_on"] = [made[name] for name in found["depends_on"]]
    if "custom_timeouts" in found:
        found["custom_timeouts"] = pulumi.CustomTimeouts(**found["custom_timeouts"])
    if "aliases" in found:
        found["aliases"] = [pulumi.Alias(**alias) for alias in found["aliases"]]
    return pulumi.ResourceOptions(**found)


for name, (kind, properties, given) in json.loads(Path("asked.json").read_text()).items():
    properties = {key: value(item) for key, item in properties.items()}
    if kind == "Component":
        made[name] = pulumi.ComponentResource("fixture:index:Component", name, {}, options(given))
        made[name].register_outputs(properties)
    elif kind == "Provider":
        made[name] = pulumi.ProviderResource("fixture", name, properties, options(given))
    elif kind == "Export":
        pulumi.export(name, properties["value"])
    elif kind == "Raise":
        raise ValueError(properties["text"])
    else:
        token = kind if ":" in kind else f"fixture:index:{kind}"
        unset = {key: None for key in [*OUTPUTS.get(kind, []), "greeting"] if key not in properties}
        made[name] = pulumi.CustomResource(token, name, {**properties, **unset}, options(given))
"""


def asked(kind: str, properties: Mapping[str, Any] | None = None, **options: Any) -> list[Any]:
    """One resource of the fixture program."""
    return [kind, dict(properties or {}), options]


@dataclass
class Sandbox:
    """A project, its stack, and what became of both."""

    root: Path
    events: list[Event] = field(default_factory=list)

    @classmethod
    def make(cls, root: Path) -> Sandbox:
        """A project in the folder `root`."""
        plugins = {"providers": [{"name": "fixture", "path": str(PLUGIN)}]}
        (root / "Pulumi.yaml").write_text(json.dumps({"name": "demo", "runtime": "python", "plugins": plugins}))
        (root / "__main__.py").write_text(PROGRAM)
        return cls(root)

    def ask(self, **resources: list[Any]) -> None:
        """What the program asks for from now on."""
        (self.root / "asked.json").write_text(json.dumps(resources))

    def up(self, **resources: list[Any]) -> UpResult:
        """Apply the program; `resources` replace what it asks for."""
        if resources:
            self.ask(**resources)
        self.events.clear()
        return apply.up(load_project(self.root), STACK, progress=self.events.append)

    def up_only(self, *patterns: str, dependents: bool = False, **options: Any) -> UpResult:
        """Apply of the program what the patterns name."""
        self.events.clear()
        targets = Targets(patterns=patterns, dependents=dependents)
        return apply.up(load_project(self.root), STACK, progress=self.events.append, targets=targets, **options)

    def refresh(self, *patterns: str, dependents: bool = False, record: bool = True) -> RefreshResult:
        """Record what there is."""
        self.events.clear()
        targets = Targets(patterns=patterns, dependents=dependents)
        return apply.refresh(
            load_project(self.root), STACK, progress=self.events.append, targets=targets, record=record
        )

    def destroy(self, *patterns: str, dependents: bool = False) -> UpResult:
        """Take the stack, or what the patterns name of it, away."""
        self.events.clear()
        targets = Targets(patterns=patterns, dependents=dependents)
        return apply.destroy(load_project(self.root), STACK, progress=self.events.append, targets=targets)

    def killed(self, command: str, how: str, line: int, *patterns: str) -> bool:
        """Run `command` in a process that kills itself around a line of its journal; False when it lived to the end."""
        argv = [sys.executable, str(DRIVER), str(self.root), command, how, str(line), *patterns]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        return ended.returncode != 0

    @property
    def directory(self) -> Path:
        """The state directory."""
        return self.root / ".hybridml" / STACK

    @property
    def state(self) -> dict[str, Any]:
        """The deployment file."""
        return dict(json.loads((self.directory / "state.json").read_text()))

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What the deployment file lists."""
        return list(self.state["deployment"].get("resources", []))

    def resource(self, name: str) -> dict[str, Any]:
        """The one entry of that name."""
        (found,) = [r for r in self.resources if r["urn"].rpartition("::")[2] == name]
        return dict(found)

    def names(self) -> set[str]:
        """Names of all entries but the stack and default providers."""
        ours = (r["urn"] for r in self.resources if r["type"].startswith("fixture:"))
        return {urn.rpartition("::")[2] for urn in ours}

    @property
    def effects(self) -> list[str]:
        """What the plugin did, in order."""
        log = self.root / "effects.log"
        return log.read_text().splitlines() if log.exists() else []

    def forget_effects(self) -> None:
        """Begin a new list of effects."""
        (self.root / "effects.log").unlink(missing_ok=True)

    @property
    def notes(self) -> list[str]:
        """What the last run noted."""
        return [event.text for event in self.events if isinstance(event, Note)]

    def files(self) -> dict[str, str]:
        """What `File` resources wrote."""
        return {path.name: path.read_text() for path in sorted(self.root.glob("*.txt"))}

    def tag(self, name: str) -> str:
        """A title for processes that no other sandbox uses."""
        return f"hybridml-test-{os.getpid()}-{self.root.name}-{name}"

    def processes(self) -> dict[int, str]:
        """The running processes of this sandbox: number to title."""
        return {pid: argv[3] for pid, argv in commands().items() if len(argv) > 3 and argv[3].startswith(self.tag(""))}

    def plugins(self) -> list[int]:
        """The running plugins of this sandbox."""
        folders = {str(PLUGIN), str(COMPONENTS)}
        ours = [pid for pid, argv in commands().items() if folders.intersection(argv)]
        return [pid for pid in ours if _folder_of(pid) == self.root.resolve()]

    def clean(self) -> None:
        """End what a test left."""
        for pid in [*self.processes(), *self.plugins()]:
            os.kill(pid, signal.SIGKILL)


def _folder_of(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True)
    except OSError:
        return None


def commands() -> dict[int, list[str]]:
    """The running processes: number to arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
    return found
