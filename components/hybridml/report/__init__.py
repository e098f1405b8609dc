"""What a plan and its findings look like: text for people, JSON for programs, SARIF for code hosts.

Knows plans as JSON and findings as `hybridml_policies.Report`, so it works for any Pulumi program.
"""

from hybridml.report.findings_json import findings_json
from hybridml.report.findings_text import findings_text
from hybridml.report.plan_text import plan_text
from hybridml.report.sarif import sarif

__all__ = ["findings_json", "findings_text", "plan_text", "sarif"]
