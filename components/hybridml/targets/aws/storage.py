"""Buckets on AWS: where artifacts and captured requests lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

ABORT_UPLOADS_AFTER_DAYS = 7
"""Parts of an upload that nobody finished go after a week (FSBP S3.13)."""
KEEP_OLD_VERSIONS_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """What an artifact store is asked for."""

    key_arn: pulumi.Input[str]
    """ARN of the KMS key that encrypts every object."""
    keep: bool
    """Protect the store and leave it behind when the stack goes; false deletes its objects with it."""
    tags: Mapping[str, str]
    """Environment, stack, cost centre; owner, data class and model when one endpoint owns the store."""
    expire_after_days: int | None = None
    """Delete objects after this many days; None keeps them."""
    lock_days: int = 0
    """Days that no version of an object can be deleted, not even by an administrator; 0 locks none."""


class ArtifactStore(pulumi.ComponentResource):
    """A versioned, encrypted bucket that only TLS and only this account's IAM reach.

    Sources: AWS Foundational Security Best Practices S3.5, S3.8, S3.12, S3.13, S3.14 and S3.17.
    """

    bucket: pulumi.Output[str]
    """Name of the bucket."""
    arn: pulumi.Output[str]
    """ARN of the bucket."""
    uri: pulumi.Output[str]
    """`s3://` address under which versions are written; ends with a slash."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:ArtifactStore", name, {}, opts)
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.keep, retain_on_delete=args.keep)
        bucket = s3.Bucket(
            name, force_destroy=not args.keep, object_lock_enabled=bool(args.lock_days), tags=args.tags, opts=self._kept
        )
        self._own(name, bucket)
        self._keep_versions(name, bucket)
        self._encrypt(name, bucket, args.key_arn)
        self._close(name, bucket)
        self._tidy(name, bucket, args.expire_after_days)
        self._lock(name, bucket, args.lock_days)
        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.uri = pulumi.Output.concat("s3://", bucket.bucket, "/")
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "uri": self.uri})

    def _own(self, name: str, bucket: s3.Bucket) -> None:
        s3.BucketOwnershipControls(
            f"{name}-owner",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._kept,
        )

    def _keep_versions(self, name: str, bucket: s3.Bucket) -> None:
        s3.BucketVersioning(
            f"{name}-versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=self._kept
        )

    def _encrypt(self, name: str, bucket: s3.Bucket, key_arn: pulumi.Input[str]) -> None:
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._kept,
        )

    def _close(self, name: str, bucket: s3.Bucket) -> None:
        s3.BucketPublicAccessBlock(
            f"{name}-closed",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._kept,
        )
        s3.BucketPolicy(
            f"{name}-tls",
            bucket=bucket.id,
            policy=bucket.arn.apply(lambda arn: json.dumps(tls_only(arn))),
            opts=self._kept,
        )

    def _tidy(self, name: str, bucket: s3.Bucket, expire_after_days: int | None) -> None:
        days = expire_after_days
        expiration = s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days) if days else None
        rule = s3.BucketLifecycleConfigurationRuleArgs(
            id="tidy",
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=ABORT_UPLOADS_AFTER_DAYS
            ),
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=expire_after_days or KEEP_OLD_VERSIONS_DAYS
            ),
            expiration=expiration,
        )
        s3.BucketLifecycleConfiguration(f"{name}-tidy", bucket=bucket.id, rules=[rule], opts=self._kept)

    def _lock(self, name: str, bucket: s3.Bucket, days: int) -> None:
        if days:
            s3.BucketObjectLockConfiguration(
                f"{name}-lock",
                bucket=bucket.id,
                rule={"default_retention": {"mode": "COMPLIANCE", "days": days}},
                opts=self._kept,
            )


def tls_only(bucket_arn: str) -> dict[str, object]:
    """The policy document that denies every request without TLS to `bucket_arn` and its objects."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyWithoutTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket_arn, f"{bucket_arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
