"""Nested components with outputs, dependencies and hooks; one resource depends on all of a component."""

import pulumi
import pulumi_aws as aws


def watched(args: pulumi.ResourceHookArgs) -> None:
    raise AssertionError("planning runs no hooks")


class Inner(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("test:index:Inner", name, None, opts)
        self.queue = aws.sqs.Queue(f"{name}-queue", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"queue": self.queue.name, "token": pulumi.Output.secret("t0ken-value")})


class Outer(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("test:index:Outer", name, {"size": 2}, None)
        self.inner = Inner(f"{name}-inner", pulumi.ResourceOptions(parent=self))
        self.register_outputs({"queue": self.inner.queue.name})


outer = Outer("outer")
hook = pulumi.ResourceHook("watch", watched)
aws.sqs.Queue(
    "last",
    opts=pulumi.ResourceOptions(
        depends_on=[outer],
        hooks=pulumi.ResourceHookBinding(after_create=[hook]),
        custom_timeouts=pulumi.CustomTimeouts(create="5m"),
        delete_before_replace=False,
        retain_on_delete=True,
        replace_on_changes=["name"],
        import_="q-1",
    ),
)
