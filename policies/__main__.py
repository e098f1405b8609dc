"""Serves the rules to `pulumi preview --policy-pack policies`, `pulumi up` and `pulumi policy analyze`.

Constructing a `PolicyPack` starts its server and never returns, so nothing else constructs one.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if importlib.util.find_spec("hybridml_policies") is None:
    sys.path.append(str(HERE))
if importlib.util.find_spec("hybridml") is None:
    sys.path.append(str(HERE.parent / "components"))

from hybridml_policies.crossguard import pack_policies  # noqa: E402
from pulumi_policy import PolicyPack  # noqa: E402

if __name__ == "__main__":
    PolicyPack("hybridml", pack_policies(), description="Security and compliance rules for hybrid ML platforms")
