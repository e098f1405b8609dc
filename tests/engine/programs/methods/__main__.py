"""Methods of resources: typed and untyped results."""

import pulumi
import pulumi_aws as aws


@pulumi.output_type
class Token:
    def __init__(self, text: str, hours: int) -> None:
        pulumi.set(self, "text", text)
        pulumi.set(self, "hours", hours)

    @property
    @pulumi.getter
    def text(self) -> str:
        return pulumi.get(self, "text")

    @property
    @pulumi.getter
    def hours(self) -> int:
        return pulumi.get(self, "hours")


key = aws.kms.Key("key")
token = pulumi.runtime.call("aws:kms/key:Key/token", {"__self__": key}, key, typ=Token)
aws.cloudwatch.LogGroup("token", name=token.apply(lambda t: t.text.upper()))
