"""`SageMakerDeployment`: an endpoint whose update is seen through to its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from hybridml.provider.resource import PlannedOnly
from hybridml.provider.shape import Failure, wanted

_NAME: Final = r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}"
_NAME_LIKE: Final = "1 to 63 letters, digits and inner hyphens"
_STEPS: Final = {"canary": (1, 50), "linear": (10, 50), "rolling": (5, 50)}
_MOST_ALARMS, _LONGEST_WAIT, _TAGS = 10, 3600, 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentPolicy:
    """How traffic moves. Source: SageMaker API, `DeploymentConfig`, `TrafficRoutingConfig`, `RollingUpdatePolicy`."""

    strategy: str = wanted(choices=("all-at-once", "canary", "linear", "rolling"))
    step_percent: int | None = wanted(None, minimum=1, maximum=50)
    step_interval: int | None = wanted(None, minimum=0, maximum=_LONGEST_WAIT)
    termination_wait: int | None = wanted(None, minimum=0, maximum=_LONGEST_WAIT)
    timeout: int | None = wanted(None, minimum=600, maximum=28800)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SageMakerDeploymentInputs:
    """What is asked for."""

    endpoint_name: str = wanted(pattern=_NAME, like=_NAME_LIKE)
    endpoint_config_name: str = wanted(pattern=_NAME, like=_NAME_LIKE)
    region: str | None = wanted(None, pattern=r"[a-z]{2}(-[a-z]+)+-\d", like="a region: eu-central-1")
    deployment: DeploymentPolicy | None = wanted(None)  # noqa: RUF009 - `wanted` makes a dataclass field
    rollback_alarms: tuple[str, ...] = wanted((), maximum=_MOST_ALARMS)
    retain_variant_properties: bool = wanted(True)
    tags: Mapping[str, str] = wanted({}, maximum=_TAGS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SageMakerDeploymentState(SageMakerDeploymentInputs):
    """What is there."""

    endpoint_arn: str


def _steps_need_a_size(inputs: SageMakerDeploymentInputs) -> Iterator[Failure]:
    policy = inputs.deployment
    if policy is None:
        return
    limits = _STEPS.get(policy.strategy)
    if limits is None and policy.step_percent is not None:
        yield Failure(path="deployment.stepPercent", reason="has no meaning for all-at-once; leave it out")
    if limits is not None and policy.step_percent is None:
        yield Failure(path="deployment.stepPercent", reason=f"required for {policy.strategy}")
    if limits is not None and policy.step_percent is not None and not limits[0] <= policy.step_percent <= limits[1]:
        reason = f"must be {limits[0]} to {limits[1]} for {policy.strategy}, not {policy.step_percent}"
        yield Failure(path="deployment.stepPercent", reason=reason)


def _rolling_has_no_old_fleet(inputs: SageMakerDeploymentInputs) -> Iterator[Failure]:
    policy = inputs.deployment
    if policy is not None and policy.strategy == "rolling" and policy.termination_wait is not None:
        yield Failure(path="deployment.terminationWait", reason="has no meaning for rolling; leave it out")


def _steps_need_alarms(inputs: SageMakerDeploymentInputs) -> Iterator[Failure]:
    policy = inputs.deployment
    if policy is not None and policy.strategy in _STEPS and not inputs.rollback_alarms:
        reason = f"{policy.strategy} without an alarm never rolls back; name one to ten CloudWatch alarms"
        yield Failure(path="rollbackAlarms", reason=reason)


def _alarms_have_names(inputs: SageMakerDeploymentInputs) -> Iterator[Failure]:
    for index, alarm in enumerate(inputs.rollback_alarms):
        if not 1 <= len(alarm) <= 255:  # noqa: PLR2004 - the limit of `Alarm.AlarmName`
            yield Failure(path=f"rollbackAlarms[{index}]", reason="must have 1 to 255 characters")


class SageMakerDeployment(PlannedOnly[SageMakerDeploymentInputs, SageMakerDeploymentState]):
    """An endpoint whose update ends in what was asked for, or fails by name; autoscaled counts survive it."""

    inputs = SageMakerDeploymentInputs
    state = SageMakerDeploymentState
    replaces_on = frozenset({"endpoint_name", "region"})
    stable = frozenset({"endpoint_arn"})
    rules = (_steps_need_a_size, _rolling_has_no_old_fleet, _steps_need_alarms, _alarms_have_names)
    way_out = (
        "Until it can, plan and check the stack as it is, and serve it from a stack on another target; or create the "
        "endpoint with aws.sagemaker.Endpoint, which reports a rolled-back update as success."
    )

    def identity(self, state: SageMakerDeploymentState) -> str:
        """The endpoint's name."""
        return state.endpoint_name
