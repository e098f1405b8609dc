"""Where captured requests go: a table whose rows are encrypted and expire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_gcp import bigquery

MILLISECONDS_PER_DAY = 86_400_000
TABLE = "requests"
COLUMNS = (
    ("endpoint", "STRING", "NULLABLE"),
    ("deployed_model_id", "STRING", "NULLABLE"),
    ("logging_time", "TIMESTAMP", "NULLABLE"),
    ("request_id", "NUMERIC", "NULLABLE"),
    ("request_payload", "STRING", "REPEATED"),
    ("response_payload", "STRING", "REPEATED"),
)
"""Columns that Vertex AI writes. Source: Vertex AI, "Online inference logging", request-response logging."""


@dataclass(frozen=True, kw_only=True)
class CaptureTableArgs:
    """What a capture table is asked for."""

    project: str
    """Project that owns it."""
    location: str
    """Region, the same as the key's."""
    dataset: str
    """Id of the data set: letters, digits, underscores."""
    key: pulumi.Input[str]
    """Full name of the Cloud KMS key that encrypts it."""
    granted: list[pulumi.Resource]
    """What lets BigQuery use the key."""
    retention_days: int
    """Days until a row is deleted."""
    keep: bool
    """Protect the table and leave it behind when the stack goes."""
    labels: Mapping[str, str]
    """Owner, environment, cost centre, data class, model."""


class CaptureTable(pulumi.ComponentResource):
    """A data set of one table, partitioned by day; a partition goes when its time is over."""

    uri: pulumi.Output[str]
    """`bq://<project>.<dataset>.<table>`."""

    def __init__(self, name: str, args: CaptureTableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:CaptureTable", name, {}, opts)
        kept = pulumi.ResourceOptions(
            parent=self, depends_on=args.granted, protect=args.keep, retain_on_delete=args.keep
        )
        dataset = bigquery.Dataset(
            f"{name}-dataset",
            dataset_id=args.dataset,
            location=args.location,
            default_encryption_configuration=bigquery.DatasetDefaultEncryptionConfigurationArgs(kms_key_name=args.key),
            delete_contents_on_destroy=not args.keep,
            labels=args.labels,
            opts=kept,
        )
        table = bigquery.Table(
            f"{name}-table",
            dataset_id=dataset.dataset_id,
            table_id=TABLE,
            schema=json.dumps([{"name": column, "type": kind, "mode": mode} for column, kind, mode in COLUMNS]),
            time_partitioning=bigquery.TableTimePartitioningArgs(
                type="DAY", field="logging_time", expiration_ms=args.retention_days * MILLISECONDS_PER_DAY
            ),
            encryption_configuration=bigquery.TableEncryptionConfigurationArgs(kms_key_name=args.key),
            deletion_protection=args.keep,
            labels=args.labels,
            opts=kept,
        )
        self.uri = pulumi.Output.concat("bq://", args.project, ".", dataset.dataset_id, ".", table.table_id)
        self.register_outputs({"uri": self.uri})
