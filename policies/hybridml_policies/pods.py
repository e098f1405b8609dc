"""The pods that a resource stands for, whoever makes them: workload controllers, jobs, KServe.

An InferenceService carries its pods in `spec.predictor`, `spec.transformer` and `spec.explainer`. Pods that a Helm
release or another operator makes are out of sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from hybridml_policies.values import Found, Resource, all_within, find_input, within
from hybridml_policies.verdict import Verdict, all_of, not_applicable, unknown

INFERENCE_SERVICE: Final = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
_TEMPLATE = ("spec.template.spec",)

POD_PATHS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kubernetes:core/v1:Pod": ("spec",),
        "kubernetes:core/v1:ReplicationController": _TEMPLATE,
        "kubernetes:apps/v1:Deployment": _TEMPLATE,
        "kubernetes:apps/v1:DaemonSet": _TEMPLATE,
        "kubernetes:apps/v1:StatefulSet": _TEMPLATE,
        "kubernetes:apps/v1:ReplicaSet": _TEMPLATE,
        "kubernetes:batch/v1:Job": _TEMPLATE,
        "kubernetes:batch/v1:CronJob": ("spec.jobTemplate.spec.template.spec",),
        INFERENCE_SERVICE: ("spec.predictor", "spec.transformer", "spec.explainer"),
    }
)
"""Where each type keeps its pods."""

POD_TYPES: Final = frozenset(POD_PATHS)
CONTAINER_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")


def pods(resource: Resource) -> tuple[Found, ...]:
    """Every pod that `resource` describes."""
    paths = POD_PATHS.get(str(resource.get("type")), ())
    return tuple(found for path in paths for found in find_input(resource, path) if not found.absent)


def has_unknown_pods(resource: Resource) -> bool:
    """Whether `resource` is of Kubernetes and describes containers in a place that no rule looks at: a patch, a list, a
    former API version, an operator's own type."""
    token = str(resource.get("type"))
    return token.startswith("kubernetes:") and token not in POD_TYPES and _shows_containers(resource.get("inputs"))


def _shows_containers(value: object) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("containers"), list) or any(map(_shows_containers, value.values()))
    return isinstance(value, list) and any(map(_shows_containers, value))


def each_pod(resource: Resource, question: Callable[[Found], Verdict]) -> Verdict:
    """Pass when `question` passes for every pod; a resource without one is not applicable."""
    found = pods(resource)
    return all_of(map(question, found)) if found else not_applicable("it describes no pod")


def each_container(resource: Resource, question: Callable[[Found, Found], Verdict]) -> Verdict:
    """Pass when `question` passes for every pod and container of it, init and ephemeral ones included.

    A pod that shows no container gets it from elsewhere, a serving runtime for one, so nobody knows.
    """
    return each_pod(resource, lambda pod: all_of(_answers(pod, question)))


def each_linux_container(resource: Resource, question: Callable[[Found, Found], Verdict]) -> Verdict:
    """As `each_container`, leaving out pods of Windows, which lack what Linux is asked for.

    Source: Kubernetes, Pod Security Standards, "Restricted".
    """

    def asked(pod: Found) -> Verdict:
        if within(pod, "os.name").value == "windows":
            return not_applicable("the pod is for Windows")
        return all_of(_answers(pod, question))

    return each_pod(resource, asked)


def inherited(pod: Found, container: Found, path: str) -> Found:
    """What holds for a container: its own security context, and where that is silent the pod's."""
    own = within(container, f"securityContext.{path}")
    return own if not own.absent else within(pod, f"securityContext.{path}")


def _answers(pod: Found, question: Callable[[Found, Found], Verdict]) -> Iterator[Verdict]:
    if within(pod, "containers").absent:
        yield unknown(f"{pod.path} shows no containers; whoever makes the pod adds them")
    for name in CONTAINER_LISTS:
        for container in all_within(pod, f"{name}[]"):
            if not container.absent:
                yield unknown(f"{container.path} is not known yet") if container.unknown else question(pod, container)
