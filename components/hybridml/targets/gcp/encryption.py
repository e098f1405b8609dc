"""The key that encrypts everything a target on Google Cloud stores, and who may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_gcp import kms

SECONDS_PER_DAY = 86_400
DESTROY_AFTER_DAYS = 30
"""Days in which a destroyed key version can be restored."""
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
"""What a service agent needs to encrypt and decrypt with a key."""


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """What an encryption key is asked for."""

    location: str
    """Region of the key; what it encrypts lies in the same."""
    rotation_days: int
    """Days between rotations, 1 to 90."""
    users: Mapping[str, pulumi.Input[str]]
    """IAM members that encrypt and decrypt with it, by what they serve: `storage`, `vertex`."""
    keep: bool
    """Protect the key and leave it behind when the stack goes; without it everything it encrypts is lost."""
    labels: Mapping[str, str]
    """Environment, stack, cost centre."""


class EncryptionKey(pulumi.ComponentResource):
    """A symmetric customer key that rotates, that nothing destroys by mistake, and that only service agents use."""

    key: pulumi.Output[str]
    """Full name: `projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>`."""
    granted: list[pulumi.Resource]
    """What has to exist before a service can use the key."""

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:EncryptionKey", name, {}, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.keep, retain_on_delete=args.keep)
        # Named by the engine: a ring cannot be deleted, so a name of its own could never be used again.
        ring = kms.KeyRing(f"{name}-ring", location=args.location, opts=kept)
        key = kms.CryptoKey(
            name,
            name="artifacts",
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=f"{args.rotation_days * SECONDS_PER_DAY}s",
            destroy_scheduled_duration=f"{DESTROY_AFTER_DAYS * SECONDS_PER_DAY}s",
            deletion_policy="PREVENT" if args.keep else "DELETE",
            labels=args.labels,
            opts=kept,
        )
        self.granted = [
            kms.CryptoKeyIAMMember(f"{name}-{service}", crypto_key_id=key.id, role=USE, member=member, opts=kept)
            for service, member in sorted(args.users.items())
        ]
        self.key = key.id
        self.register_outputs({"key": self.key})
