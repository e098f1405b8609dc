"""Plugins are found where the project, the interpreter or the PATH has them, and die with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine.apply.sandbox import DRIVER, Sandbox, asked
from hybridml.engine import plugin_client, plugins
from hybridml.engine.apply_expected import _departs
from hybridml.engine.plugins import Command, Plugins, locate
from hybridml.engine.values import UNKNOWN, Secret
from hybridml.errors import ConfigurationError, ResourceError


def manifest(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "PulumiPlugin.yaml").write_text(text)
    return folder


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_folder_that_the_project_names(tmp_path: Path) -> None:
    """Run by this interpreter, or by that of the plugin's own environment once it exists."""
    folder = manifest(tmp_path / "p", "runtime:\n  name: python\n  options:\n    virtualenv: own\n")
    assert locate("p", {"p": folder}) == Command(package="p", argv=(sys.executable, str(folder)), folder=folder)

    own = executable(folder / "own" / "bin" / "python")
    assert locate("p", {"p": folder}) == Command(package="p", argv=(str(own), str(folder)), folder=folder)


def test_an_executable_beside_the_interpreter_or_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one beside the interpreter first; none is none."""
    on_path = executable(tmp_path / "path" / "pulumi-resource-p")
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    found = locate("p", {})
    assert found == Command(package="p", argv=(str(on_path),), folder=on_path.parent)

    beside = executable(tmp_path / "bin" / "pulumi-resource-p")
    found = locate("p", {})
    assert found == Command(package="p", argv=(str(beside),), folder=beside.parent)
    assert locate("q", {}) is None


@pytest.mark.parametrize(
    "text",
    [
        "runtime: nodejs\n",
        "runtime: [\n",
        "",
        "runtime: {name: go}\n",
        "runtime: [a]\n",
        "[a]\n",
        "runtime: {name: python, options: [a]}\n",
    ],
)
def test_a_folder_that_holds_no_python_plugin(tmp_path: Path, text: str) -> None:
    """It names file and plugin."""
    folder = manifest(tmp_path / "p", text)

    with pytest.raises(ConfigurationError, match=r"PulumiPlugin\.yaml: plugin p: "):
        locate("p", {"p": folder})


@pytest.mark.parametrize("said", ["hello", "", "\u00b2", "0", "65536", "x" * 1000])
def test_a_plugin_that_says_no_port_is_one_error(tmp_path: Path, said: str) -> None:
    """What it said instead is shown, shortened."""
    folder = manifest(tmp_path / "p", "runtime: python\n")
    (folder / "__main__.py").write_text(f"import time\nprint({said!r}, flush=True)\ntime.sleep(60)\n")
    running = Plugins({"p": folder}, directory=tmp_path, logs=tmp_path / "logs")

    with pytest.raises(ResourceError, match=r"did not start: it said '.{0,200}', no port\. Its log is"):
        running.provider("p", "p", {})
    running.close()


MUTE = """
from concurrent import futures
import grpc, time
from pulumi.runtime.proto import provider_pb2_grpc
class Mute(provider_pb2_grpc.ResourceProviderServicer):
    def Configure(self, request, context):
        time.sleep(30)
server = grpc.server(futures.ThreadPoolExecutor(4))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Mute(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


def test_a_plugin_that_does_not_take_its_configuration_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens and never answers: it is waited for only so long."""
    monkeypatch.setattr(plugin_client, "START_SECONDS", 2.0)
    folder = manifest(tmp_path / "p", "runtime: python\n")
    (folder / "__main__.py").write_text(MUTE)
    running = Plugins({"p": folder}, directory=tmp_path, logs=tmp_path / "logs")

    with pytest.raises(ResourceError, match=r"p: plugin p did not answer Configure \(Deadline Exceeded\)"):
        running.provider("p", "p", {})
    running.close()


def test_a_plugin_that_says_nothing_is_waited_for_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error, and no process is left."""
    monkeypatch.setattr(plugins, "START_SECONDS", 0.5)
    folder = manifest(tmp_path / "p", "runtime: python\n")
    (folder / "__main__.py").write_text("import time\ntime.sleep(60)\n")
    running = Plugins({"p": folder}, directory=tmp_path, logs=tmp_path / "logs")

    with pytest.raises(ResourceError, match=r"Plugin p said no port within 0 s\. Its log is"):
        running.provider("p", "p", {})

    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < 5


def test_a_plugin_dies_with_a_run_that_is_killed(sandbox: Sandbox) -> None:
    """The kernel ends it; nobody has to."""
    sandbox.ask(slow=asked("Fault", {"slow": 30}))
    process = subprocess.Popen([sys.executable, str(DRIVER), str(sandbox.root), "up", "never", "0"])
    while not sandbox.plugins():
        assert process.poll() is None

    process.send_signal(signal.SIGKILL)
    process.wait()

    deadline = time.monotonic() + 10
    while sandbox.plugins():
        assert time.monotonic() < deadline


def test_what_a_plugin_writes_goes_to_its_log(sandbox: Sandbox) -> None:
    """Not to the terminal of whoever runs."""
    with pytest.raises(ResourceError):
        sandbox.up(bad=asked("Fault", {"fail": "create"}))

    assert (sandbox.directory / "logs" / "plugin-fixture.log").read_text() == "a line for the log\n"


def test_a_plugin_on_the_path_is_started_as_it_is(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry in `Pulumi.yaml` is needed."""
    plugin = executable(sandbox.root / "bin" / "pulumi-resource-fixture")
    source = Path(__file__).parents[1] / "fixture_plugin" / "__main__.py"
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{source}"\n')
    monkeypatch.setenv("PATH", f"{plugin.parent}{os.pathsep}{os.environ['PATH']}")
    (sandbox.root / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")

    sandbox.up(one=asked("File", {"path": "one.txt"}))

    assert sandbox.files() == {"one.txt": ""}


@pytest.mark.parametrize(
    ("planned", "actual", "departs"),
    [
        (1, 1, False),
        (1, 2, True),
        (UNKNOWN, "anything", False),
        ("arn:hybridml-unknown:x", "arn:real:x", False),
        (Secret("a"), "a", False),
        (Secret("a"), Secret("b"), True),
        ([1, UNKNOWN], [1, 2], False),
        ([1], [1, 2], True),
        ({"a": UNKNOWN}, {"a": 1}, False),
        ({"a": 1}, {"b": 1}, True),
        ({"a": 1}, 1, True),
        (None, None, False),
        ("x", None, True),
    ],
)
def test_what_departs_from_a_plan(planned: object, actual: object, departs: bool) -> None:
    """What was known and is different; never what was unknown or a placeholder."""
    assert _departs(planned, actual) is departs
