"""Provider plugins: found, started as processes of their own, and spoken to in Pulumi's provider protocol.

A plugin prints the port it listens on (loopback) and serves `ResourceProvider` there. It dies with the run that started
it, even when that one is killed. What it writes to its standard error goes to a log.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hybridml.engine import secrets
from hybridml.engine.plugin_client import Provider, describe
from hybridml.engine.values import Properties
from hybridml.errors import ConfigurationError, Problem, ResourceError

START_SECONDS: Final = 60.0
"""How long a plugin may take to say its port."""
STOP_SECONDS: Final = 5.0
"""How long a plugin may take to end when asked to."""
_LOG_TAIL = 20
_METADATA_BYTES = 16 << 20
"""What a plugin may say of a resource that exists but does not work: that travels in a header, Pulumi's limit holds."""
_PORTS = 65536
_SHOWN = 200
"""Characters of what a plugin said in place of a port."""
_LAST_WORDS_SECONDS = 0.5
"""How long the log of a dead plugin is read on; what the plugin started may hold it open for ever."""
_NO_ENGINE = "127.0.0.1:1"
"""Plugins take the engine's address as their first argument; this engine serves them nothing there."""
_BIND_TO_PARENT = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
except (AttributeError, OSError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit("the run that wanted this plugin is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel (PR_SET_PDEATHSIG, 1) to end this process with its parent, then becomes the plugin. Done in a process
between rather than in `preexec_fn`, which may deadlock in a program with threads."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """How a plugin is started."""

    package: str
    argv: tuple[str, ...]
    folder: Path
    """Where the plugin lives."""


def locate(package: str, named: Mapping[str, Path]) -> Command | None:
    """The plugin of `package`: the folder that `Pulumi.yaml` names, else `pulumi-resource-<package>` beside the
    interpreter or on the PATH; None when there is none on this machine.

    Errors: `ConfigurationError` when a folder is named that holds no Python plugin.
    """
    if package in named:
        return Command(package=package, argv=_folder_argv(package, named[package]), folder=named[package])
    name = f"pulumi-resource-{package}"
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside) or shutil.which(name)
    return Command(package=package, argv=(str(Path(found).absolute()),), folder=Path(found).parent) if found else None


def _folder_argv(package: str, folder: Path) -> tuple[str, ...]:
    """The plugin's own environment's interpreter where it has one, else ours, on the folder."""
    manifest = folder / "PulumiPlugin.yaml"
    try:
        runtime = (YAML(typ="safe").load(manifest.read_text(encoding="utf-8")) or {}).get("runtime", "")
    except (OSError, YAMLError, AttributeError) as error:
        raise _unusable(package, manifest, f"cannot be read: {error}") from error
    described = runtime if isinstance(runtime, dict) else {"name": runtime}
    name, options = described.get("name"), described.get("options") or {}
    if not isinstance(options, dict):
        raise _unusable(package, manifest, "runtime.options is not a mapping")
    if name != "python":
        raise _unusable(package, manifest, f"runtime {name!r} is not one that this engine starts (python)")
    own = folder / str(options.get("virtualenv", "")) / "bin" / "python"
    python = str(own.absolute()) if options.get("virtualenv") and own.exists() else sys.executable
    return (python, str(folder.absolute()))


def _unusable(package: str, file: Path, message: str) -> ConfigurationError:
    fix = "see `plugins.providers` in Pulumi.yaml"
    return ConfigurationError([Problem(file=str(file), message=f"plugin {package}: {message}", fix=fix)])


class Plugin:
    """One running plugin process and the client that speaks to it.

    Errors: `ResourceError` when it does not start, with the end of its log.
    """

    def __init__(self, command: Command, *, directory: Path, log: Path) -> None:
        self.package = command.package
        self._log_path = log
        self._tail: deque[str] = deque(maxlen=_LOG_TAIL)
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a")
        self._process = _spawn(command, directory)
        self._port: queue.Queue[str] = queue.Queue()
        self._spoke = False
        _reader(self._process.stdout, self._say).start()
        self._errors = _reader(self._process.stderr, self._note)
        self._errors.start()
        self._channel: grpc.Channel | None = None
        self.provider: Provider | None = None
        """Once it is configured."""

    def connect(self, folder: Path, directory: Path, config: Properties, *, urn: str) -> Provider:
        """Wait until the plugin listens, shake hands and configure it."""
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{self._wait_for_port()}",
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_metadata_size", _METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
                ("grpc.enable_http_proxy", 0),
            ],
        )
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        provider = Provider(self.package, stub, obituary=self._obituary)
        provider.handshake(root=folder, program=directory)
        provider.configure(config, urn=urn)
        self.provider = provider
        return provider

    def kill(self) -> None:
        """End the process at once: whatever it was asked stays unanswered."""
        self._process.kill()

    def stop(self) -> None:
        """End the process; at once when it does not end when asked."""
        if self._channel is not None:
            self._channel.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.join(_LAST_WORDS_SECONDS)
        self._log.close()

    def _wait_for_port(self) -> int:
        try:
            line = self._port.get(timeout=START_SECONDS)
        except queue.Empty:
            raise ResourceError(
                f"Plugin {self.package} said no port within {START_SECONDS:.0f} s. {self._why()}"
            ) from None
        self._port.put(line)  # for whoever asks after us
        said = line.strip()
        if not (said.isascii() and said.isdigit() and 0 < int(said) < _PORTS):
            self._process.terminate()
            raise ResourceError(
                f"Plugin {self.package} did not start: it said {said[:_SHOWN]!r}, no port. {self._why()}"
            )
        return int(said)

    def _say(self, line: str | None) -> None:
        if not self._spoke:
            self._spoke = True
            self._port.put(line or "")

    def _note(self, line: str | None) -> None:
        if line is not None:
            self._tail.append(line.rstrip())
            self._log.write(line)
            self._log.flush()

    def _obituary(self) -> str:
        """What there is to say about a plugin that no longer answers."""
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return self._why()
        return f"It ended with status {status}. {self._why()}"

    def _why(self) -> str:
        self._errors.join(_LAST_WORDS_SECONDS if self._process.poll() is not None else 0)
        last = "\n".join(self._tail)
        return f"Its log is {self._log_path}." + (f" It ends with:\n{last}" if last else "")


class Plugins:
    """The running plugins of one run: one per package, and one per explicit provider."""

    def __init__(self, named: Mapping[str, Path], *, directory: Path, logs: Path) -> None:
        self._named = named
        self._directory = directory
        self._logs = logs
        self._guard = threading.Lock()
        self._running: dict[str, Plugin] = {}
        self._commands: dict[str, Command | None] = {}
        # A process bound to its parent dies with the *thread* that started it, so one thread starts them all and stays.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plugins")

    def serves(self, package: str) -> bool:
        """Whether there is a plugin for `package` on this machine."""
        if package not in self._commands:
            self._commands[package] = locate(package, self._named)
        return self._commands[package] is not None

    def prepare(self, package: str) -> None:
        """Start the plugin of `package`, where there is one, without waiting for it: it takes about a second."""
        if self.serves(package):
            self._process(package, package)

    def provider(self, package: str, instance: str, config: Properties, *, urn: str = "") -> Provider:
        """The configured provider `instance` (a provider's URN, or the package for its default one)."""
        command = self._commands[package] if self.serves(package) else None
        if command is None:
            raise ResourceError(f"There is no plugin for package {package} on this machine")
        plugin = self._process(package, instance)
        with self._guard:
            return plugin.provider or plugin.connect(command.folder, self._directory, config, urn=urn)

    def cancel(self) -> None:
        """Ask every plugin to stop waiting for whatever it waits for."""
        for plugin in list(self._running.values()):
            if plugin.provider is not None:
                plugin.provider.cancel()

    def kill(self) -> None:
        """End every plugin at once, whatever it does."""
        for plugin in list(self._running.values()):
            plugin.kill()

    def close(self) -> None:
        """End every plugin."""
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(Plugin.stop, self._running.values()):
                pass
        self._running.clear()
        self._starter.shutdown()

    def _process(self, package: str, instance: str) -> Plugin:
        command = self._commands[package]
        assert command is not None  # noqa: S101 - the caller asked `serves`
        with self._guard:
            if instance not in self._running:
                log = self._logs / f"plugin-{package}.log"
                started = self._starter.submit(Plugin, command, directory=self._directory, log=log)
                self._running[instance] = started.result()
            return self._running[instance]


def _spawn(command: Command, directory: Path) -> subprocess.Popen[str]:
    hidden = {secrets.PASSPHRASE_VARIABLE, secrets.PASSPHRASE_FILE_VARIABLE}
    argv = [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid()), *command.argv, _NO_ENGINE]
    try:
        return subprocess.Popen(
            argv,
            cwd=directory,
            env={name: value for name, value in os.environ.items() if name not in hidden},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ResourceError(f"Plugin {command.package} cannot be started: {describe(error)}") from error


def _reader(stream: IO[str] | None, line: Callable[[str | None], None]) -> threading.Thread:
    """A thread that hands each line of `stream` on, then None."""

    def read() -> None:
        with stream or open(os.devnull) as lines:  # noqa: PTH123 - a stream that is never there
            for text in lines:
                line(text)
        line(None)

    return threading.Thread(target=read, daemon=True)
