"""The reference of the rules, written from the rules.

`python -m hybridml_policies.reference docs/reference/policies.md` brings the document up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hybridml_policies.profile import Level, load_profile, profile_names
from hybridml_policies.rule import Rule
from hybridml_policies.rules import ALL
from hybridml_policies.waiver import MOST

_INTRODUCTION = """\
# Policies

Generated from the rules by `python -m hybridml_policies.reference docs/reference/policies.md`; a test holds it to them.

Every rule is one question about one resource of a plan, some with a look at all the others. It is answered with

- **pass**;
- **fail**: the resource certainly breaks the rule;
- **unknown**: the rule needs a value that nobody knows before it is applied. A value that is there and not known yet
  counts as there; only comparing it with a needed one is unknown;
- **not applicable**: the rule has nothing to say about this resource.

```sh
hybridml check -s dev
hybridml check -s dev --profile prod --format json --out .hybridml/findings.json
hybridml check -s dev --profile prod --baseline .hybridml/findings.json
```

The status is 0 when nothing mandatory is broken, 5 when something is, and 6 when something may be and nothing
certainly is. Findings that are waived, in the baseline or of advisory rules are reported and do not count.
"""

_WAIVERS = f"""\
## Waivers

An exception lies beside the stack, or in a file of its own given with `--waivers`:

```yaml
config:
  hybridml:environment: dev
  hybridml:profile: dev
  hybridml:targets:
    cluster: {{kind: kubernetes, context: dev-cluster, location: on-premises, residency: de}}
  hybridml:endpoints:
    churn: {{placement: {{primary: cluster}}}}
  hybridml:waivers:
    - policy: K8S-IMG-001
      urn: "urn:pulumi:dev::*::kubernetes:apps/v1:Deployment::churn-*"
      reason: The vendor publishes no digest before its May release
      owner: team-growth
      expires: 2027-05-31
```

Every field is required. `urn` is a pattern over the whole URN: `*` is any text, `?` any character. A waiver holds
through the day on which it expires; one that has expired, and one that covers nothing, is itself reported. A stack has
at most {MOST}, and none on a critical rule.
"""

_CROSSGUARD = """\
## In Pulumi's own policy engine

`policies/` is a policy pack with an environment of its own (`policies/requirements.txt`):

```console
pulumi install -C policies
pulumi preview -s prod --policy-pack policies
pulumi policy analyze --file state.json --policy-pack policies
```

Each rule is one mandatory policy. What the profile only advises, and what a preview cannot know, is reported by the
advisory policies `hybridml-advice` and `hybridml-advice-stack`. Profile and waivers come from the stack's file in the
project where `pulumi` is called, or around the pack; where there is none, the strictest profile holds. The environment
variable `HYBRIDML_PROFILE` overrides the profile.
"""

_JSON = """\
## The JSON of a check

`{"version": 1, "stacks": […]}`, one entry per stack:

| key | meaning |
|---|---|
| `project`, `stack`, `profile` | what was judged, and by which profile |
| `exitCode` | 0, 5 or 6, as above |
| `rules` | ids of the rules that were asked |
| `answers` | how many of each: `pass`, `fail`, `unknown`, `not-applicable` |
| `findings` | what fails or is unknown, sorted by rule and URN; see below |
| `waivers` | `policy`, `urn`, `reason`, `owner`, `expires`, `state` (`used`, `expired`, `unused`), `source` |
| `notSeen` | what no rule could look at: `subject`, `reason` |

| key of a finding | meaning |
|---|---|
| `policy`, `title`, `severity`, `fix`, `frameworks`, `references` | the rule |
| `level` | `mandatory` or `advisory`, by the profile |
| `verdict`, `reason` | `fail` or `unknown`, and why |
| `urn`, `type`, `name` | the resource |
| `source` | `file` and `line` where the program makes it, or null |
| `waivedBy` | owner of the waiver that covers it, or null |
| `inBaseline` | whether the baseline has it already |
"""


def reference() -> str:
    """The whole document."""
    return "\n".join((_INTRODUCTION, _profiles(), _WAIVERS, _CROSSGUARD, _JSON, _table(), *map(_section, ALL.values())))


def _profiles() -> str:
    lines = ["## Profiles", "", "| profile | rules are | except | for |", "|---|---|---|---|"]
    for profile in map(load_profile, profile_names()):
        exceptions = ", ".join(f"{rule} {level.value}" for rule, level in profile.rules.items()) or "none"
        lines.append(f"| `{profile.name}` | {profile.default.value} | {exceptions} | {profile.description} |")
    levels = ", ".join(f"`{level.value}`" for level in Level)
    own = f"`--profile` also takes the path of a YAML file with `default` and `rules`; levels are {levels}."
    return "\n".join((*lines, "", own, ""))


def _table() -> str:
    lines = ["## Rules", "", "| id | severity | rule |", "|---|---|---|"]
    lines += [f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity.value} | {rule.title} |" for rule in ALL.values()]
    return "\n".join((*lines, ""))


def _section(rule: Rule) -> str:
    return "\n".join((f"### {rule.id}", "", f"{rule.title}.", "", *_details(rule)))


def _details(rule: Rule) -> Iterator[str]:
    if rule.details:
        yield from (rule.details, "")
    yield f"- asks: {', '.join(f'`{token}`' for token in sorted(rule.types))}"
    yield f"- reads: {', '.join(f'`{read}`' for read in rule.reads)}"
    yield f"- fix: {rule.fix}"
    yield f"- frameworks: {'; '.join(rule.frameworks)}"
    yield f"- elsewhere: {'; '.join(rule.references)}"
    yield ""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
    else:
        sys.stdout.write(reference())
