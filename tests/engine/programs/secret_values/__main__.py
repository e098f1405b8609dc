"""Secrets from configuration, from providers and made here, straight and derived, also where the program forgets."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
password = config.require_secret("password")
careless = config.require("password")
aws.ssm.Parameter("straight", type="SecureString", value=password)
aws.cloudwatch.LogGroup("derived", name=password.apply(lambda text: f"user:{text}"))
aws.cloudwatch.LogGroup("careless", name=f"prefix-{careless}-suffix")
aws.cloudwatch.LogGroup("nested", name="x", tags={"inside": json.dumps({"secret": careless})})
key = aws.iam.AccessKey("key", user="robot")
pulumi.export("password", password)
pulumi.export("key", key.secret)
pulumi.export("made", pulumi.Output.secret({"deep": ["planted-in-a-list"]}))
