"""How the two clouds spell the names of things that are there already."""

from __future__ import annotations

from typing import Annotated

from hybridml.spec.scalars import word

Region = Annotated[
    str,
    word(r"^[a-z]+(-[a-z]+)+-?[0-9]+$", 'the name of a region, such as "eu-central-1" or "europe-west3"', longest=40),
]

AwsAccount = Annotated[str, word(r"^[0-9]{12}$", 'twelve digits, as text: "111122223333"')]
SubnetId = Annotated[str, word(r"^subnet-[0-9a-f]{8,17}$", "subnet- and 8 to 17 hexadecimal digits")]
SecurityGroupId = Annotated[str, word(r"^sg-[0-9a-f]{8,17}$", "sg- and 8 to 17 hexadecimal digits")]
SageMakerInstance = Annotated[
    str, word(r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", "a SageMaker instance type, such as ml.m7i.large")
]
RoleArn = Annotated[
    str, word(r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$", "arn:aws:iam::<account>:role/<name>")
]
PolicyArn = Annotated[
    str,
    word(r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$", "arn:aws:iam::<account>:policy/<name>"),
]
TopicArn = Annotated[
    str,
    word(r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", "arn:aws:sns:<region>:<account>:<topic>"),
]

GcpProject = Annotated[
    str, word(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", "a project id: 6 to 30 lower-case letters, digits and hyphens")
]
GcpProjectNumber = Annotated[str, word(r"^[0-9]{6,15}$", 'digits, as text: "123456789012"')]
GcpNetwork = Annotated[
    str,
    word(
        r"^projects/[a-z0-9-]+/global/networks/[a-z]([-a-z0-9]*[a-z0-9])?$",
        "projects/<project or number>/global/networks/<name>",
    ),
]
GcpInstance = Annotated[str, word(r"^[a-z][a-z0-9]*-[a-z0-9-]+$", "a machine type, such as n2-standard-4")]
GcpMember = Annotated[
    str,
    word(
        r"^((group|user|serviceAccount):[a-zA-Z0-9._+-]+@[a-z0-9.-]+|principalSet://[!-~]+)$",
        "group:name@domain, serviceAccount:name@domain, user:name@domain or principalSet://…",
    ),
]
GcpChannel = Annotated[
    str,
    word(r"^projects/[a-z0-9-]+/notificationChannels/[0-9]+$", "projects/<project>/notificationChannels/<number>"),
]
