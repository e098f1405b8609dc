"""Security and compliance rules over planned resources.

    report = evaluate(plan_json, load_profile("prod"), load_waivers(stack_file))
    exit_code(report)

A rule is a pure function of plain resource dictionaries (`rule.py`); `rules/` has one module per family. The same
rules answer `hybridml check`, Pulumi's policy engine (`crossguard.py`) and, over an exported state (`exported.py`), for
what is deployed.
"""

from hybridml_policies.baseline import Known, load_baseline
from hybridml_policies.evaluation import Finding, Report, Unseen, WaiverState, WaiverUse, evaluate, exit_code
from hybridml_policies.profile import Level, Profile, load_profile, profile_names
from hybridml_policies.rule import Rule, Severity
from hybridml_policies.rules import ALL
from hybridml_policies.stack_state import with_stack
from hybridml_policies.verdict import Kind, Verdict
from hybridml_policies.waiver import Waiver, load_waivers, parse_waivers

__all__ = [
    "ALL",
    "Finding",
    "Kind",
    "Known",
    "Level",
    "Profile",
    "Report",
    "Rule",
    "Severity",
    "Unseen",
    "Verdict",
    "Waiver",
    "WaiverState",
    "WaiverUse",
    "evaluate",
    "exit_code",
    "load_baseline",
    "load_profile",
    "load_waivers",
    "parse_waivers",
    "profile_names",
    "with_stack",
]
