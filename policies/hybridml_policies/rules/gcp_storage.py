"""Buckets on Google Cloud."""

from __future__ import annotations

import re

from hybridml_policies.ask import equals, is_one_of, is_present
from hybridml_policies.rule import Rule, Severity, rule, stack_rule
from hybridml_policies.stack import Stack
from hybridml_policies.values import Found, Missing, Resource, is_unknown, read_input
from hybridml_policies.verdict import Kind, Verdict

_BUCKETS = ["gcp:storage/bucket:Bucket"]
_KEY_RING = "gcp:kms/keyRing:KeyRing"
_LOCATION = re.compile(r"projects/[^/]+/locations/(?P<location>[^/]+)/keyRings/")
_KEY_LOCATIONS = {"eu": "europe"}
"""Where the keys of a multi-region lie when it is called otherwise. Source: Cloud Storage, "Bucket locations"."""


@rule(
    "GCP-GCS-001",
    severity=Severity.CRITICAL,
    types=_BUCKETS,
    reads=["publicAccessPrevention"],
    fix="Set publicAccessPrevention to enforced.",
    references=["CKV_GCP_114", "pulumi:gcp-storage-bucket-enforce-public-access-prevention"],
    frameworks=["CIS-GCP 5.0 5.1", "ISO27001:2022 A.8.12", "SOC2 CC6.1", "PCI-DSS 4.0 1.3.1"],
)
def public_access_prevention(bucket: Resource) -> Verdict:
    """Bucket enforces public-access prevention."""
    return equals(bucket, "publicAccessPrevention", "enforced")


@rule(
    "GCP-GCS-002",
    severity=Severity.HIGH,
    types=_BUCKETS,
    reads=["uniformBucketLevelAccess"],
    fix="Set uniformBucketLevelAccess to true.",
    references=["CKV_GCP_29", "GCP-0002"],
    frameworks=["CIS-GCP 5.0 5.2", "SOC2 PI1.4", "PCI-DSS 4.0 1.2.5"],
)
def uniform_access(bucket: Resource) -> Verdict:
    """Bucket uses uniform bucket-level access."""
    return equals(bucket, "uniformBucketLevelAccess", True)


@stack_rule(
    "GCP-GCS-003",
    severity=Severity.HIGH,
    types=_BUCKETS,
    reads=["encryption.defaultKmsKeyName", "location"],
    fix="Set encryption.defaultKmsKeyName to a key whose key ring lies where the bucket does.",
    references=["GCP-0066"],
    frameworks=["ISO27001:2022 A.8.24", "HIPAA 164.312(a)(2)(iv)"],
)
def customer_key(bucket: Resource, stack: Stack) -> Verdict:
    """Bucket uses CMEK.

    The key ring has to lie where the bucket lies, or the service refuses the key.
    """
    key = read_input(bucket, "encryption.defaultKmsKeyName")
    written = is_present(key)
    if written.kind is not Kind.PASS:
        return written
    location = read_input(bucket, "location")
    if not isinstance(location.value, str) or location.unknown:
        return is_one_of(location, ("the location of the key ring",))
    wanted = location.value.lower()
    return is_one_of(_key_location(key, bucket, stack), (_KEY_LOCATIONS.get(wanted, wanted),))


def _key_location(key: Found, bucket: Resource, stack: Stack) -> Found:
    """Where the key lies: by its name, else by the only key ring that the bucket depends on."""
    match = _LOCATION.match(str(key.value))
    if match and not is_unknown(match["location"]):
        return Found("the key ring's location", match["location"].lower())
    rings = [resource for resource in stack.upstream(bucket) if resource.get("type") == _KEY_RING]
    places = {
        str(place.value).lower() for place in (read_input(ring, "location") for ring in rings) if not place.unknown
    }
    return Found("the key ring's location", places.pop() if len(places) == 1 else Missing.HIDDEN)


RULES: tuple[Rule, ...] = (public_access_prevention, uniform_access, customer_key)
