"""A program whose work is asynchronous, and says its outputs by returning them."""

import asyncio

import pulumi
import pulumi_aws as aws


async def later(value: str) -> str:
    await asyncio.sleep(0.01)
    return value


async def main() -> pulumi.Inputs:
    bucket = aws.s3.Bucket("bucket", tags={"late": later("value")})
    name = await bucket.bucket.future()
    aws.sqs.Queue("queue", name=f"{name}-events")
    return {"bucket": bucket.bucket}


pulumi.run(main)
