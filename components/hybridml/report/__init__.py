"""What a plan and its findings look like: text for people, a page to look at, JSON for programs, SARIF for code hosts.

Knows plans as JSON and findings as `hybridml_policies.Report`, so it works for any Pulumi program; what it says about
endpoints it is handed as finished cards (`report.cards`).
"""

from hybridml.report.findings_json import findings_json
from hybridml.report.findings_text import findings_text
from hybridml.report.plan_html import StackPage, plan_html
from hybridml.report.plan_text import plan_text
from hybridml.report.sarif import sarif

__all__ = ["StackPage", "findings_json", "findings_text", "plan_html", "plan_text", "sarif"]
