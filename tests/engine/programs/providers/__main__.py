"""Explicit providers, given to a resource, to a component, and inherited."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

east = aws.Provider("east", region="us-east-1")
cluster = k8s.Provider("cluster", kubeconfig=pulumi.Output.secret("apiVersion: v1"))


class Store(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("test:index:Store", name, None, opts)
        aws.sqs.Queue(f"{name}-queue", opts=pulumi.ResourceOptions(parent=self))
        k8s.core.v1.Namespace(f"{name}-space", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


aws.sqs.Queue("default")
aws.sqs.Queue("explicit", opts=pulumi.ResourceOptions(provider=east))
Store("store", pulumi.ResourceOptions(providers={"aws": east, "kubernetes": cluster}))
