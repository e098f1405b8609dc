"""`hybridml rollout`: the group of commands about how a new version takes over, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from hybridml.cli.options import Format, Out, ProjectFolder, ResultFormat, StackName

Endpoint = Annotated[str, typer.Argument(help="Name of the endpoint: the file stem in infra/endpoints.")]
_EXAMPLES = """Examples:

- `hybridml rollout status churn -s local`
- `hybridml rollout promote churn -s local`
- `hybridml rollout abort churn -s local`
- `hybridml rollout report churn -s local --since 1h`"""

commands = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Watch and steer how a new version takes over traffic, and compare versions.",
    epilog=_EXAMPLES,
)


@commands.command(epilog="Example: `hybridml rollout status churn -s local --format json`")
def status(
    endpoint: Endpoint,
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """Step, share and the numbers of each gate of the rollout under way, or how the last one ended.

    Exit status: 0 shown, 1 anything else.
    """
    from hybridml.cli import steering

    steering.status(project, stack, endpoint, format_)


@commands.command(epilog="Example: `hybridml rollout promote churn -s local`")
def promote(
    endpoint: Endpoint,
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """Give the new version everything now, whatever the gates say, and wait until it has it.

    Exit status: 0 done, 1 anything else.
    """
    from hybridml.cli import steering

    steering.steer(project, stack, endpoint, "promote", format_)


@commands.command(epilog="Example: `hybridml rollout abort churn -s local`")
def abort(
    endpoint: Endpoint,
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """Give the version before everything back now, and wait until it has it; the `up` under way then fails.

    Exit status: 0 done, 1 anything else.
    """
    from hybridml.cli import steering

    steering.steer(project, stack, endpoint, "abort", format_)


@commands.command(epilog="Example: `hybridml rollout report churn -s local --since 1h`")
def report(
    endpoint: Endpoint,
    stack: StackName = None,
    since: Annotated[
        str | None, typer.Option(help="Only what came since: 30m, 2h, 7d, or a date or time (UTC). Default: all.")
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="At which all intervals of a comparison hold together, between 0 and 1.")
    ] = 0.95,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
    out: Out = None,
) -> None:
    """Champion beside challenger, and beside the shadow, from the requests that were captured.

    Failures, latency and answers, each with the interval in which the truth lies. Exit status: 0 shown, 1 the endpoint
    keeps no requests, 2 misused.
    """
    from hybridml.cli import rollout_report

    rollout_report.report(project, stack, endpoint, since=since, confidence=confidence, format_=format_, out=out)
