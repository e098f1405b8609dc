"""Buckets on Google Cloud: where artifacts lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_gcp import storage

if TYPE_CHECKING:
    from hybridml.spec.version import Artifact

ABORT_UPLOADS_AFTER_DAYS = 7
"""Parts of an upload that nobody finished go after a week."""
KEEP_OLD_VERSIONS_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""
SOFT_DELETE_SECONDS = 7 * 86_400
"""How long a deleted object, whatever its version, is kept by the service itself."""


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """What an artifact store is asked for."""

    location: str
    """Region, the same as the key's."""
    key: pulumi.Input[str]
    """Full name of the Cloud KMS key that encrypts every object."""
    granted: list[pulumi.Resource]
    """What lets Cloud Storage use the key."""
    keep: bool
    """Protect the store and leave it behind when the stack goes; false deletes its objects with it."""
    labels: Mapping[str, str]
    """Environment, stack, cost centre."""


class ArtifactStore(pulumi.ComponentResource):
    """A versioned, encrypted bucket that no public grant can open.

    Sources: CIS Google Cloud Foundations 5.1 and 5.2; Cloud Storage, "Public access prevention".
    """

    bucket: pulumi.Output[str]
    """Name of the bucket."""
    uri: pulumi.Output[str]
    """`gs://` address under which versions are written; ends with a slash."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:ArtifactStore", name, {}, opts)
        bucket = storage.Bucket(
            name,
            location=args.location,
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            encryption=storage.BucketEncryptionArgs(default_kms_key_name=args.key),
            versioning=storage.BucketVersioningArgs(enabled=True),
            soft_delete_policy=storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=SOFT_DELETE_SECONDS),
            lifecycle_rules=_tidy(),
            force_destroy=not args.keep,
            labels=args.labels,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=args.granted, protect=args.keep, retain_on_delete=args.keep
            ),
        )
        self.bucket = bucket.name
        self.uri = pulumi.Output.concat("gs://", bucket.name, "/")
        self.register_outputs({"bucket": self.bucket, "uri": self.uri})


def _tidy() -> list[storage.BucketLifecycleRuleArgs]:
    return [
        storage.BucketLifecycleRuleArgs(
            action=storage.BucketLifecycleRuleActionArgs(type="AbortIncompleteMultipartUpload"),
            condition=storage.BucketLifecycleRuleConditionArgs(age=ABORT_UPLOADS_AFTER_DAYS),
        ),
        storage.BucketLifecycleRuleArgs(
            action=storage.BucketLifecycleRuleActionArgs(type="Delete"),
            condition=storage.BucketLifecycleRuleConditionArgs(
                days_since_noncurrent_time=KEEP_OLD_VERSIONS_DAYS, with_state="ARCHIVED"
            ),
        ),
    ]


def location(artifact: Artifact, bucket: str, endpoint: str, version: str) -> str:
    """The `gs://` folder that a version is served from.

    An artifact that lies in Cloud Storage is served from there. Any other is served from the target's own store, under
    the name of endpoint, version and digest; whoever releases it copies it there.
    """
    if artifact.uri.startswith("gs://"):
        return artifact.uri if artifact.uri.endswith("/") else f"{artifact.uri}/"
    digest = f"{artifact.sha256}/" if artifact.sha256 else ""
    return f"gs://{bucket}/{endpoint}/{version}/{digest}"
