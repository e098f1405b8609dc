"""How a command ends when it does not end well: one clear message on stderr, and the status it earned."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from hybridml.errors import HybridMLError, printable

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""


class Commands(TyperGroup):
    """The group of all commands; no traceback leaves it unless `--debug` asks for one."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Runs the command that was asked for, and turns whatever it raises into an exit status."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(_interrupted()) from None
        except BrokenPipeError:
            raise typer.Exit(_reader_gone()) from None
        except Exception as error:  # the last line of defence of every command
            raise typer.Exit(_failed(error, debug=bool((ctx.obj or {}).get("debug")))) from None


def _failed(error: Exception, *, debug: bool) -> int:
    if debug:
        from hybridml.engine.redaction import hidden_in, redacted

        typer.echo(redacted("".join(traceback.format_exception(error)), hidden_in(error)), err=True, nl=False)
    if isinstance(error, HybridMLError):
        typer.echo(printable(str(error), keep="\n\t"), err=True)
        return error.exit_code
    said = printable(f"{type(error).__name__}: {error}", keep="\n\t")
    typer.echo(f"hybridml failed in a way it does not know: {said}", err=True)
    if not debug:
        typer.echo("This is a defect; `hybridml --debug …` shows where it happened.", err=True)
    return 1


def _interrupted() -> int:
    typer.echo("Interrupted. What was journalled is kept; run the same command again to go on.", err=True)
    return INTERRUPTED


def _reader_gone() -> int:
    """The reader of stdout went away (`hybridml plan | head`): nobody is left to tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
