"""Resources that were once called something else, or lived somewhere else."""

import pulumi
import pulumi_aws as aws


class Store(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Store", name, None, opts)
        aws.sqs.Queue(f"{name}-queue", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


aws.sqs.Queue("renamed", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="original")]))
aws.sqs.Queue("by-urn", opts=pulumi.ResourceOptions(aliases=["urn:pulumi:dev::old::aws:sqs/queue:Queue::q"]))
store = Store("store", pulumi.ResourceOptions(aliases=[pulumi.Alias(name="depot")]))
aws.sqs.Queue(
    "adopted",
    opts=pulumi.ResourceOptions(parent=store, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]),
)
