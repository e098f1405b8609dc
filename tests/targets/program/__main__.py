"""The program that the tests plan: one endpoint on one target, both as the test says."""

import json
import os

from hybridml import ModelEndpoint, ModelEndpointArgs
from hybridml.spec import AwsTarget, EndpointSpec, GcpTarget, KubernetesTarget

TARGETS = {"aws": AwsTarget, "gcp": GcpTarget, "kubernetes": KubernetesTarget}

case = json.loads(os.environ["CASE"])
name = case["name"]
ModelEndpoint(
    name,
    ModelEndpointArgs(
        spec=EndpointSpec.model_validate({"name": name, **case["spec"]}),
        target=TARGETS[case["target"]["kind"]].model_validate(case["target"]),
        environment=case["environment"],
        cost_centre="growth-42",
    ),
)
