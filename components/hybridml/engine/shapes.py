"""What the text of an output looks like that only a cloud could know: an ARN, an id, a URL, an address.

Every text carries `MARK`, so that it is still recognisable after a program has put it into a sentence or a document.
"""

from __future__ import annotations

import re
from typing import Final

MARK: Final = "hybridml-unknown"
"""The reserved token inside every placeholder; valid in names, host names, ARNs and URLs."""
ACCOUNT: Final = "000000000000"
"""Account number of a placeholder ARN; no account has it."""

_NAME_LENGTH = 48
_AWS_ID_PREFIX = {
    "Vpc": "vpc-",
    "DefaultVpc": "vpc-",
    "Subnet": "subnet-",
    "DefaultSubnet": "subnet-",
    "SecurityGroup": "sg-",
    "DefaultSecurityGroup": "sg-",
    "InternetGateway": "igw-",
    "NatGateway": "nat-",
    "RouteTable": "rtb-",
    "Instance": "i-",
    "Eip": "eipalloc-",
    "Volume": "vol-",
    "LaunchTemplate": "lt-",
    "NetworkInterface": "eni-",
    "NetworkAcl": "acl-",
    "VpcEndpoint": "vpce-",
    "FileSystem": "fs-",
    "AccessPoint": "fsap-",
    "TransitGateway": "tgw-",
    "Ami": "ami-",
}
_AWS_ID_IS_ARN = {
    "aws:acm/certificate:Certificate",
    "aws:cloudformation/stack:Stack",
    "aws:codebuild/project:Project",
    "aws:ecs/cluster:Cluster",
    "aws:ecs/service:Service",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:secretsmanager/secret:Secret",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:sfn/stateMachine:StateMachine",
    "aws:sns/topic:Topic",
    "aws:sns/topicSubscription:TopicSubscription",
}
_AWS_SERVICE = {"alb": "elasticloadbalancing", "lb": "elasticloadbalancing", "sfn": "states", "cfg": "config"}
_GLOBAL = {"iam", "s3", "cloudfront", "route53"}
_NO_ACCOUNT = {"s3"}
_URL = re.compile(r"(?:url|uri|link|jdbc|href)s?$", re.IGNORECASE)
_HOST = re.compile(r"(?:host|hostname|domain|domainname|dnsname|fqdn|endpoint|address|server)$", re.IGNORECASE)


def identifier(type_: str, name: str, region: str = MARK) -> str:
    """The id of a resource that does not exist yet."""
    if type_ in _AWS_ID_IS_ARN:
        return arn(type_, name, region)
    prefix = _AWS_ID_PREFIX.get(type_.rpartition(":")[2], "") if type_.startswith("aws:") else ""
    return prefix + physical_name(name)


def text(type_: str, name: str, field: str, region: str = MARK) -> str:
    """The text of output `field` (its wire name) of a resource of `type_` called `name`."""
    lowered = field.lower()
    if lowered in ("id", "name"):
        return physical_name(name)
    if type_.startswith("aws") and lowered.endswith("arn"):
        return _named_arn(type_, name, field, region)
    if _URL.search(field) and not lowered.startswith("repository"):
        return f"https://{host(name)}/{_kebab(field)}"
    if _HOST.search(field):
        return host(f"{name}-{_kebab(field)}")
    if lowered.endswith("email"):
        return f"{physical_name(name)}@{MARK}.iam.gserviceaccount.com"
    return f"{physical_name(name)}-{_kebab(field)}"


def arn(type_: str, name: str, region: str = MARK) -> str:
    """An ARN shaped like that of a resource of `type_` (`aws:<module>/...:<Class>`)."""
    module, _, class_name = type_.split(":", 1)[1].partition(":")
    service = module.split("/")[0]
    service = _AWS_SERVICE.get(service, service)
    place = "" if service in _GLOBAL else region
    account = "" if service in _NO_ACCOUNT else ACCOUNT
    path = physical_name(name) if service in ("s3", "sns", "sqs") else f"{_kebab(class_name)}/{physical_name(name)}"
    return f"arn:aws:{service}:{place}:{account}:{path}"


def physical_name(name: str) -> str:
    """The name a provider would make up for the logical `name`; lower case, digits and dashes, mark first."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_NAME_LENGTH].rstrip("-")
    return f"{MARK}-{plain}" if plain else MARK


def host(name: str) -> str:
    """A host name that no resolver answers (RFC 2606, section 2)."""
    return f"{physical_name(name)}.invalid"


def is_placeholder(value: object) -> bool:
    """Whether `value` is text that holds a placeholder."""
    return isinstance(value, str) and MARK in value.lower()


def _named_arn(type_: str, name: str, field: str, region: str) -> str:
    own = arn(type_, name, region)
    if field == "invokeArn":
        place = "2015-03-31/functions"
        return f"arn:aws:apigateway:{region}:lambda:path/{place}/{own}/invocations"
    return own if field.lower() == "arn" else f"{own}/{_kebab(field)}"


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
