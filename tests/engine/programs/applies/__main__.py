"""Outputs of outputs: nested applies, all, concat, format, JSON both ways, and callbacks that a placeholder breaks."""

import json

import pulumi
import pulumi_aws as aws

bucket = aws.s3.Bucket("bucket")
queue = aws.sqs.Queue("queue", visibility_timeout_seconds=30)
topic = aws.sns.Topic("topic")

document = pulumi.Output.all(bucket=bucket.arn, queue=queue.arn).apply(
    lambda arns: topic.arn.apply(
        lambda arn: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": [*arns.values(), arn]}]}
    )
)
aws.iam.Policy("policy", policy=pulumi.Output.json_dumps(document))
aws.cloudwatch.LogGroup("format", name=pulumi.Output.format("{0}/{1}", bucket.id, queue.name))
aws.cloudwatch.LogGroup("concat", name=pulumi.Output.concat("s3://", bucket.bucket, "/in"))
aws.cloudwatch.LogGroup("quoted", name=queue.url.apply(lambda url: f"<{url}>"))
aws.cloudwatch.LogGroup("loaded", name=pulumi.Output.json_loads(queue.policy).apply(lambda p: p["Version"]))
pulumi.export("account", bucket.arn.apply(lambda arn: int(arn.split(":")[4])))
pulumi.export("timeout", queue.visibility_timeout_seconds.apply(lambda seconds: seconds * 2))
pulumi.export("receives", queue.receive_wait_time_seconds.apply(lambda seconds: seconds * 2))
pulumi.export("rule", pulumi.Output.all([bucket.id, {"deep": topic.id}]).apply(json.dumps))
