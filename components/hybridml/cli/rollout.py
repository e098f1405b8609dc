"""`hybridml rollout`: the group of commands about how a new version takes over, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from hybridml.cli.options import Format, ProjectFolder, ResultFormat, StackName

Endpoint = Annotated[str, typer.Argument(help="Name of the endpoint: the file stem in infra/endpoints.")]
_EXAMPLES = """Examples:

- `hybridml rollout status churn -s local`
- `hybridml rollout promote churn -s local`
- `hybridml rollout abort churn -s local`"""

commands = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Watch and steer how a new version takes over traffic.",
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
