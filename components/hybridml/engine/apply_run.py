"""What one run on a stack works with, from taking its lock to giving it back with everything recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hybridml.engine.apply_deletes import delete
from hybridml.engine.apply_events import Journalist, Progress
from hybridml.engine.apply_gate import Gate, interruptible
from hybridml.engine.apply_providers import Providers, is_default, is_provider
from hybridml.engine.apply_resolver import protected
from hybridml.engine.apply_steps import Steps
from hybridml.engine.journal import Ledger
from hybridml.engine.lock import StackLock
from hybridml.engine.plugins import Plugins
from hybridml.engine.project import Config, Project
from hybridml.engine.runtime import WAITING
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Properties, Secret
from hybridml.errors import HybridMLError, Interrupted, ResourceError


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run works with."""

    ledger: Ledger
    plugins: Plugins
    providers: Providers
    journalist: Journalist
    steps: Steps
    gate: Gate = field(default_factory=Gate)

    @classmethod
    @contextmanager
    def of(cls, project: Project, directory: Path, command: str, progress: Progress, config: Config) -> Iterator[Run]:
        """Take the stack, and give it back with everything recorded, whatever happens."""
        journalist = Journalist(progress)
        with StackLock(directory, command) as lock, contextlib.ExitStack() as leaving:
            if lock.taken_from:
                journalist.note(f"The stack was held by {lock.taken_from}, which is gone; its work is taken up")
            ledger = Ledger(directory)
            leaving.callback(ledger.close)
            folder = project.main if project.main.is_dir() else project.main.parent
            plugins = Plugins(project.plugins, directory=folder, logs=directory / "logs")
            leaving.callback(plugins.close)
            providers = Providers(plugins, ledger, journalist, config=lambda package: _namespace(config, package))
            steps = Steps(ledger=ledger, journalist=journalist, provider_of=providers.serving)
            leaving.enter_context(journalist.watching())
            yield cls(ledger=ledger, plugins=plugins, providers=providers, journalist=journalist, steps=steps)

    def interruptible(self) -> contextlib.AbstractContextManager[None]:
        """Let a signal end the run in order."""
        return interruptible(self.gate, self.journalist.note, self.plugins.cancel, self.plugins.kill)

    def tell_waiting(self, severity: str, message: str) -> None:
        """Of what planning says, tell that it takes long; the program says the rest again when it is applied."""
        if severity == WAITING:
            self.journalist.note(message)

    def prepare(self, named: Collection[str]) -> None:
        """Let the project's own plugins start while the program is planned."""
        for package in named:
            self.plugins.prepare(package)

    def delete(self, keys: set[int]) -> None:
        """Delete these entries, and the default providers that nothing else uses.

        Errors: `ResourceError`, `StateError`, `Interrupted`.
        """
        delete(self.steps, _with_idle_providers(self.ledger, keys), self.gate)
        raise_all(self.gate.failures)


def raise_all(failures: Collection[HybridMLError]) -> None:
    """Raise the one failure, or one error that lists them all; an interruption first."""
    different = list({str(failure): failure for failure in failures}.values())
    interrupted = next((failure for failure in different if isinstance(failure, Interrupted)), None)
    if len(different) == 1:
        raise different[0]
    if interrupted:
        others = (str(failure) for failure in different if failure is not interrupted)
        raise Interrupted("\n".join((str(interrupted), *others)))
    if different:
        raise ResourceError(f"{len(different)} steps failed:\n" + "\n".join(map(str, different)))


def refuse_protected(entries: Iterable[ResourceState]) -> None:
    """Errors: `ResourceError` naming every one of `entries` that is protected."""
    kept = [entry for entry in entries if entry.protect]
    if kept:
        raise protected(kept, "deleted")


def _namespace(config: Config, package: str) -> Properties:
    """The stack's configuration under the namespace of a package, which Pulumi hands to its default provider."""
    found: dict[str, object] = {}
    for key, text in config.values.items():
        namespace, _, name = key.partition(":")
        if namespace == package:
            found[name] = Secret(text) if key in config.secret_keys else text
    return found


def _with_idle_providers(ledger: Ledger, keys: set[int]) -> set[int]:
    """The entries to delete, and the default providers that none of the others uses."""
    entries = ledger.entries
    used = {e.provider.rpartition("::")[0] for key, e in entries.items() if key not in keys}
    return keys | {k for k, e in entries.items() if is_provider(e.type) and is_default(e.urn) and e.urn not in used}
