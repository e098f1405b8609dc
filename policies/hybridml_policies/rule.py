"""What a rule is: one question about one resource, with everything a report has to say about it.

`@rule` turns a function of a resource into a `Rule`; `@stack_rule` one that also sees every other resource. Nothing is
registered by being imported: `hybridml_policies.rules` lists the rules of every family.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NotRequired, TypeAlias, TypedDict, Unpack

from hybridml_policies.stack import Stack
from hybridml_policies.values import Resource
from hybridml_policies.verdict import Verdict


class Severity(StrEnum):
    """How much harm a violation may do; a critical rule cannot be waived."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


Question: TypeAlias = Callable[[Resource], Verdict]
StackQuestion: TypeAlias = Callable[[Resource, Stack], Verdict]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A question with a stable id."""

    id: str
    """`<family>-<subject>-<number>`, never given to another question."""
    severity: Severity
    types: frozenset[str]
    """Type tokens of the resources that are asked about."""
    reads: tuple[str, ...]
    """Properties that decide the answer, each as `Type.path` or, when the rule has one type, as `path`; `{pod}` stands
    for wherever that type keeps its pod."""
    fix: str
    """What to change, in the words of the specification first, then of the resource."""
    references: tuple[str, ...]
    """The same check in other tools."""
    frameworks: tuple[str, ...]
    """The controls that ask for it; `[proposed]` marks a mapping that is ours."""
    ask: StackQuestion
    """The question; a rule about one resource alone leaves the stack unread."""
    needs_stack: bool
    """Whether other resources take part in the answer."""
    documentation: str
    """Title, and below it whatever a reader should know."""

    @cached_property
    def title(self) -> str:
        """The rule in one sentence without a full stop."""
        return self.documentation.partition("\n")[0].removesuffix(".")

    @cached_property
    def details(self) -> str:
        """What the documentation says below the title."""
        return self.documentation.partition("\n")[2].strip()

    def __call__(self, resource: Resource, stack: Stack | None = None) -> Verdict:
        """Answer for `resource`; a rule that needs other resources finds them in `stack`."""
        return self.ask(resource, stack if stack is not None else Stack((resource,)))


class About(TypedDict):
    """What is said of a rule beside its question; see the fields of `Rule`."""

    severity: Severity
    types: Iterable[str]
    reads: Iterable[str]
    fix: str
    references: NotRequired[Iterable[str]]
    frameworks: NotRequired[Iterable[str]]


def rule(rule_id: str, **about: Unpack[About]) -> Callable[[Question], Rule]:
    """Make a rule of a function that looks at one resource; its docstring's first line is the title."""

    def made(question: Question) -> Rule:
        return _rule(rule_id, about, lambda resource, _stack: question(resource), question.__doc__, alone=True)

    return made


def stack_rule(rule_id: str, **about: Unpack[About]) -> Callable[[StackQuestion], Rule]:
    """Make a rule of a function that looks at one resource among all others of its stack."""

    def made(question: StackQuestion) -> Rule:
        return _rule(rule_id, about, question, question.__doc__, alone=False)

    return made


def _rule(rule_id: str, about: About, ask: StackQuestion, documentation: str | None, *, alone: bool) -> Rule:
    return Rule(
        id=rule_id,
        severity=about["severity"],
        types=frozenset(about["types"]),
        reads=tuple(about["reads"]),
        fix=about["fix"],
        references=tuple(about.get("references", ())),
        frameworks=tuple(about.get("frameworks", ())),
        ask=ask,
        needs_stack=not alone,
        documentation=inspect.cleandoc(documentation or ""),
    )
