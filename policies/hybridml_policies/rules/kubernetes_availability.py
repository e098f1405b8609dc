"""Whether serving survives the loss of a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from hybridml_policies.ask import is_one_of
from hybridml_policies.pods import INFERENCE_SERVICE
from hybridml_policies.rule import Rule, Severity, stack_rule
from hybridml_policies.stack import Stack
from hybridml_policies.values import Found, Missing, Resource, all_within, number, read_input, shown, within
from hybridml_policies.verdict import PASS, Verdict, all_of, any_of, fails, unknown

_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_DEPLOYMENTS = frozenset({_DEPLOYMENT})
_BUDGETS = frozenset({"kubernetes:policy/v1:PodDisruptionBudget"})
_AUTOSCALERS = frozenset({"kubernetes:autoscaling/v2:HorizontalPodAutoscaler"})
_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
_ENOUGH = 2


@dataclass(frozen=True)
class _Serving:
    """What keeps pods alike running, however it is called."""

    resource: Resource
    labels: Found
    """Labels of its pods."""
    pod: Found
    replicas: Found


@stack_rule(
    "K8S-HA-001",
    severity=Severity.MEDIUM,
    types=[_DEPLOYMENT, INFERENCE_SERVICE],
    reads=[
        "Deployment.spec.replicas",
        "Deployment.spec.template.spec.topologySpreadConstraints",
        "PodDisruptionBudget.spec.minAvailable",
        "PodDisruptionBudget.spec.maxUnavailable",
        "PodDisruptionBudget.spec.selector",
        "HorizontalPodAutoscaler.spec.minReplicas",
        "HorizontalPodAutoscaler.spec.scaleTargetRef.name",
        "InferenceService.spec.predictor.minReplicas",
    ],
    fix="Ask for 2 replicas (`scaling.min`), a PodDisruptionBudget that allows an eviction, and a spread over zones.",
    references=[
        "kyverno:require-deployments-have-multiple-replicas",
        "kyverno:require-pdb",
        "kyverno:pdb-minavailable",
        "gatekeeper:poddisruptionbudget",
        "pulumi:kubernetes-apps-v1-deployment-configure-minimum-replica-count",
    ],
    frameworks=["ISO27001:2022 A.8.14", "SOC2 A1.2 [proposed]"],
)
def survives_a_node(workload: Resource, stack: Stack) -> Verdict:
    """Production serving has 2+ replicas, a disruption budget and spreading.

    An autoscaler's minimum counts in the place of the replicas of what it scales.
    """
    serving = _deployment(workload, stack) if workload.get("type") == _DEPLOYMENT else _inference_service(workload)
    return all_of((_is_enough(serving.replicas), _has_budget(serving, stack), _is_spread(serving.pod)))


def _deployment(workload: Resource, stack: Stack) -> _Serving:
    return _Serving(
        resource=workload,
        labels=read_input(workload, "spec.template.metadata.labels"),
        pod=read_input(workload, "spec.template.spec"),
        replicas=_least_replicas(workload, stack),
    )


def _least_replicas(workload: Resource, stack: Stack) -> Found:
    scalers = stack.referrers(workload, _DEPLOYMENTS, _AUTOSCALERS, "spec.scaleTargetRef.name")
    near = [s for s in scalers.certain if _may_be_same(_namespace(s), _namespace(workload))]
    if near:
        return read_input(near[0], "spec.minReplicas")
    return Found("spec.replicas", Missing.HIDDEN) if scalers.possible else read_input(workload, "spec.replicas")


def _inference_service(workload: Resource) -> _Serving:
    """KServe labels the pods of a service with its name. Source: KServe, `constants.InferenceServicePodLabelKey`."""
    name = read_input(workload, "metadata.name")
    label = workload.get("name") if name.absent else name.value
    return _Serving(
        resource=workload,
        labels=Found("metadata.labels", {"serving.kserve.io/inferenceservice": label}),
        pod=read_input(workload, "spec.predictor"),
        replicas=read_input(workload, "spec.predictor.minReplicas"),
    )


def _is_enough(replicas: Found) -> Verdict:
    if replicas.unknown:
        return unknown(f"{replicas.path} is not known yet, at least {_ENOUGH} are needed")
    count = number(replicas.value)
    if count is not None and count >= _ENOUGH:
        return PASS
    state = "is not set, which means 1" if replicas.absent else f"is {shown(replicas.value)}"
    return fails(f"{replicas.path} {state}, at least {_ENOUGH} is needed")


def _has_budget(serving: _Serving, stack: Stack) -> Verdict:
    near = [budget for budget in stack.of(_BUDGETS) if _may_be_same(_namespace(budget), _namespace(serving.resource))]
    verdicts = [all_of((_selects(budget, serving.labels), _allows_an_eviction(budget, serving))) for budget in near]
    return any_of((*verdicts, fails("no PodDisruptionBudget that allows an eviction selects its pods")))


def _namespace(resource: Resource) -> Found:
    return read_input(resource, "metadata.namespace")


def _may_be_same(one: Found, other: Found) -> bool:
    return one.value == other.value or one.unknown or other.unknown


def _selects(budget: Resource, labels: Found) -> Verdict:
    selector = read_input(budget, "spec.selector")
    if selector.value is Missing.ABSENT:
        return fails("spec.selector of the budget is not set")
    if selector.unknown or labels.unknown or not within(selector, "matchExpressions").absent:
        return unknown("which pods the PodDisruptionBudget selects is not known yet")
    wanted = within(selector, "matchLabels").value
    pairs = wanted.items() if isinstance(wanted, dict) else ()
    return all_of((PASS, *(_is_label(labels, str(key), value) for key, value in pairs)))


def _is_label(labels: Found, key: str, value: object) -> Verdict:
    own = labels.value.get(key) if isinstance(labels.value, dict) else None
    if own == value:
        return PASS
    if Found(key, own).unknown or Found(key, value).unknown:
        return unknown(f"the label {key} is not known yet")
    return fails("the PodDisruptionBudget selects other pods")


def _allows_an_eviction(budget: Resource, serving: _Serving) -> Verdict:
    most, least = read_input(budget, "spec.maxUnavailable"), read_input(budget, "spec.minAvailable")
    replicas = number(serving.replicas.value) or _ENOUGH
    limits: list[tuple[Found, Callable[[float], bool]]] = [
        (most, lambda count: count > 0),
        (least, lambda count: count < replicas),
    ]
    for found, leaves_room in limits:
        if found.unknown:
            return unknown(f"{found.path} of the budget is not known yet")
        if not found.absent:
            count = _pods(found.value, replicas)
            return (
                PASS
                if count is not None and leaves_room(count)
                else fails(f"{found.path} of the budget is {shown(found.value)} and allows no eviction")
            )
    return fails("the PodDisruptionBudget sets neither minAvailable nor maxUnavailable")


def _pods(value: object, replicas: float) -> float | None:
    """A number of pods, or a share of `replicas`, rounded up. Source: Kubernetes, "Rounding logic" of budgets."""
    if not isinstance(value, str) or not value.endswith("%"):
        return number(value)
    share = number(value.removesuffix("%"))
    return None if share is None else ceil(share * replicas / 100)


def _is_spread(pod: Found) -> Verdict:
    apart = within(pod, "affinity.podAntiAffinity")
    keys = all_within(pod, "topologySpreadConstraints[].topologyKey")
    answers = [is_one_of(key, _SPREAD_OVER) for key in keys if not key.absent]
    if not apart.absent:
        answers.append(unknown(f"{apart.path} is not known yet") if apart.unknown else PASS)
    return any_of((*answers, fails(f"{pod.path} has no topologySpreadConstraints over zones or hosts")))


RULES: tuple[Rule, ...] = (survives_a_node,)
