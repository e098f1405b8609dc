"""Whose key encrypts something on AWS."""

from __future__ import annotations

import re

from hybridml_policies.ask import is_present
from hybridml_policies.values import Found, shown
from hybridml_policies.verdict import Kind, Verdict, fails

_AWS_MANAGED = re.compile(r"(^|:)alias/aws/")
"""Source: AWS KMS Developer Guide, "AWS managed keys"."""


def is_customer_key(found: Found) -> Verdict:
    """Pass when a key is set here that is not one of those that AWS keeps for its services."""
    answer = is_present(found)
    if answer.kind is Kind.PASS and isinstance(found.value, str) and _AWS_MANAGED.search(found.value):
        return fails(f"{found.path} is {shown(found.value)}, a key of AWS and not of the customer")
    return answer
