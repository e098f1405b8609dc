"""Alarms on an endpoint: the gates that roll an update back, and the service levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from hybridml.spec import EndpointSpec

NAMESPACE = "AWS/SageMaker"
MINUTE = 60
"""SageMaker counts per minute; a shorter period sees nothing."""
LEVEL_PERIOD = 300
"""Seconds over which a service level is computed."""
LEVEL_PERIODS = 3
"""Periods in a row that break a service level."""
MICROSECONDS = 1000
"""`ModelLatency` is in microseconds."""

Comparison = Literal["GreaterThanThreshold", "LessThanThreshold"]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When one variant raises one alarm."""

    name: str
    """What is watched, within the endpoint: `champion-gate-errors`."""
    variant: str
    """Name of the variant."""
    expression: str
    """Metric math over `invocations`, `errors` and `latency`."""
    comparison: Comparison
    """How the expression and the threshold compare when the alarm rings."""
    threshold: float
    """In the unit of the expression."""
    period: int
    """Seconds."""
    periods: int
    """Periods in a row."""


def gates(spec: EndpointSpec) -> Iterator[Alarm]:
    """The alarms that end a rollout: they ring only once enough requests were answered. All at once has none."""
    if spec.rollout.strategy == "all-at-once":
        return
    least, period = spec.rollout.min_requests, _whole_minutes(spec.rollout.interval.seconds)
    abort = spec.rollout.abort_on
    for variant in spec.traffic.variants:
        if abort.error_rate is not None:
            share = f"IF(invocations >= {max(least, 1)}, errors / invocations, 0)"
            yield _above(f"{variant}-gate-errors", variant, share, abort.error_rate, period)
        if abort.p99_ms is not None:
            slow = f"IF(invocations >= {max(least, 1)}, latency, 0)"
            yield _above(f"{variant}-gate-latency", variant, slow, abort.p99_ms * MICROSECONDS, period)


def levels(spec: EndpointSpec) -> Iterator[Alarm]:
    """One alarm per service level and variant."""
    share = "IF(invocations > 0, errors / invocations, 0)"
    for variant in spec.traffic.variants:
        if spec.slo.error_rate is not None:
            yield _above(
                f"{variant}-level-errors", variant, share, spec.slo.error_rate, LEVEL_PERIOD, periods=LEVEL_PERIODS
            )
        if spec.slo.p99_ms is not None:
            slow = spec.slo.p99_ms * MICROSECONDS
            yield _above(f"{variant}-level-latency", variant, "latency", slow, LEVEL_PERIOD, periods=LEVEL_PERIODS)
        if spec.slo.availability is not None:
            yield Alarm(
                name=f"{variant}-level-availability",
                variant=variant,
                expression=f"100 * (1 - {share})",
                comparison="LessThanThreshold",
                threshold=spec.slo.availability,
                period=LEVEL_PERIOD,
                periods=LEVEL_PERIODS,
            )


def _above(name: str, variant: str, expression: str, threshold: float, period: int, *, periods: int = 1) -> Alarm:
    return Alarm(
        name=name,
        variant=variant,
        expression=expression,
        comparison="GreaterThanThreshold",
        threshold=threshold,
        period=period,
        periods=periods,
    )


def _whole_minutes(seconds: int) -> int:
    return -(-seconds // MINUTE) * MINUTE


def create(
    name: str,
    alarm: Alarm,
    *,
    endpoint: str,
    topics: Sequence[str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """The CloudWatch alarm; missing data is no breach, since an idle endpoint breaks no promise."""
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{alarm.name}",
        name=f"{endpoint}-{alarm.name}",
        alarm_description=f"{alarm.expression} of {alarm.variant} of {endpoint}, against {alarm.threshold:g}",
        comparison_operator=alarm.comparison,
        threshold=alarm.threshold,
        evaluation_periods=alarm.periods,
        treat_missing_data="notBreaching",
        metric_queries=_queries(alarm, endpoint),
        alarm_actions=list(topics),
        ok_actions=list(topics),
        tags=tags,
        opts=opts,
    )


_METRICS = {
    "invocations": ("Invocations", "Sum"),
    "errors": ("Invocation5XXErrors", "Sum"),
    "latency": ("ModelLatency", "p99"),
}
"""Word in an expression to metric and statistic. Source: SageMaker developer guide, "Endpoint invocation metrics"."""


def _queries(alarm: Alarm, endpoint: str) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    used = {word: metric for word, metric in _METRICS.items() if word in alarm.expression}
    result = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="watched", expression=alarm.expression, label=alarm.name, return_data=True
    )
    dimensions = {"EndpointName": endpoint, "VariantName": alarm.variant}
    inputs = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=word,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=NAMESPACE,
                metric_name=metric,
                stat=statistic,
                period=alarm.period,
                dimensions=dimensions,
            ),
        )
        for word, (metric, statistic) in used.items()
    ]
    return [result, *inputs]
