"""Service accounts on Google Cloud: what the containers of an endpoint may do, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_gcp import serviceaccount, storage, vertex

READ = "roles/storage.objectViewer"
"""Read objects and their names. Decryption is the storage service's, so the account needs no right on the key."""


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs:
    """What a service account is asked for."""

    account_id: str
    """Id of the account, 6 to 30 characters."""
    endpoint: str
    """Name of the endpoint it serves."""
    artifacts: Mapping[str, pulumi.Output[str]]
    """Version to the `gs://` folder that it reads."""


class WorkloadIdentity(pulumi.ComponentResource):
    """The service account of one endpoint: it reads the endpoint's own artifacts. It has no keys."""

    email: pulumi.Output[str]
    """Address of the account."""
    granted: list[pulumi.Resource]
    """What has to exist before the account can be used."""

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hybridml:index:WorkloadIdentity", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = serviceaccount.Account(
            f"{name}-account",
            account_id=args.account_id,
            display_name=f"Serves {args.endpoint}",
            opts=child,
        )
        self.granted = [
            storage.BucketIAMMember(
                f"{name}-read-{version}",
                bucket=uri.apply(lambda each: folder(each)[0]),
                role=READ,
                member=pulumi.Output.concat("serviceAccount:", account.email),
                condition=storage.BucketIAMMemberConditionArgs(
                    title=f"{args.endpoint}-{version}", expression=uri.apply(below)
                ),
                opts=child,
            )
            for version, uri in args.artifacts.items()
        ]
        self.email = account.email
        self.register_outputs({"email": self.email})


def folder(uri: str) -> tuple[str, str]:
    """Bucket and path of a `gs://` address."""
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    return bucket, path


def below(uri: str) -> str:
    """The IAM condition that holds for the objects below a `gs://` folder, and for listing them.

    Source: Cloud Storage, "Use IAM conditions": a bucket's objects are listed with the prefix as resource name.
    """
    bucket, path = folder(uri)
    listed = f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{path}")'
    return f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{path}") || {listed}'


def admit(
    name: str,
    endpoint: vertex.AiEndpoint,
    role: pulumi.Output[str],
    members: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Let the members invoke the endpoint, each group by itself."""
    for group, member in sorted(members.items()):
        vertex.AiEndpointIamMember(
            f"{name}-invoke-{group}",
            endpoint=endpoint.name,
            location=endpoint.location,
            role=role,
            member=member,
            opts=opts,
        )
