"""What is kept of the requests, and what looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from hybridml.spec.part import Finding, Part, refuse
from hybridml.spec.scalars import ArtifactUri, Number, Positive, Ratio, Sample, Text
from hybridml.spec.vocabulary import BiasMetric, QualityMetric, Schedule


class Capture(Part):
    """Requests and answers that are kept, encrypted, for monitors and audits."""

    sample: Sample = Field(description="Percent of the requests, more than 0, at most 100.")
    retention_days: Positive = Field(90, le=3650, description="Days until a record is deleted, 1 to 3,650.")
    drop: tuple[Text, ...] = Field((), description="Features that are not kept.")
    hash: tuple[Text, ...] = Field((), description="Features of which only a keyed hash is kept.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(_capture_findings(self))
        return self


def _capture_findings(capture: Capture) -> Iterator[Finding]:
    for field in ("drop", "hash"):
        features = getattr(capture, field)
        for index, feature in enumerate(features):
            if feature in features[:index]:
                yield Finding(path=(field, index), message=f"{feature!r} is named twice", fix="name it once")
            if field == "hash" and feature in capture.drop:
                yield Finding(
                    path=(field, index), message=f"{feature!r} is dropped, so there is nothing to hash", fix="keep one"
                )


class DriftMonitor(Part):
    """Compares what arrives with what the model was trained on."""

    schedule: Schedule = Field(Schedule.DAILY, description="How often.")
    threshold: Number = Field(
        0.2,
        gt=0,
        le=10,
        description="Population stability index of a feature from which it counts as drifted, above 0 to 10.",
    )
    baseline: ArtifactUri = Field(description="Statistics or sample of the training data.")


class DataQualityMonitor(Part):
    """Checks types, ranges and completeness of what arrives."""

    schedule: Schedule = Field(Schedule.DAILY, description="How often.")
    threshold: Ratio = Field(0.05, description="Share of records that may break a constraint, 0 to 1.")
    baseline: ArtifactUri = Field(description="Statistics and constraints of the training data.")


class ModelQualityMonitor(Part):
    """Compares predictions with what turned out to be true."""

    schedule: Schedule = Field(Schedule.DAILY, description="How often.")
    ground_truth: ArtifactUri = Field(description="Where the true labels arrive.")
    metric: QualityMetric = Field(description="What is computed.")
    threshold: Number = Field(ge=0, description="Value of the metric that raises the alarm, in the metric's own unit.")


class BiasMonitor(Part):
    """Compares the answers that two groups of the population get."""

    schedule: Schedule = Field(Schedule.DAILY, description="How often.")
    baseline: ArtifactUri = Field(description="Training data, or its bias report.")
    facet: Text = Field(description="Feature that tells the groups apart.")
    metric: BiasMetric = Field(BiasMetric.DISPARATE_IMPACT, description="How the groups are compared.")
    threshold: Ratio = Field(
        0.8, description="Least disparate impact, or greatest difference, that raises no alarm, 0 to 1."
    )


class ExplainabilityMonitor(Part):
    """Compares which features matter now with which mattered in training."""

    schedule: Schedule = Field(Schedule.WEEKLY, description="How often.")
    baseline: ArtifactUri = Field(description="Background sample or attributions of the training data.")
    threshold: Ratio = Field(
        0.9, description="Least agreement of the feature ranking (NDCG) that raises no alarm, 0 to 1."
    )


class Monitors(Part):
    """What looks at captured requests. Each is on when it is written."""

    drift: DriftMonitor | None = Field(None, description="Drift of the inputs.")
    data_quality: DataQualityMonitor | None = Field(None, description="Quality of the inputs.")
    model_quality: ModelQualityMonitor | None = Field(None, description="Quality of the predictions.")
    bias: BiasMonitor | None = Field(None, description="Difference between groups.")
    explainability: ExplainabilityMonitor | None = Field(None, description="Drift of feature attributions.")

    @property
    def enabled(self) -> Mapping[str, Part]:
        """The monitors that are on, by name."""
        every = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: monitor for name, monitor in every.items() if monitor is not None}


class Slo(Part):
    """Service levels; each one written becomes an alarm."""

    availability: Number | None = Field(
        None, ge=90, lt=100, description="Percent of the time that the endpoint answers, 90 to below 100."
    )
    p99_ms: Positive | None = Field(None, le=3_600_000, description="99th percentile of the latency, in milliseconds.")
    error_rate: Ratio | None = Field(None, description="Share of failed requests, 0 to 1.")
