"""Resources that exist already."""

import pulumi
import pulumi_aws as aws

key = aws.kms.Key.get("existing", "1234abcd")
bucket = aws.s3.Bucket("bucket")
found = aws.s3.Bucket.get("found", bucket.id)
aws.sqs.Queue("queue", kms_master_key_id=key.arn, name=found.bucket)
pulumi.export("rotation", key.enable_key_rotation.apply(lambda enabled: not enabled))
