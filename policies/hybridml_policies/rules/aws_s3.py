"""Buckets on AWS. Both token families count: `aws:s3/bucket:Bucket` and the deprecated `bucketV2` ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hybridml_policies.ask import equals, is_one_of
from hybridml_policies.aws_keys import is_customer_key
from hybridml_policies.policy_document import Statement, statements
from hybridml_policies.rule import Rule, Severity, stack_rule
from hybridml_policies.stack import Stack
from hybridml_policies.values import (
    SECRET,
    UNKNOWN,
    Found,
    Resource,
    find_input,
    is_unknown,
    read_input,
    text_of,
    within,
)
from hybridml_policies.verdict import PASS, Kind, Verdict, all_of, any_of, fails, not_applicable, unknown

BUCKETS = frozenset({"aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"})
ENCRYPTION = frozenset(
    {
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
    }
)
VERSIONING = frozenset({"aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2"})
ACCESS_BLOCK = frozenset({"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"})
POLICY = frozenset({"aws:s3/bucketPolicy:BucketPolicy"})
_CLOSED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_KMS = ("aws:kms", "aws:kms:dsse")
_WITHOUT_TLS = tuple({operator: {"aws:securetransport": ("false",)}} for operator in ("bool", "boolifexists"))
_UNVERSIONED_ROLES = ("logs", "scratch")


@stack_rule(
    "AWS-S3-001",
    severity=Severity.HIGH,
    types=BUCKETS,
    reads=[
        "BucketServerSideEncryptionConfiguration.rules[].applyServerSideEncryptionByDefault.sseAlgorithm",
        "BucketServerSideEncryptionConfiguration.rules[].applyServerSideEncryptionByDefault.kmsMasterKeyId",
        "BucketServerSideEncryptionConfigurationV2.rules[].applyServerSideEncryptionByDefault.sseAlgorithm",
        "BucketServerSideEncryptionConfigurationV2.rules[].applyServerSideEncryptionByDefault.kmsMasterKeyId",
        "Bucket.serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault.sseAlgorithm",
        "Bucket.serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault.kmsMasterKeyId",
        "BucketV2.serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[].sseAlgorithm",
        "BucketV2.serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[].kmsMasterKeyId",
    ],
    fix="Add a BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms and the kmsMasterKeyId of your key.",
    references=[
        "CKV_AWS_145",
        "CKV_AWS_19",
        "AWS-0088",
        "guard:S3_DEFAULT_ENCRYPTION_KMS",
        "pulumi:aws-s3-bucket-configure-server-side-encryption-kms",
    ],
    frameworks=[
        "ISO27001:2022 A.8.24",
        "HIPAA 164.312(a)(2)(iv)",
        "PCI-DSS 4.0 3.5.1",
        "NIST800-53r5 SC-28(1),SC-13",
        "GDPR Art.32",
        "SOC2 PI1.4",
        "FSBP S3.17",
    ],
)
def default_encryption(bucket: Resource, stack: Stack) -> Verdict:
    """Bucket default encryption is SSE-KMS with a customer key."""
    inline = [
        *find_input(bucket, "serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault"),
        *find_input(bucket, "serverSideEncryptionConfigurations[].rules[].applyServerSideEncryptionByDefaults[]"),
    ]
    written = [_uses_customer_key(found) for found in inline if not found.absent]
    what = "a server-side encryption configuration"
    return _configured(bucket, stack, ENCRYPTION, _encrypts_by_default, what, written=written)


def _encrypts_by_default(configuration: Resource) -> Verdict:
    rules = find_input(configuration, "rules[].applyServerSideEncryptionByDefault")
    return all_of(map(_uses_customer_key, rules)) if rules else fails("rules is empty")


def _uses_customer_key(default: Found) -> Verdict:
    return all_of(
        (
            is_one_of(within(default, "sseAlgorithm"), _KMS),
            is_customer_key(within(default, "kmsMasterKeyId")),
        )
    )


@stack_rule(
    "AWS-S3-002",
    severity=Severity.CRITICAL,
    types=BUCKETS,
    reads=[f"BucketPublicAccessBlock.{flag}" for flag in (*_CLOSED, "bucket")],
    fix="Add a BucketPublicAccessBlock for the bucket with all four flags true.",
    references=[
        "CKV_AWS_53",
        "CKV_AWS_54",
        "CKV_AWS_55",
        "CKV_AWS_56",
        "CKV2_AWS_6",
        "AWS-0086",
        "AWS-0087",
        "AWS-0091",
        "AWS-0093",
        "AWS-0094",
        "guard:S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED",
    ],
    frameworks=[
        "ISO27001:2022 A.8.1",
        "SOC2 CC6.1",
        "PCI-DSS 4.0 1.3.1,1.4.2",
        "NIST800-53r5 AC-3,AC-4(21),SC-7",
        "HIPAA 164.312(a)(1)",
        "CIS-AWS 7.0 3.1.4",
        "FSBP S3.8",
    ],
)
def public_access_block(bucket: Resource, stack: Stack) -> Verdict:
    """Bucket has a full public-access block."""
    return _configured(bucket, stack, ACCESS_BLOCK, _is_closed, "a public-access block")


def _is_closed(block: Resource) -> Verdict:
    return all_of(equals(block, flag, True) for flag in _CLOSED)


@stack_rule(
    "AWS-S3-003",
    severity=Severity.HIGH,
    types=BUCKETS,
    reads=["BucketPolicy.bucket", "BucketPolicy.policy"],
    fix='Deny s3:* to everyone on the bucket and its objects where aws:SecureTransport is "false".',
    references=[
        "guard:S3_BUCKET_SSL_REQUESTS_ONLY",
        "prowler:s3_bucket_secure_transport_policy",
        "CKV_AWS_379",
    ],
    frameworks=[
        "ISO27001:2022 A.8.24",
        "HIPAA 164.312(e)(2)(ii)",
        "PCI-DSS 4.0 4.2.1",
        "NIST800-53r5 SC-8",
        "CIS-AWS 7.0 3.1.1",
        "FSBP S3.5",
        "GDPR Art.32",
    ],
)
def tls_only(bucket: Resource, stack: Stack) -> Verdict:
    """Bucket policy denies non-TLS requests."""
    inline = read_input(bucket, "policy")
    written = [] if inline.absent else [_denies_without_tls(inline)]
    return _configured(
        bucket,
        stack,
        POLICY,
        lambda policy: _denies_without_tls(read_input(policy, "policy")),
        "a bucket policy",
        written=written,
    )


def _denies_without_tls(policy: Found) -> Verdict:
    found = statements(policy.value)
    if found is None:
        return unknown(f"{policy.path} is not known yet" if policy.unknown else f"{policy.path} is no policy document")
    answer = any_of(map(_is_tls_statement, found))
    if answer.kind in (Kind.PASS, Kind.UNKNOWN):
        return answer
    return fails(f"{policy.path} has no statement that denies every request without TLS")


def _is_tls_statement(statement: Statement) -> Verdict:
    return all_of(
        (
            _holds("Effect", (statement.effect,), ("Deny",)),
            _holds("Principal", statement.principals, ("*",)),
            _holds("Action", statement.actions, ("s3:*", "*")),
            _covers_bucket_and_objects(statement.resources),
            PASS if statement.conditions in _WITHOUT_TLS else _condition(statement),
        )
    )


def _condition(statement: Statement) -> Verdict:
    if any(map(is_unknown, (*statement.conditions, statement.effect))):
        return unknown("Condition is not known yet")
    return fails("Condition is not only that aws:SecureTransport is false")


def _covers_bucket_and_objects(resources: tuple[str, ...]) -> Verdict:
    """Pass for everything, or for an ARN together with the same followed by `/*`."""
    if "*" in resources or any(f"{resource}/*" in resources for resource in resources):
        return PASS
    if any(resource in (UNKNOWN, SECRET) for resource in resources):
        return unknown("Resource is not known yet")
    return fails("Resource is not the bucket and its objects")


def _holds(element: str, values: tuple[str, ...], wanted: tuple[str, ...]) -> Verdict:
    if any(value in wanted for value in values):
        return PASS
    if any(map(is_unknown, values)):
        return unknown(f"{element} is not known yet")
    return fails(f"{element} is not {wanted[0]}")


@stack_rule(
    "AWS-S3-004",
    severity=Severity.MEDIUM,
    types=BUCKETS,
    reads=[
        "BucketVersioning.bucket",
        "BucketVersioning.versioningConfiguration.status",
        "BucketVersioningV2.bucket",
        "BucketVersioningV2.versioningConfiguration.status",
        "Bucket.versioning.enabled",
        "BucketV2.versionings[].enabled",
    ],
    fix="Add a BucketVersioning with status Enabled.",
    references=["CKV_AWS_21", "AWS-0090", "guard:S3_BUCKET_VERSIONING_ENABLED"],
    frameworks=[
        "ISO27001:2022 A.8.3,A.8.10",
        "SOC2 CC7.4,A1.1",
        "PCI-DSS 4.0 10.3.4",
        "HIPAA 164.308(a)(7)(ii)(A)",
        "FSBP S3.14",
    ],
)
def versioning(bucket: Resource, stack: Stack) -> Verdict:
    """Versioning is on for model, data and state buckets.

    A bucket whose tag `data-role` is `logs` or `scratch` holds none of these.
    """
    role = read_input(bucket, "tags.data-role")
    if role.value in _UNVERSIONED_ROLES:
        return not_applicable(f"the bucket is tagged as {role.value}")
    inline = [*find_input(bucket, "versioning.enabled"), *find_input(bucket, "versionings[].enabled")]
    written = [is_one_of(found, (True,)) for found in inline if not found.absent]
    return _configured(bucket, stack, VERSIONING, _is_versioned, "a versioning configuration", written=written)


def _is_versioned(configuration: Resource) -> Verdict:
    return equals(configuration, "versioningConfiguration.status", "Enabled")


def _configured(
    bucket: Resource,
    stack: Stack,
    types: frozenset[str],
    ask: Callable[[Resource], Verdict],
    what: str,
    *,
    written: Sequence[Verdict] = (),
) -> Verdict:
    """Ask every resource of `types` that configures `bucket`; without one, and nothing written in it, it fails."""
    found = stack.referrers(bucket, BUCKETS, types, "bucket")
    if found.certain or written:
        return all_of((*written, *map(ask, found.certain)))
    if found.possible:
        return unknown(f"which bucket {text_of(found.possible[0], 'name')} configures is not known yet")
    return fails(f"nothing gives the bucket {what}")


RULES: tuple[Rule, ...] = (default_encryption, public_access_block, tls_only, versioning)
