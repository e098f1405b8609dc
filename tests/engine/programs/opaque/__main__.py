"""A component that another package's plugin constructs, and a resource that uses what it will say."""

import pulumi
import pulumi_aws as aws


class Cluster(pulumi.ComponentResource):
    kubeconfig: pulumi.Output[str]

    def __init__(self, name: str, size: int) -> None:
        super().__init__("elsewhere:index:Cluster", name, {"size": size, "kubeconfig": None}, None, True)


cluster = Cluster("cluster", 3)
aws.cloudwatch.LogGroup("config", name=cluster.kubeconfig.apply(lambda text: text.upper()))
