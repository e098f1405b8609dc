"""Service levels of an endpoint as alert policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_gcp import monitoring

if TYPE_CHECKING:
    from hybridml.spec.monitors import Slo

WINDOW = "5m"
"""Over how long a level is computed."""
LASTS = "900s"
"""How long a level is broken before it is an incident."""
EVERY = "60s"
"""How often a level is computed; Vertex AI samples its metrics every 60 s."""
_METRIC = "aiplatform_googleapis_com:prediction_online_"


@dataclass(frozen=True)
class Level:
    """One service level."""

    name: str
    """What is watched."""
    query: str
    """PromQL that answers something exactly while the level is broken."""


def levels(slo: Slo, endpoint: str) -> Iterator[Level]:
    """The levels of endpoint number `endpoint`.

    Source: Google Cloud metrics, "aiplatform"; Cloud Monitoring, "PromQL for Cloud Monitoring".
    """
    chosen = f'{{monitored_resource="aiplatform.googleapis.com/Endpoint",endpoint_id="{endpoint}"}}'
    errors = f"sum(rate({_METRIC}error_count{chosen}[{WINDOW}]))"
    share = f"{errors} / sum(rate({_METRIC}prediction_count{chosen}[{WINDOW}]))"
    slow = f"sum by (le) (rate({_METRIC}prediction_latencies_bucket{chosen}[{WINDOW}]))"
    if slo.error_rate is not None:
        yield Level("errors", f"{share} > {slo.error_rate:g}")
    if slo.p99_ms is not None:
        yield Level("latency", f"histogram_quantile(0.99, {slow}) > {slo.p99_ms}")
    if slo.availability is not None:
        yield Level("availability", f"100 * (1 - {share}) < {slo.availability:g}")


def create(
    name: str, level: Level, channels: Sequence[str], labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> None:
    """The alert policy of one level."""
    condition = monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgs(
        query=level.query, duration=LASTS, evaluation_interval=EVERY
    )
    monitoring.AlertPolicy(
        f"{name}-{level.name}",
        display_name=f"{name}: {level.name}",
        combiner="OR",
        conditions=[
            monitoring.AlertPolicyConditionArgs(display_name=level.name, condition_prometheus_query_language=condition)
        ],
        notification_channels=list(channels),
        user_labels=labels,
        opts=opts,
    )
