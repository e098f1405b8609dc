"""What is served and what serves it: versions, their artifacts, and the runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.scalars import (
    ArtifactUri,
    Cpu,
    EnvironmentVariable,
    Image,
    Natural,
    Port,
    SecretReference,
    Sha256,
    Size,
    Text,
    UrlPath,
)
from hybridml.spec.vocabulary import ModelFormat, RuntimeKind


class Signature(Part):
    """Who signed an artifact."""

    key: Text = Field(
        description="Public key that verifies the signature: a path from the project's root, or a KMS URI."
    )
    bundle: ArtifactUri | None = Field(
        None, description="Where the signature bundle lies; by default beside the artifact, with the suffix .sig."
    )


class Artifact(Part):
    """The bytes of a version."""

    uri: ArtifactUri = Field(description="Where the artifact lies: a file or a folder.")
    sha256: Sha256 | None = Field(
        None,
        description="Digest over every byte of it (of a folder: over the lines that sha256sum prints, sorted by "
        "path); nothing is served that does not have it. Left out while not yet known.",
    )
    signature: Signature | None = Field(None, description="Signature that is verified before serving.")


class Lineage(Part):
    """Where a version comes from."""

    git: Text | None = Field(None, description="Commit of the code that trained it.")
    data: Text | None = Field(None, description='Revision of the data, such as "dvc:3f1c…".')
    run: Text | None = Field(None, description='Training run, such as "mlflow:7be2…".')


class Version(Part):
    """One trained model."""

    artifact: Artifact = Field(description="The bytes, and how they are verified.")
    format: ModelFormat = Field(
        ModelFormat.MLFLOW,
        description="What the artifact holds. pickle, joblib and pytorch run code when loaded: "
        "outside local and dev the policies want them signed.",
    )
    card: Text | None = Field(None, description="Model card: a path from the project's root.")
    lineage: Lineage = Field(Lineage(), description="Code, data and run it comes from.")


class Gpu(Part):
    """Accelerators of one replica."""

    count: Natural = Field(0, le=64, description="Whole GPUs per replica.")
    type: Text | None = Field(None, description='Model of the GPU, such as "nvidia-l4"; any when left out.')


class Resources(Part):
    """What one replica gets. Request and limit are the same."""

    cpu: Cpu = Field(Cpu("1"), description='Cores per replica: "1", or thousandths: "500m".')
    memory: Size = Field(Size("2Gi"), description="Memory per replica, in Ki, Mi, Gi or Ti.")
    gpu: Gpu = Field(Gpu(), description="Accelerators per replica.")


class ContainerRoutes(Part):
    """The paths of a custom container's HTTP server."""

    predict: UrlPath = Field("/invocations", description="Path that answers predictions.")
    health: UrlPath = Field("/ping", description="Path that answers 200 once the model is loaded.")


class Runtime(Part):
    """The program that serves every version of the endpoint."""

    kind: RuntimeKind = Field(RuntimeKind.MLFLOW, description="Which server. custom brings image, port and routes.")
    image: Image | None = Field(
        None, description="Serving image, name:tag@sha256:…; by default that of the target. Required for custom."
    )
    port: Port | None = Field(
        None, description="Port the container listens on, 1024 to 65535. Only for custom, and required."
    )
    routes: ContainerRoutes | None = Field(
        None, description="HTTP paths of the container. Only for custom, and required."
    )
    resources: Resources = Field(Resources(), description="What one replica gets.")
    env: Mapping[EnvironmentVariable, str] = Field(
        default_factory=dict,
        description="Environment variables that are not secret, as text. Never repeated in messages.",
    )
    secrets: Mapping[EnvironmentVariable, SecretReference] = Field(
        default_factory=dict, description="Environment variables whose values are kept elsewhere, and where."
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_runtime_findings(self))
        return self


def _runtime_findings(runtime: Runtime) -> Iterator[Finding]:
    custom = runtime.kind is RuntimeKind.CUSTOM
    given = {"image": runtime.image, "port": runtime.port, "routes": runtime.routes}
    for field, value in given.items():
        if custom and value is None:
            yield Finding(path=(field,), message="a custom runtime needs it", fix="add image, port and routes")
        if not custom and field != "image" and value is not None:
            yield Finding(
                path=(field,), message=f"{runtime.kind} has its own", fix=f"remove {field}, or set kind: custom"
            )
    for name in sorted(runtime.env.keys() & runtime.secrets.keys()):
        yield Finding(path=("env", name), message="is also among the secrets", fix="keep it in one of the two")
