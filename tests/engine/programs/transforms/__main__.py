"""Changes resources and calls on their way: resource, component, stack and invoke transforms, and the legacy kind."""

import pulumi
import pulumi_aws as aws
from pulumi.runtime import register_invoke_transform, register_resource_transform, register_stack_transformation


def tagged(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if args.type_ != "aws:s3/bucket:Bucket":
        return None
    props = {**args.props, "tags": {**args.props.get("tags", {}), "owner": "platform"}}
    return pulumi.ResourceTransformResult(props, args.opts)


async def protected(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True, ignore_changes=["tags"]))
    return pulumi.ResourceTransformResult(args.props, opts)


def legacy(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if args.type_ != "aws:sqs/queue:Queue":
        return None
    return pulumi.ResourceTransformationResult({**args.props, "fifo_queue": True}, args.opts)


def elsewhere(args: pulumi.InvokeTransformArgs) -> pulumi.InvokeTransformResult:
    return pulumi.InvokeTransformResult({**args.args, "region": "eu-north-1"}, args.opts)


class Store(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("test:index:Store", name, None, opts)
        aws.s3.Bucket(f"{name}-bucket", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


register_stack_transformation(legacy)
aws.s3.Bucket("before")
register_resource_transform(tagged)
register_invoke_transform(elsewhere)
aws.s3.Bucket("after", tags={"team": "a"})
Store("store", pulumi.ResourceOptions(transforms=[protected]))
aws.sqs.Queue("queue")
pulumi.export("region", aws.get_region_output().region)
