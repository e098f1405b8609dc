"""Functions of providers, plain and as outputs, typed and untyped."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

zones = aws.get_availability_zones(state="available")
account = aws.get_caller_identity()
network = aws.ec2.get_vpc_output(default=True)
chosen = aws.ec2.get_ami(most_recent=True, owners=["amazon"])
untyped = pulumi.runtime.invoke("custom:index:lookup", {"key": "a"}).value

for index in range(5):
    aws.ec2.Subnet(f"subnet-{index}", vpc_id=network.id, availability_zone=zones.names[index], cidr_block="10.0.0.0/24")
aws.ec2.Instance("instance", ami=chosen.id, instance_type="t3.micro", tags={"zones": ",".join(zones.names[:2])})
role = aws.iam.Role(
    "role",
    assume_role_policy=aws.iam.get_policy_document(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
            }
        ]
    ).json,
)
bucket = aws.s3.Bucket("bucket")
aws.iam.RolePolicy(
    "policy",
    role=role.id,
    policy=aws.iam.get_policy_document_output(
        statements=[{"actions": ["s3:GetObject"], "resources": [pulumi.Output.concat(bucket.arn, "/*")]}]
    ).json,
)
k8s.yaml.v2.ConfigGroup("rendered", yaml="kind: ConfigMap")
k8s.yaml.ConfigGroup("manifests", yaml=["{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}"])
pulumi.export("account", account.account_id)
pulumi.export("blocks", network.cidr_block_associations.apply(lambda blocks: blocks[0].cidr_block))
pulumi.export("network", network.cidr_block)
pulumi.export("untyped", json.dumps(untyped))
