"""Outputs of another stack."""

import pulumi
import pulumi_aws as aws

network = pulumi.StackReference("acme/network/prod")
aws.ec2.Subnet("subnet", vpc_id=network.get_output("vpcId"), cidr_block="10.0.0.0/24")
aws.sqs.Queue("queue", name=pulumi.Output.format("{}-queue", network.require_output("prefix")))
