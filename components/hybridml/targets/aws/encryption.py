"""The key that encrypts everything a target on AWS stores, and who may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

ROTATION_DAYS = 365
"""CIS AWS Foundations and FSBP KMS.4 ask for yearly rotation at the latest."""


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """What an encryption key is asked for."""

    account: pulumi.Input[str]
    """Twelve-digit id of the account that owns the key."""
    region: str
    """Region whose log service may use the key."""
    alias: str
    """Alias without the `alias/` prefix; unique in account and region."""
    deletion_days: int
    """Days in which a key that was scheduled for deletion can be called back, 7 to 30."""
    keep: bool
    """Protect the key and leave it behind when the stack goes; without it everything it encrypts is lost."""
    tags: Mapping[str, str]
    """Environment, stack, cost centre."""


class EncryptionKey(pulumi.ComponentResource):
    """A symmetric customer key that rotates yearly and that only this account administers.

    Errors: none of its own; KMS refuses an alias that exists.
    """

    arn: pulumi.Output[str]
    """ARN of the key."""

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:EncryptionKey", name, {}, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.keep, retain_on_delete=args.keep)
        policy = pulumi.Output.from_input(args.account).apply(lambda each: json.dumps(key_policy(each, args.region)))
        key = aws.kms.Key(
            name,
            description=f"Encrypts what {args.alias} stores",
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION_DAYS,
            deletion_window_in_days=args.deletion_days,
            policy=policy,
            tags=args.tags,
            opts=kept,
        )
        aws.kms.Alias(f"{name}-alias", name=f"alias/{args.alias}", target_key_id=key.key_id, opts=kept)
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def key_policy(account: str, region: str) -> dict[str, object]:
    """The policy of a key in `account`: its administrators delegate by IAM, and its log groups are encrypted with it.

    Source: AWS KMS developer guide, "Default key policy"; CloudWatch Logs user guide, "Encrypt log data".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountDelegatesByIam",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "LogGroupsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{region}.amazonaws.com"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {
                    "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
                },
            },
        ],
    }
