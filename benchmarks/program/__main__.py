"""N components of seven AWS resources each, as somebody who never heard of this library would write them."""

import json

import pulumi
import pulumi_aws as aws


class Service(pulumi.ComponentResource):
    """A queue, a function that reads it, its role, key, table and log group."""

    def __init__(self, name, opts=None):
        super().__init__("benchmark:index:Service", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"service": name, "environment": pulumi.get_stack()}
        key = aws.kms.Key(f"{name}-key", description=f"Key of {name}", enable_key_rotation=True, tags=tags, opts=child)
        queue = aws.sqs.Queue(f"{name}-queue", kms_master_key_id=key.key_id, tags=tags, opts=child)
        table = aws.dynamodb.Table(
            f"{name}-table",
            attributes=[{"name": "id", "type": "S"}],
            hash_key="id",
            billing_mode="PAY_PER_REQUEST",
            server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
            tags=tags,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
            tags=tags,
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.id,
            policy=pulumi.Output.all(queue.arn, table.arn, key.arn).apply(
                lambda arns: json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
                                "Resource": arns[0],
                            },
                            {"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": arns[1]},
                            {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": arns[2]},
                        ],
                    }
                )
            ),
            opts=child,
        )
        logs = aws.cloudwatch.LogGroup(f"{name}-logs", retention_in_days=30, kms_key_id=key.arn, tags=tags, opts=child)
        function = aws.lambda_.Function(
            f"{name}-function",
            role=role.arn,
            runtime="python3.13",
            handler="index.handler",
            s3_bucket="code",
            s3_key=f"{name}.zip",
            environment={"variables": {"QUEUE": queue.url, "TABLE": table.name, "LOGS": logs.name}},
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )
        self.function = function.arn
        self.register_outputs({"function": function.arn, "queue": queue.url})


services = [Service(f"service-{i}") for i in range(pulumi.Config().require_int("components"))]
pulumi.export("functions", [service.function for service in services])
