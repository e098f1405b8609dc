"""Which provider serves which resource, and how providers are kept in the state."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

from hybridml.engine import state
from hybridml.engine.apply_events import Change, Journalist
from hybridml.engine.journal import Ledger
from hybridml.engine.monitor import Registration
from hybridml.engine.plugin_client import Provider
from hybridml.engine.plugins import Plugins
from hybridml.engine.state import ResourceState
from hybridml.engine.values import Properties

PREFIX = "pulumi:providers:"
"""What every provider's type token begins with."""


class Providers:
    """The default providers of one run and those that the program makes itself."""

    def __init__(
        self, plugins: Plugins, ledger: Ledger, journalist: Journalist, *, config: Callable[[str], Properties]
    ) -> None:
        self._plugins = plugins
        self._ledger = ledger
        self._journalist = journalist
        self._config = config
        self._guard = threading.Lock()

    def reference(self, registration_urn: str, token: str, version: str, given: str) -> str:
        """The reference `URN::ID` that a resource records: the one given, or that of the package's default provider."""
        if given:
            return given
        urn = default_urn(registration_urn, package_of(token), version)
        with self._guard:
            found = self._ledger.find([urn])
            wanted = self._default(urn, token, version)
            if found is None:
                self._ledger.put(self._ledger.new_key(), wanted)
            elif found[1].inputs != wanted.inputs:
                self._ledger.put(found[0], replace(wanted, id=found[1].id, created=found[1].created))
        return f"{urn}::{found[1].id if found else wanted.id}"

    def serves(self, token: str) -> bool:
        """Whether there is a plugin for the package of a type or function."""
        return self._plugins.serves(package_of(token))

    def _default(self, urn: str, token: str, version: str) -> ResourceState:
        """The default provider of a package: its inputs are the stack's configuration under the package's name."""
        package = package_of(token)
        inputs = {**self._config(package), **({"version": version} if version else {})}
        now = state.now()
        return ResourceState(
            urn=urn,
            type=PREFIX + package,
            custom=True,
            id=str(uuid.uuid4()),
            inputs=inputs,
            outputs=inputs,
            created=now,
            modified=now,
        )

    def serving(self, resource: ResourceState) -> Provider:
        """The running, configured provider of a resource."""
        return self.named(resource.provider, resource.type)

    def named(self, reference: str, token: str) -> Provider:
        """The running, configured provider of that reference; of the token's package by default."""
        urn = reference.rpartition("::")[0]
        found = self._ledger.find([urn]) if urn else None
        package = package_of(token)
        if found is None:
            return self._plugins.provider(package, package, self._config(package))
        instance = package if is_default(urn) else urn
        return self._plugins.provider(package, instance, _configuration(found[1].inputs), urn=urn)

    def register(self, registration: Registration, known: tuple[int, ResourceState] | None) -> ResourceState:
        """Record and configure a provider that the program makes itself."""
        now = state.now()
        wanted = ResourceState(
            urn=registration.urn,
            type=registration.type,
            custom=True,
            id=known[1].id if known else str(uuid.uuid4()),
            inputs=registration.inputs,
            outputs=registration.inputs,
            parent=registration.parent,
            dependencies=registration.dependencies,
            property_dependencies=registration.property_dependencies,
            created=known[1].created if known else now,
            modified=known[1].modified if known and known[1].inputs == registration.inputs else now,
        )
        package = package_of(wanted.type)
        with self._journalist.step(wanted.urn, "configure"):
            self._plugins.provider(package, wanted.urn, _configuration(wanted.inputs), urn=wanted.urn)
        self._ledger.put(known[0] if known else self._ledger.new_key(), wanted)
        same: Change = "same" if known and known[1].inputs == wanted.inputs else "update"
        self._journalist.count(
            wanted.urn, same if known else "create", before=known[1] if known else None, after=wanted
        )
        return wanted


def _configuration(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key not in ("version", "pluginDownloadURL")}


def is_provider(token: str) -> bool:
    """Whether a type token is a provider's (`pulumi:providers:aws`)."""
    return token.startswith(PREFIX)


def is_default(urn: str) -> bool:
    """Whether a provider's URN is that of a package's default provider, which no program makes."""
    return f"::{PREFIX}" in urn and re.fullmatch(r"default(_.*)?", urn.rpartition("::")[2]) is not None


def package_of(token: str) -> str:
    """The package whose plugin serves a type: `aws` of `aws:s3/bucket:Bucket` and of `pulumi:providers:aws`."""
    return token.rpartition(":")[2] if is_provider(token) else token.partition(":")[0]


def default_urn(urn: str, package: str, version: str) -> str:
    """The URN of the default provider of `package`, in the stack that `urn` belongs to; as Pulumi names it."""
    stack, project = urn.split("::")[:2]
    name = "default" + (f"_{re.sub(r'[^0-9A-Za-z]', '_', version)}" if version else "")
    return f"{stack}::{project}::{PREFIX}{package}::{name}"
