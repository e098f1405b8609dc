"""What several commands are asked with: one spelling and one help text each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


class PlanFormat(StrEnum):
    """How a plan is written."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


class CheckFormat(StrEnum):
    """How the findings of `check` are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    HTML = "html"


class Engine(StrEnum):
    """Who applies a stack."""

    EMBEDDED = "embedded"
    PULUMI = "pulumi"


class SchemaOf(StrEnum):
    """What a JSON Schema describes."""

    ENDPOINT = "endpoint"
    STACK = "stack"


StackName = Annotated[
    str | None,
    typer.Option("--stack", "-s", help="Stack: NAME for `stacks/Pulumi.NAME.yaml`. May be left out when there is one."),
]
Everything = Annotated[bool, typer.Option("--all", metavar="", help="Every stack of the project.")]
ProjectFolder = Annotated[
    Path | None,
    typer.Option(
        "--project",
        help="Folder of a Pulumi Python project; its program is executed. Default: the nearest one upwards from here.",
    ),
]
ResultFormat = Annotated[Format, typer.Option("--format", help="Text for people, JSON for programs.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write the result to this file instead of stdout; `-` is stdout.",
        callback=lambda out: None if out == Path("-") else out,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]
Events = Annotated[
    bool,
    typer.Option(
        "--json", metavar="", help="Write the events of the run to stdout instead of a result, one JSON object a line."
    ),
]
WhichEngine = Annotated[
    Engine | None,
    typer.Option(
        "--engine", help="Who applies. Default: embedded for a stack of this machine only, pulumi for every other."
    ),
]
TargetPatterns = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        help="Only this resource: URN or name, `*` and `**` allowed; may be repeated.",
        show_default=False,
    ),
]
TargetDependents = Annotated[
    bool, typer.Option("--target-dependents", metavar="", help="Also whatever depends on the targets.")
]
