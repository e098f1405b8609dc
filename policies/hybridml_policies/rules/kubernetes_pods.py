"""What a pod may do on its node: the restricted level of the Pod Security Standards."""

from __future__ import annotations

from hybridml_policies.ask import is_one_of
from hybridml_policies.pods import POD_TYPES, each_container, each_linux_container, inherited
from hybridml_policies.rule import Rule, Severity, rule
from hybridml_policies.values import Found, Resource, number, texts, within
from hybridml_policies.verdict import PASS, Verdict, all_of, fails, unknown

_EVERY_CONTAINER = ("containers[]", "initContainers[]", "ephemeralContainers[]")
_ADDED = ("NET_BIND_SERVICE",)
_SECCOMP = ("RuntimeDefault", "Localhost")


def _of_containers(path: str) -> list[str]:
    return [f"{{pod}}.{containers}.securityContext.{path}" for containers in _EVERY_CONTAINER]


@rule(
    "K8S-POD-005",
    severity=Severity.HIGH,
    types=POD_TYPES,
    reads=[*_of_containers("capabilities.drop"), *_of_containers("capabilities.add")],
    fix="Drop ALL capabilities in every container and add none but NET_BIND_SERVICE.",
    references=[
        "CKV_K8S_25",
        "CKV_K8S_28",
        "CKV_K8S_37",
        "CKV_K8S_39",
        "KSV-0003",
        "KSV-0022",
        "KSV-0106",
        "kyverno:disallow-capabilities-strict",
        "gatekeeper:capabilities",
        "psa:capabilities_restricted",
    ],
    frameworks=["PSS baseline+restricted", "CIS-K8s 1.12 5.2.8,5.2.9"],
)
def capabilities(workload: Resource) -> Verdict:
    """Capabilities: drop ALL, add only NET_BIND_SERVICE."""
    return each_linux_container(
        workload, lambda _pod, container: all_of((_drops_all(container), _adds_little(container)))
    )


def _drops_all(container: Found) -> Verdict:
    dropped = within(container, "securityContext.capabilities.drop")
    if "ALL" in texts(dropped.value):
        return PASS
    if dropped.unknown or any(Found("", text).unknown for text in texts(dropped.value)):
        return unknown(f"{dropped.path} is not known yet")
    return fails(f"{dropped.path} does not hold ALL")


def _adds_little(container: Found) -> Verdict:
    added = within(container, "securityContext.capabilities.add")
    if added.absent:
        return PASS
    if added.unknown:
        return unknown(f"{added.path} is not known yet")
    if not isinstance(added.value, list | tuple):
        return fails(f"{added.path} is not a list")
    return all_of(is_one_of(Found(f"{added.path}[{i}]", value), _ADDED) for i, value in enumerate(added.value))


@rule(
    "K8S-POD-006",
    severity=Severity.HIGH,
    types=POD_TYPES,
    reads=_of_containers("allowPrivilegeEscalation"),
    fix="Set securityContext.allowPrivilegeEscalation to false in every container.",
    references=[
        "CKV_K8S_20",
        "KSV-0001",
        "kyverno:disallow-privilege-escalation",
        "gatekeeper:allow-privilege-escalation",
        "psa:allowPrivilegeEscalation",
    ],
    frameworks=["PSS restricted", "CIS-K8s 1.12 5.2.6", "ISO27001:2022 A.5.15"],
)
def privilege_escalation(workload: Resource) -> Verdict:
    """No privilege escalation."""
    return each_linux_container(
        workload,
        lambda _pod, container: is_one_of(within(container, "securityContext.allowPrivilegeEscalation"), (False,)),
    )


@rule(
    "K8S-POD-007",
    severity=Severity.HIGH,
    types=POD_TYPES,
    reads=[
        "{pod}.securityContext.runAsNonRoot",
        "{pod}.securityContext.runAsUser",
        *_of_containers("runAsNonRoot"),
        *_of_containers("runAsUser"),
    ],
    fix="Set securityContext.runAsNonRoot to true on the pod, and no runAsUser of 0 anywhere.",
    references=[
        "CKV_K8S_23",
        "CKV_K8S_40",
        "KSV-0012",
        "KSV-0105",
        "kyverno:require-run-as-nonroot",
        "kyverno:require-run-as-non-root-user",
        "gatekeeper:users",
        "psa:runAsNonRoot",
        "psa:runAsUser",
    ],
    frameworks=["PSS restricted", "CIS-K8s 1.12 5.2.7", "ISO27001:2022 A.8.2"],
)
def non_root(workload: Resource) -> Verdict:
    """Runs as non-root.

    A container that says nothing inherits from its pod; one that says otherwise overrides it.
    """
    return each_container(workload, _is_not_root)


def _is_not_root(pod: Found, container: Found) -> Verdict:
    return all_of(
        (
            is_one_of(inherited(pod, container, "runAsNonRoot"), (True,)),
            _is_user(within(pod, "securityContext.runAsUser")),
            _is_user(within(container, "securityContext.runAsUser")),
        )
    )


def _is_user(user: Found) -> Verdict:
    if user.absent:
        return PASS
    if user.unknown:
        return unknown(f"{user.path} is not known yet")
    uid = number(user.value)
    return PASS if uid is not None and uid > 0 else fails(f"{user.path} is root's")


@rule(
    "K8S-POD-008",
    severity=Severity.MEDIUM,
    types=POD_TYPES,
    reads=["{pod}.securityContext.seccompProfile.type", *_of_containers("seccompProfile.type")],
    fix="Set securityContext.seccompProfile.type to RuntimeDefault on the pod.",
    references=[
        "CKV_K8S_31",
        "KSV-0030",
        "KSV-0104",
        "kyverno:restrict-seccomp-strict",
        "gatekeeper:seccompv2",
        "psa:seccompProfile_restricted",
    ],
    frameworks=["PSS restricted", "CIS-K8s 1.12 5.6.2"],
)
def seccomp(workload: Resource) -> Verdict:
    """Seccomp is RuntimeDefault or Localhost.

    A container that says nothing inherits from its pod; one that says otherwise overrides it.
    """
    return each_linux_container(
        workload, lambda pod, container: is_one_of(inherited(pod, container, "seccompProfile.type"), _SECCOMP)
    )


RULES: tuple[Rule, ...] = (capabilities, privilege_escalation, non_root, seccomp)
