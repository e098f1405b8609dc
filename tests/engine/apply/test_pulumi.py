"""Pulumi itself takes over what the embedded engine made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from engine.apply.sandbox import PLUGIN, Sandbox, asked
from hybridml.engine import secrets

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
