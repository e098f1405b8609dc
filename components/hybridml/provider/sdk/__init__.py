"""Our own resources as a Pulumi program writes them: `HostFile("model", HostFileArgs(path=..., source=...))`.

Every class has the token `hybridml:index:<Class>`, typed arguments and typed outputs; the plugin in `components/`
(or `pulumi-resource-hybridml` on the PATH) applies them.
"""

from hybridml.provider.sdk.cloud import (
    DeployedModelArgs,
    DeploymentPolicyArgs,
    SageMakerDeployment,
    SageMakerDeploymentArgs,
    VertexContainerArgs,
    VertexDeployment,
    VertexDeploymentArgs,
    VertexModel,
    VertexModelArgs,
)
from hybridml.provider.sdk.host import (
    HealthArgs,
    HostFile,
    HostFileArgs,
    HostJob,
    HostJobArgs,
    HostKey,
    HostKeyArgs,
    HostService,
    HostServiceArgs,
    ModelVersion,
    ModelVersionArgs,
)
from hybridml.provider.sdk.rollout import EnvoyProxyArgs, GuardedRollout, GuardedRolloutArgs, ServedVariantArgs

__all__ = [
    "DeployedModelArgs",
    "DeploymentPolicyArgs",
    "EnvoyProxyArgs",
    "GuardedRollout",
    "GuardedRolloutArgs",
    "HealthArgs",
    "HostFile",
    "HostFileArgs",
    "HostJob",
    "HostJobArgs",
    "HostKey",
    "HostKeyArgs",
    "HostService",
    "HostServiceArgs",
    "ModelVersion",
    "ModelVersionArgs",
    "SageMakerDeployment",
    "SageMakerDeploymentArgs",
    "ServedVariantArgs",
    "VertexContainerArgs",
    "VertexDeployment",
    "VertexDeploymentArgs",
    "VertexModel",
    "VertexModelArgs",
]
