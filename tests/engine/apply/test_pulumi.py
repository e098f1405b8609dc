"""Pulumi itself takes over what the embedded engine made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
from engine.apply.sandbox import PLUGIN, STACK, Sandbox, asked
from hybridml.engine import secrets
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.engine.selection import Targets
from hybridml.errors import HybridMLError

pytestmark = pytest.mark.pulumi


@pytest.fixture
def shared(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A project that both engines can run: program and plugin in this environment, state in a folder."""
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    plugin = sandbox.root / "plugin"
    plugin.mkdir()
    shutil.copy(PLUGIN / "__main__.py", plugin)
    (plugin / "PulumiPlugin.yaml").write_text(json.dumps({"runtime": runtime}))
    plugins = {"providers": [{"name": "fixture", "path": "plugin"}]}
    (sandbox.root / "Pulumi.yaml").write_text(json.dumps({"name": "demo", "runtime": runtime, "plugins": plugins}))
    (sandbox.root / "backend").mkdir()
    for name, value in {
        "PULUMI_HOME": str(sandbox.root / "home"),
        "PULUMI_BACKEND_URL": f"file://{sandbox.root / 'backend'}",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(sandbox.directory / "passphrase"),
    }.items():
        monkeypatch.setenv(name, value)
    return sandbox


def pulumi(sandbox: Sandbox, *arguments: str) -> str:
    """What the command says."""
    argv = ["pulumi", *arguments, "--non-interactive"]
    ended = subprocess.run(argv, cwd=sandbox.root, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


RICH = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class File(pulumi.CustomResource):
    def __init__(self, name, opts=None, **given):
        unset = dict.fromkeys(["path", "content", "size", "greeting"])
        super().__init__("fixture:index:File", name, {**unset, **given}, opts)

class Group(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("mine:index:Group", name, {"label": name})
        self.file = File(f"{name}-file", path="group.txt", content=name, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"path": self.file.path})

class Made(ResourceProvider):
    def create(self, props):
        return CreateResult("made", {**props, "number": 3})

class Dynamic(Resource):
    def __init__(self, name, **given):
        super().__init__(Made(), name, {"number": None, **given})

group = Group("group")
secret = File("secret", path="secret.txt", content=pulumi.Config().require_secret("word"))
polite = pulumi.ProviderResource("fixture", "polite", {"greeting": "good day"})
File("mine", path="mine.txt", content="x", opts=pulumi.ResourceOptions(provider=polite, protect=True))
File("numbers", path="numbers.txt", content="", extra={"a": 1.0, "b": 2.5, "c": True, "d": [1, {"e": None}], "f": None})
whole = pulumi.AssetArchive({"a": pulumi.StringAsset("b"), "d": pulumi.FileArchive("folder")})
many = pulumi.FileArchive("folder")
File("packed", path="packed.txt", content="", one=pulumi.FileAsset("asked.json"), many=many, whole=whole)
made = Dynamic("dynamic", word="w", deep={"a": [1, 2]})
File("user", path="user.txt", content=pulumi.Output.concat("made ", made.number.apply(lambda n: str(int(n)))))
File("partly", path="partly.txt", content="", table={"open": 1, "closed": pulumi.Output.secret("sesame-seed")})
late = pulumi.ResourceOptions(id="group.txt", depends_on=[group])
pulumi.CustomResource("fixture:index:File", "external", {"path": None, "size": None}, late)
renamed = [pulumi.Alias(name="x")]
kept = pulumi.ResourceOptions(ignore_changes=["none"], additional_secret_outputs=["size"], aliases=renamed)
File("used", path="used.txt", content=group.file.size.apply(lambda size: "s" * int(size)), opts=kept)
pulumi.export("path", group.file.path)
pulumi.export("secret", secret.content)
"""


def test_a_program_planned_against_its_own_export_changes_nothing(shared: Sandbox) -> None:
    """Secrets, assets, archives, a dynamic provider, components, external reads: exact, and one change is seen."""
    (shared.root / "__main__.py").write_text(RICH)
    (shared.root / "asked.json").write_text("{}")
    for name in ("b.txt", "a/c.txt", "a.txt"):
        (shared.root / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (shared.root / "folder" / name).write_text(name)
    secrets.local_passphrase(shared.directory)
    pulumi(shared, "stack", "init", "dev")
    pulumi(shared, "config", "set", "--secret", "word", "sesame-open")
    pulumi(shared, "up", "--yes", "--skip-preview")
    exported = json.loads(pulumi(shared, "stack", "export"))

    same = plan(shared.root, STACK, state=exported)
    (shared.root / "folder" / "a.txt").write_text("another")
    other = plan(shared.root, STACK, state=exported)

    assert told(same) == {}
    assert same.diff is not None
    assert same.diff.counts["same"] == len(same.resources) == 12
    assert told(other) == {"packed": ["many", "whole"]}
    assert json.loads(pulumi(shared, "preview", "--json"))["changeSummary"] == {"same": 11, "update": 1}


def told(made: Plan) -> dict[str, list[str]]:
    """What changes or cannot be told, by name, with the paths."""
    assert made.diff is not None
    paths = {c.urn.rpartition("::")[2]: [d.path for d in c.properties] + list(c.unclear) for c in made.diff.changes}
    return {name: found for name, found in paths.items() if found}


def stack(content: str) -> dict[str, list[object]]:
    """A base, one that depends on it, and one that does not."""
    return {
        "base": asked("File", {"path": "base.txt", "content": content}),
        "user": asked("File", {"path": "user.txt", "content": {"ref": ["base", "content"]}}),
        "alone": asked("File", {"path": "alone.txt", "content": content}),
    }


CASES = [
    ("up", ["base"], True),
    ("destroy", ["base"], False),
    ("refresh", ["base"], False),
    pytest.param("up", ["base"], False, marks=pytest.mark.slow),
    pytest.param("up", ["user", "alone"], False, marks=pytest.mark.slow),
    pytest.param("destroy", ["base"], True, marks=pytest.mark.slow),
    pytest.param("destroy", ["urn:**::user"], False, marks=pytest.mark.slow),
    pytest.param("refresh", ["*e"], True, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("command", "patterns", "dependents"), CASES)
def test_targets_mean_the_same_to_both_engines(
    shared: Sandbox, command: str, patterns: list[str], dependents: bool
) -> None:
    """Either does the same and records the same, or refuses."""
    shared.up(**stack("one"))
    pulumi(shared, "stack", "init", "dev")
    pulumi(shared, "stack", "import", "--file", str(shared.directory / "state.json"))
    spoil(shared, command)
    shared.forget_effects()
    targets = Targets(patterns=tuple(patterns), dependents=dependents)

    argv = ["pulumi", command, "--yes", "--skip-preview", "--non-interactive", *targets.for_pulumi()]
    theirs = subprocess.run(argv, cwd=shared.root, capture_output=True, text=True, timeout=240, check=False)
    recorded = json.loads(pulumi(shared, "stack", "export"))["deployment"]["resources"]
    expected = (theirs.returncode == 0, sorted(shared.effects), shared.files(), contents(recorded))
    spoil(shared, command)
    shared.forget_effects()
    ours = attempt(shared, command, patterns, dependents)

    assert (ours, sorted(shared.effects), shared.files(), contents(shared.resources)) == expected, theirs.stdout


def spoil(sandbox: Sandbox, command: str) -> None:
    """The program asks for another content; for a refresh, every file was changed."""
    sandbox.ask(**stack("two"))
    for name in ("base", "user", "alone"):
        (sandbox.root / f"{name}.txt").write_text("by hand" if command == "refresh" else "one")


def attempt(sandbox: Sandbox, command: str, patterns: list[str], dependents: bool) -> bool:
    run = {"up": sandbox.up_only, "destroy": sandbox.destroy, "refresh": sandbox.refresh}[command]
    try:
        run(*patterns, dependents=dependents)
    except HybridMLError:
        return False
    return True


def contents(resources: list[dict[str, Any]]) -> dict[str, object]:
    """The content of each file that a state records."""
    files = (each for each in resources if each["type"] == "fixture:index:File")
    return {each["urn"].rpartition("::")[2]: each["inputs"]["content"] for each in files}


def test_pulumi_reads_a_state_that_a_refresh_wrote(shared: Sandbox) -> None:
    """What is gone is named nowhere, so that Pulumi finds nothing wrong with it, and goes on from it."""
    shared.up(**stack("one"))
    (shared.root / "base.txt").unlink()
    (shared.root / "alone.txt").write_text("by hand")
    shared.refresh()
    pulumi(shared, "stack", "init", "dev")

    pulumi(shared, "stack", "import", "--file", str(shared.directory / "state.json"))

    assert json.loads(pulumi(shared, "preview", "--json"))["changeSummary"] == {"create": 1, "same": 2, "update": 1}


def test_pulumi_adopts_the_state_and_sees_no_change(shared: Sandbox) -> None:
    """Imported with secrets, a component and dependencies it previews unchanged, and Pulumi destroys it."""
    (shared.root / "Pulumi.dev.yaml").write_text("config:\n  fixture:greeting: hello\n")
    shared.up(
        group=asked("Component", {"answer": 42}),
        kept=asked("File", {"path": "kept.txt", "content": {"secret": "word"}}, parent="group"),
        server=asked("Process", {"tag": shared.tag("server"), "version": "1"}),
        route=asked("File", {"path": "route.txt", "content": {"ref": ["server", "where"]}}),
        size=asked("Export", {"value": {"ref": ["kept", "size"]}}),
    )
    pulumi(shared, "stack", "init", "dev")
    pulumi(shared, "stack", "import", "--file", str(shared.directory / "state.json"))

    changes = json.loads(pulumi(shared, "preview", "--json"))["changeSummary"]
    pulumi(shared, "destroy", "--yes")

    assert changes == {"same": 5}
    assert (shared.files(), shared.processes()) == ({}, {})


def test_each_reads_the_secrets_of_the_other(shared: Sandbox) -> None:
    """What `pulumi config set --secret` wrote is decrypted here, and what is encrypted here is decrypted there."""
    secrets.local_passphrase(shared.directory)
    pulumi(shared, "stack", "init", "dev")
    pulumi(shared, "config", "set", "--secret", "theirs", "their word")
    path = shared.root / "Pulumi.dev.yaml"
    lines = dict(line.strip().split(": ", 1) for line in path.read_text().splitlines() if ": " in line)

    crypter = secrets.unlock(lines["encryptionsalt"], secrets.local_passphrase(shared.directory))
    path.write_text(path.read_text() + f"  demo:ours:\n    secure: {crypter.encrypt('our word')}\n")

    assert crypter.decrypt(lines["secure"]) == "their word"
    assert pulumi(shared, "config", "get", "ours").strip() == "our word"
