"""Looks at where it runs: working folder, arguments, project, stack, organization, preview."""

import os
from pathlib import Path

import helper
import pulumi

pulumi.export("folder", Path.cwd().name)
pulumi.export("project", pulumi.get_project())
pulumi.export("stack", pulumi.get_stack())
pulumi.export("organization", pulumi.get_organization())
pulumi.export("root", Path(pulumi.get_root_directory()).name)
pulumi.export("preview", pulumi.runtime.is_dry_run())
pulumi.export("helper", helper.NAME)
pulumi.export("variable", os.environ.get("OUTSIDE"))
print("said on standard output")  # noqa: T201 - the point of it
pulumi.info("said to the engine")
