"""A batch endpoint on this machine: stored model, a program that predicts files, and, where asked for, its times."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from hybridml.errors import ConfigurationError, Problem
from hybridml.jobs.batch import LATEST
from hybridml.jobs.inputs import digested, matching
from hybridml.provider.sdk import HostJob, HostJobArgs, HostService, HostServiceArgs
from hybridml.targets.base import EndpointOutputs, StackContext
from hybridml.targets.local import processes
from hybridml.targets.local.promises import KIND
from hybridml.targets.local.registry import ModelRegistry, Registration
from hybridml.targets.local.storage import ArtifactStore, endpoint_store
from hybridml.targets.local.variables import secrets

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec
    from hybridml.spec.batch import Batch


@dataclass(frozen=True, kw_only=True)
class BatchPredictionArgs:
    """What a batch prediction on this machine is asked for."""

    batch: Batch
    """Files, folder and times."""
    version: str
    """Version that predicts."""
    model: pulumi.Input[str]
    """Where it lies."""
    sha256: pulumi.Input[str]
    """Its digest."""
    env: dict[str, pulumi.Input[str]]
    """Environment of the program."""
    settings: str
    """Digest of those variables that may change what is predicted; empty without any."""
    root: Path
    """Project root: paths of `batch` start here."""
    directory: Path
    """Folder for logs."""


class BatchPrediction(pulumi.ComponentResource):
    """Predictions over files, by a program that runs to its end: now, or at the times that are asked for.

    It runs again when the files or the model change; what is predicted already is not predicted twice.
    """

    output: pulumi.Output[str]
    """Folder of the predictions."""
    log: pulumi.Output[str]
    """Path of the log."""

    def __init__(self, name: str, args: BatchPredictionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:BatchPrediction", name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.output = pulumi.Output.from_input(str(args.root / args.batch.output))
        self.log = self._recurring(name, args) if args.batch.schedule else self._once(name, args)
        self.register_outputs({"output": self.output, "log": self.log})

    def _once(self, name: str, args: BatchPredictionArgs) -> pulumi.Output[str]:
        folder = args.root / args.batch.output
        files = digested(str(args.root / args.batch.input))
        job = HostJob(
            f"{name}-job",
            HostJobArgs(
                argv=[*processes.batch(), *_arguments(args)],
                env=args.env,
                directory=str(args.directory),
                outputs=[str(folder / LATEST)],
                timeout=f"{args.batch.timeout.seconds}s",
                triggers={"input": files.sha256},
            ),
            self._child,
        )
        return job.log

    def _recurring(self, name: str, args: BatchPredictionArgs) -> pulumi.Output[str]:
        cron, timeout = str(args.batch.schedule), str(args.batch.timeout.seconds)
        times = ["--cron", cron, "--timezone", args.batch.timezone, "--timeout", timeout]
        service = HostService(
            f"{name}-times",
            HostServiceArgs(
                argv=[*processes.recurring(), *times, "--", *_arguments(args)],
                env=args.env,
                directory=str(args.directory),
            ),
            self._child,
        )
        return service.log


def _missing(name: str, batch: Batch) -> Problem:
    return Problem(
        path=f"{name}.batch.input",
        message=f"no file of this machine matches {batch.input!r}",
        fix="put the files there, or give batch.schedule the times when they are",
    )


def _arguments(args: BatchPredictionArgs) -> list[pulumi.Input[str]]:
    batch = args.batch
    model: list[pulumi.Input[str]] = ["--model", args.model, "--model-sha256", args.sha256, "--version", args.version]
    paths = ["--input", str(args.root / batch.input), "--output", str(args.root / batch.output)]
    form = ["--format", str(batch.format)] if batch.format else []
    settings = ["--settings", args.settings] if args.settings else []
    return [*model, *paths, *form, "--shard-rows", str(batch.shard_rows), *settings]


def _settings(spec: EndpointSpec) -> str:
    """Digest of the variables that the specification sets; what the stack keeps secret leaves no trace."""
    plain = json.dumps(dict(spec.runtime.env), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest() if spec.runtime.env else ""


@dataclass(frozen=True, kw_only=True)
class LocalBatch:
    """Everything that one batch endpoint is built from."""

    name: str
    spec: EndpointSpec
    batch: Batch
    stack: StackContext
    registry: ModelRegistry | None
    opts: pulumi.ResourceOptions

    def create(self) -> EndpointOutputs:
        """Creates store, prediction and registration, in this order.

        Raises `ConfigurationError` when it should run now and there is no file.
        """
        if not self.batch.schedule and not matching(str(self.stack.root / self.batch.input)):
            raise ConfigurationError([_missing(self.name, self.batch)])
        store, version = endpoint_store(self.name, self.spec, self.stack, self.opts), self.spec.traffic.champion.version
        made = BatchPrediction(
            f"{self.name}-batch",
            BatchPredictionArgs(
                batch=self.batch,
                version=version,
                model=store.paths[version],
                sha256=store.digests[version],
                env={**processes.model_server_environment(self.spec), **secrets(self.spec)},
                settings=_settings(self.spec),
                root=self.stack.root,
                directory=self.stack.state_folder / "run" / self.name,
            ),
            self.opts,
        )
        self._register(store, made)
        return EndpointOutputs(
            kind=KIND, url=None, versions=store.paths, details={"output": made.output, "log": made.log}
        )

    def _register(self, store: ArtifactStore, made: BatchPrediction) -> None:
        """Once the prediction has been made: `champion` in the registry is what predicts."""
        if self.registry is None:
            return
        registration = Registration(
            spec=self.spec, root=self.stack.root, tracking_uri=self.registry.tracking_uri, store=store
        )
        after = pulumi.ResourceOptions.merge(self.opts, pulumi.ResourceOptions(depends_on=[made]))
        registration.register_all(self.name, after)
