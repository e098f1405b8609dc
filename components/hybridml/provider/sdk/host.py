"""Files, keys, processes and registry entries of one machine, as a program writes them down."""

from collections.abc import Mapping, Sequence

import pulumi

from hybridml.provider.sdk._base import OwnResource, arguments


@arguments
class HostFileArgs:
    """What a file or folder on this machine is asked for. Exactly one of `source` and `content` is given."""

    path: pulumi.Input[str]
    """Where it lies; a change replaces the resource."""
    source: pulumi.Input[str] | None = None
    """File or folder that is copied."""
    content: pulumi.Input[str] | None = None
    """The text itself."""
    sha256: pulumi.Input[str] | None = None
    """Digest that the bytes must have (`hybridml.spec.digest`); computed where it is not given."""
    mode: pulumi.Input[str] | None = None
    """Permissions of each file in octal, `0600` by default; folders add search permission where files are readable."""


class HostFile(OwnResource):
    """A file or folder whose bytes are the ones asked for, or the run fails.

    Becomes visible in one step and only with the right digest; updated in place when bytes or mode change.
    Errors: `DigestMismatch` when the source does not have the digest that was asked for.
    """

    path: pulumi.Output[str]
    """Where it lies."""
    source: pulumi.Output[str | None]
    """File or folder it was copied from."""
    content: pulumi.Output[str | None]
    """The text itself, where it was given."""
    sha256: pulumi.Output[str]
    """Digest of what lies there."""
    mode: pulumi.Output[str]
    """Permissions of each file, in octal."""

    def __init__(self, name: str, args: HostFileArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class HealthArgs:
    """How a service shows that it is ready. Without `path`, accepting a connection is enough."""

    path: pulumi.Input[str] | None = None
    """HTTP path that answers 200 once the service is ready."""


@arguments
class HostServiceArgs:
    """What a supervised process is asked for. At most one of `port` and `socket` is given."""

    argv: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Program and arguments; `{socket}` stands for the allocated socket, `{instance}` for the instance's name."""
    directory: pulumi.Input[str]
    """Working directory; the instance's socket, log and status lie in a folder of their own below it."""
    env: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Environment variables beyond PATH, HOME, LANG, TZ and TMPDIR; may be secret."""
    port: pulumi.Input[int] | None = None
    """TCP port on 127.0.0.1 that the service listens on; it must be free before the start."""
    socket: pulumi.Input[bool] | None = None
    """Allocate a Unix socket that the service listens on."""
    health: pulumi.Input[HealthArgs] | None = None
    """How readiness is seen; absent: the process runs."""
    start_timeout: pulumi.Input[str] | None = None
    """How long readiness may take, `120s` by default."""
    stop_grace: pulumi.Input[str] | None = None
    """How long the process group may take to leave after SIGTERM before SIGKILL, `10s` by default."""
    log_bytes: pulumi.Input[int] | None = None
    """Size at which the log is rotated, 10 MiB by default."""
    log_files: pulumi.Input[int] | None = None
    """How many rotated logs are kept, 3 by default."""
    triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Any values whose change restarts the service: digests of the files it reads."""
    scaled: pulumi.Input[bool] | None = None
    """A scaler pauses and resumes it, by the file `paused` in the instance's folder; false by default."""
    begins_paused: pulumi.Input[bool] | None = None
    """A scaled service has no process until its scaler resumes it; false by default."""


class HostService(OwnResource):
    """A process that is kept alive: health wait, restart with back-off, rotated log, clean stop of its whole group.

    Any change but of `start_timeout`, `scaled` and `begins_paused` replaces it: with a socket, or on another port, the
    new instance is healthy before the old one stops; on the same port the old one stops first.
    """

    instance: pulumi.Output[str]
    """Name of this instance; the folder of that name lies in `directory`."""
    pid: pulumi.Output[int]
    """Process id of the supervisor."""
    started: pulumi.Output[str]
    """Boot id and kernel start time of the supervisor: a recycled process id is recognised by it."""
    socket_path: pulumi.Output[str | None]
    """The socket, relative to `directory` (absolute paths are soon too long for the kernel)."""
    url: pulumi.Output[str | None]
    """`http://127.0.0.1:<port>` where a port is given."""
    log: pulumi.Output[str]
    """Path of the log."""
    argv: pulumi.Output[Sequence[str]]
    """Program and arguments as asked for."""
    directory: pulumi.Output[str]
    """Working directory."""
    env: pulumi.Output[Mapping[str, str]]
    """Environment variables as asked for."""
    port: pulumi.Output[int | None]
    """TCP port on 127.0.0.1."""
    socket: pulumi.Output[bool]
    """Whether a Unix socket is allocated."""
    health: pulumi.Output[Mapping[str, str] | None]
    """How readiness is seen."""
    start_timeout: pulumi.Output[str]
    """How long readiness may take."""
    stop_grace: pulumi.Output[str]
    """How long the process group may take to leave."""
    log_bytes: pulumi.Output[int]
    """Size at which the log is rotated."""
    log_files: pulumi.Output[int]
    """How many rotated logs are kept."""
    triggers: pulumi.Output[Mapping[str, str]]
    """Values whose change restarts the service."""
    scaled: pulumi.Output[bool]
    """Whether a scaler pauses and resumes it."""
    begins_paused: pulumi.Output[bool]
    """Whether it has no process until its scaler resumes it."""

    def __init__(self, name: str, args: HostServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class HostJobArgs:
    """What a program that runs to its end is asked for."""

    argv: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Program and arguments."""
    directory: pulumi.Input[str]
    """Working directory; the job's log lies in a folder of its own below it."""
    env: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Environment variables beyond PATH, HOME, LANG, TZ and TMPDIR; may be secret."""
    outputs: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Paths that the program has to write; it runs again when one of them is gone."""
    timeout: pulumi.Input[str] | None = None
    """How long it may run, `1h` by default."""
    stop_grace: pulumi.Input[str] | None = None
    """How long the process group may take to leave after SIGTERM before SIGKILL, `10s` by default."""
    log_bytes: pulumi.Input[int] | None = None
    """Size at which the log is rotated, 10 MiB by default; one rotated log is kept."""
    triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Any values whose change runs it again: digests of the files it reads."""


class HostJob(OwnResource):
    """A program that ran to its end: once, and again whenever something it is given changes.

    It is stopped, with its whole process group, when the run that asked for it is cancelled or dies. A program that
    was interrupted runs again, so it has to be one that may.
    Errors: the run fails with the last lines of the log when the program does, or does not end in time.
    """

    instance: pulumi.Output[str]
    """Name of the job's folder in `directory`."""
    exit_status: pulumi.Output[int]
    """Exit status of the program, 0."""
    log: pulumi.Output[str]
    """Path of the log."""
    finished: pulumi.Output[str]
    """When it ended, ISO 8601 in UTC."""
    argv: pulumi.Output[Sequence[str]]
    """Program and arguments."""
    directory: pulumi.Output[str]
    """Working directory."""
    env: pulumi.Output[Mapping[str, str]]
    """Environment variables as asked for."""
    outputs: pulumi.Output[Sequence[str]]
    """Paths that the program wrote."""
    timeout: pulumi.Output[str]
    """How long it may run."""
    stop_grace: pulumi.Output[str]
    """How long the process group may take to leave."""
    log_bytes: pulumi.Output[int]
    """Size at which the log is rotated."""
    triggers: pulumi.Output[Mapping[str, str]]
    """Values whose change runs it again."""

    def __init__(self, name: str, args: HostJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class HostKeyArgs:
    """What a signing key on this machine is asked for."""

    path: pulumi.Input[str]
    """Where the private key lies, PEM, mode 0600; a change replaces the key."""
    algorithm: pulumi.Input[str] | None = None
    """`ES256` (EC P-256, the default) or `RS256` (RSA-2048)."""


class HostKey(OwnResource):
    """A key pair whose private half never leaves its file: it is in no state and in no output."""

    path: pulumi.Output[str]
    """Where the private key lies."""
    algorithm: pulumi.Output[str]
    """`ES256` or `RS256`."""
    kid: pulumi.Output[str]
    """Key id: RFC 7638 thumbprint of the public key."""
    jwks: pulumi.Output[str]
    """The public key as a JSON Web Key Set."""

    def __init__(self, name: str, args: HostKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


@arguments
class ModelVersionArgs:
    """What an MLflow registry is told about one version of a model."""

    tracking_uri: pulumi.Input[str]
    """`http://` address of the MLflow server."""
    model: pulumi.Input[str]
    """Name of the registered model; created where it is missing."""
    version: pulumi.Input[str]
    """Version as the endpoint's file names it; kept as the tag `hybridml.version`."""
    source: pulumi.Input[str]
    """Where the artifact lies."""
    sha256: pulumi.Input[str]
    """Digest of the artifact."""
    card: pulumi.Input[str] | None = None
    """Model card, Markdown; becomes the version's description."""
    signature: pulumi.Input[str] | None = None
    """Model signature, JSON."""
    lineage: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Where the model comes from: `git`, `data`, `run`."""
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Further tags of the version."""
    aliases: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Registry aliases that point to this version: `champion`."""


class ModelVersion(OwnResource):
    """One version of a model in an MLflow registry: artifact, digest, signature, card and lineage."""

    tracking_uri: pulumi.Output[str]
    """Address of the MLflow server."""
    model: pulumi.Output[str]
    """Name of the registered model."""
    version: pulumi.Output[str]
    """Version as the endpoint's file names it."""
    source: pulumi.Output[str]
    """Where the artifact lies."""
    sha256: pulumi.Output[str]
    """Digest of the artifact."""
    card: pulumi.Output[str | None]
    """Model card."""
    signature: pulumi.Output[str | None]
    """Model signature, JSON."""
    lineage: pulumi.Output[Mapping[str, str]]
    """Where the model comes from."""
    tags: pulumi.Output[Mapping[str, str]]
    """Further tags of the version."""
    aliases: pulumi.Output[Sequence[str]]
    """Registry aliases that point to this version."""
    registry_version: pulumi.Output[str]
    """Number that the registry gave."""

    def __init__(self, name: str, args: ModelVersionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
