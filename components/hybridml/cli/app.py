"""The commands and their options; each hands its work to the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hybridml
from hybridml.cli.failure import Commands
from hybridml.cli.options import (
    CheckFormat,
    Events,
    Everything,
    Format,
    Out,
    PlanFormat,
    ProjectFolder,
    ResultFormat,
    SchemaOf,
    StackName,
    TargetDependents,
    TargetPatterns,
    WhichEngine,
    Yes,
)
from hybridml.cli.rollout import commands as rollout_commands
from hybridml.onboarding.documents import Role
from hybridml.spec.vocabulary import DataClass


def _examples(*commands: str) -> str:
    """The last lines of a command's help: one line each."""
    return "\n".join(["Examples:", "", *(f"- `{command}`" for command in commands)])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="One description of a model endpoint, on this machine, Kubernetes, SageMaker or Vertex AI.",
    epilog="Results go to stdout, everything else to stderr. Start with: `hybridml plan --all`",
)


app.add_typer(rollout_commands, name="rollout")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(hybridml.__version__)
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", envvar="HYBRIDML_DEBUG", help="Show the traceback of a failure.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What every command shares."""
    ctx.obj = {"debug": debug}


@app.command(epilog=_examples("hybridml init", "hybridml init scoring --port 8180"))
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder of the project; made where there is none.")
    ] = (Path()),
    name: Annotated[str | None, typer.Option("--name", help="Name of the project. Default: the folder's.")] = None,
    port: Annotated[
        int, typer.Option("--port", min=1024, max=65535, help="First port of the endpoints of this machine.")
    ] = 8080,
    registry_port: Annotated[
        int, typer.Option("--registry-port", min=1024, max=65535, help="Port of this machine's model registry.")
    ] = 5000,
) -> None:
    """Make a project: its program, the stack of this machine, and a place for endpoints.

    Changes no file that is there. Exit status: 0 made, or there already; 2 something is in the way.
    """
    from hybridml.cli import init as room

    room.init(folder, name=name, port=port, registry_port=registry_port)


@app.command(
    epilog=_examples(
        "hybridml add churn --model model.skops --data train.csv --target churned",
        "hybridml add churn --model model.skops --data train.csv --as challenger",
        "hybridml add churn --model mlruns/model",
    )
)
def add(
    name: Annotated[str, typer.Argument(help="Name of the endpoint, new or there already.")],
    model: Annotated[Path, typer.Option("--model", help="File or folder of the model; its format is told from it.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Rows the model was trained on: CSV, Parquet or JSON lines.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="Column of the data that the model predicts.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="Name of the version. Default: the next number.")] = (
        None
    ),
    role: Annotated[
        Role | None,
        typer.Option("--as", help="What a further version is for. Default: champion, by the rollout of each stack."),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Team that answers for it. Default: git's user.")] = None,
    data_class: Annotated[
        DataClass | None, typer.Option("--data-class", help="How far its data may travel. Default: confidential.")
    ] = None,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", metavar="", help="Load a model whose loading runs code of its author.")
    ] = False,
    trust_type: Annotated[
        list[str] | None, typer.Option("--trust-type", help="Type that skops may load; may be repeated.")
    ] = None,
    no_example: Annotated[
        bool, typer.Option("--no-example", metavar="", help="Make the example up instead of taking a row of the data.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to load, and to serve, the model.", min=1)] = 300,
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """Add a model from disk: wrapped, tried out, described, and placed on this machine.

    Writes everything or nothing. Exit status: 0 added, or there already; 2 something is wrong with model, data or
    project; 1 anything else.
    """
    from hybridml.cli import add as room
    from hybridml.cli.model_checks import Asked

    asked = Asked(
        name=name,
        model=model,
        data=data,
        target=target,
        version=version,
        role=role,
        owner=owner,
        data_class=data_class,
        trust_pickle=trust_pickle,
        trusted=trust_type or [],
        example=not no_example,
        seconds=timeout,
    )
    room.add(project, stack, asked, format_)


@app.command(
    epilog=_examples("hybridml plan --all", "hybridml plan -s prod --explain churn", "hybridml plan --project ../it")
)
def plan(
    stack: StackName = None,
    everything: Everything = False,
    project: ProjectFolder = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="State to compare with, as `pulumi stack export` writes it.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", help="Show each value of this endpoint with the file and line it came from."),
    ] = None,
    format_: Annotated[
        PlanFormat, typer.Option("--format", help="Text for people, JSON for programs, HTML for a page to look at.")
    ] = PlanFormat.TEXT,
    out: Out = None,
) -> None:
    """Plan offline what a stack would create, without credentials or network.

    Exit status: 0 planned, 2 wrong configuration, 1 anything else.
    """
    from hybridml.cli import place
    from hybridml.cli import plan as room

    if explain is None:
        room.plan(project, stack, everything, against=against, format_=format_, out=out)
    elif everything or against is not None:
        raise place.contradiction("--explain", "--all" if everything else "--against")
    else:
        room.explain(project, stack, explain, format_, out)


@app.command(epilog=_examples("hybridml check --all", "hybridml check -s prod --format sarif --out findings.sarif"))
def check(
    stack: StackName = None,
    everything: Everything = False,
    project: ProjectFolder = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Policy profile instead of the one the stack names.")
    ] = None,
    waivers: Annotated[
        Path | None, typer.Option("--waivers", help="Waivers file instead of `hybridml:waivers` in the stack file.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", help="Findings as `check --format json` wrote them; what is in it does not count."),
    ] = None,
    format_: Annotated[
        CheckFormat,
        typer.Option("--format", help="Text for people, JSON for programs, SARIF for code scanning, HTML for a page."),
    ] = CheckFormat.TEXT,
    out: Out = None,
) -> None:
    """Plan offline and hold the plan to the policies.

    Exit status: 0 clean, 5 violations, 6 only unknowns, 2 wrong configuration, 1 anything else.
    """
    from hybridml.cli import check as room

    code = room.check(
        project, stack, everything, profile=profile, waivers=waivers, baseline=baseline, format_=format_, out=out
    )
    raise typer.Exit(code)


@app.command(
    epilog=_examples("hybridml up -s local", "hybridml up -s local --engine pulumi --yes", "hybridml up -s prod")
)
def up(
    stack: StackName = None,
    project: ProjectFolder = None,
    engine: WhichEngine = None,
    yes: Yes = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", "-r", metavar="", help="First record what there is, as `refresh` does.")
    ] = False,
    target: TargetPatterns = None,
    target_dependents: TargetDependents = False,
    format_: ResultFormat = Format.TEXT,
    events: Events = False,
) -> None:
    """Make what the stack describes; with `--target`, only the resources that it names.

    Exit status: 0 done, 2 wrong configuration, 1 failed; with Pulumi as engine, Pulumi's own.
    """
    from hybridml.cli import deploy

    targets = deploy.targets(target, target_dependents)
    asked = deploy.Asked(
        folder=project, stack=stack, engine=engine, yes=yes, format_=format_, events=events, targets=targets
    )
    raise typer.Exit(deploy.up(asked, refreshing=refresh))


@app.command(
    epilog=_examples("hybridml refresh -s local", "hybridml refresh -s local --preview-only --expect-no-changes")
)
def refresh(
    stack: StackName = None,
    project: ProjectFolder = None,
    engine: WhichEngine = None,
    yes: Yes = False,
    preview_only: Annotated[
        bool, typer.Option("--preview-only", metavar="", help="Only show what differs; record nothing.")
    ] = False,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", metavar="", help="Exit 4 when anything differs.")
    ] = False,
    target: TargetPatterns = None,
    target_dependents: TargetDependents = False,
    format_: ResultFormat = Format.TEXT,
    events: Events = False,
) -> None:
    """Look at everything that the stack made, show what is not as recorded, and record it.

    Exit status: 0 done, whatever differs; 4 something does, with `--expect-no-changes`; 2 wrong configuration;
    1 failed. With Pulumi as engine, Pulumi's own.
    """
    from hybridml.cli import deploy

    targets = deploy.targets(target, target_dependents)
    asked = deploy.Asked(
        folder=project, stack=stack, engine=engine, yes=yes, format_=format_, events=events, targets=targets
    )
    raise typer.Exit(deploy.refresh(asked, preview_only=preview_only, expect_no_changes=expect_no_changes))


@app.command(epilog=_examples("hybridml destroy -s local --yes"))
def destroy(
    stack: StackName = None,
    project: ProjectFolder = None,
    engine: WhichEngine = None,
    yes: Yes = False,
    target: TargetPatterns = None,
    target_dependents: TargetDependents = False,
    format_: ResultFormat = Format.TEXT,
    events: Events = False,
) -> None:
    """Remove everything that the stack made, in reverse order; with `--target`, only the resources that it names.

    Exit status: 0 done, 2 wrong configuration, 1 failed; with Pulumi as engine, Pulumi's own.
    """
    from hybridml.cli import deploy

    targets = deploy.targets(target, target_dependents)
    asked = deploy.Asked(
        folder=project, stack=stack, engine=engine, yes=yes, format_=format_, events=events, targets=targets
    )
    raise typer.Exit(deploy.destroy(asked))


@app.command(epilog=_examples("hybridml status -s local --format json"))
def status(
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """What of the stack runs, how it feels, and where it answers.

    Exit status: 0 everything healthy, 1 something is not, or nothing is deployed.
    """
    from hybridml.cli import status as room

    raise typer.Exit(room.status(project, stack, format_))


@app.command(
    epilog=_examples(
        "hybridml invoke wine -s local --data @request.json", "hybridml invoke wine -s local --data @- < request.json"
    )
)
def invoke(
    endpoint: Annotated[str, typer.Argument(help="Name of the endpoint: the file stem in infra/endpoints.")],
    data: Annotated[
        str, typer.Option("--data", "-d", help="Request body in JSON; @FILE reads a file, @- reads stdin.")
    ],
    stack: StackName = None,
    project: ProjectFolder = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Ask as a member of this group. Default: the first of the endpoint's invokers."),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="Further header, `name: value`; may be repeated.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.1)] = 30.0,
) -> None:
    """Send one request, authenticated for the target the endpoint lives on, and print the answer.

    Exit status: 0 answered, 2 the request is not JSON, 1 anything else.
    """
    from hybridml.cli import invoke as room

    typer.echo(room.invoke(project, stack, endpoint, data=data, group=group, headers=header or [], timeout=timeout))


@app.command(epilog=_examples("hybridml schema endpoint --out endpoint.schema.json"))
def schema(
    of: Annotated[SchemaOf, typer.Argument(help="Which file the schema describes.")] = SchemaOf.ENDPOINT,
    out: Out = None,
) -> None:
    """Print the JSON Schema of an endpoint file or of a stack file, for editors."""
    from hybridml.cli import output
    from hybridml.spec import json_schema

    output.write(output.as_json(json_schema(of.value)), out)


@app.command(epilog=_examples("hybridml doctor", "hybridml doctor -s prod --format json"))
def doctor(
    stack: StackName = None,
    project: ProjectFolder = None,
    format_: ResultFormat = Format.TEXT,
) -> None:
    """Look for what would stop a stack: tools, disk, ports, lock, state, credentials; with the fix for each.

    Without a stack, what holds for every stack. Exit status: 0 nothing in the way, 1 something is.
    """
    from hybridml.cli import doctor as room

    raise typer.Exit(room.doctor(project, stack, format_))
