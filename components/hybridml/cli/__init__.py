"""The `hybridml` command: the only room that knows every other. Nothing heavy is imported before a command runs."""

from __future__ import annotations


def main() -> None:
    """Runs the command line of this process and exits with the status it earned."""
    from hybridml.cli.app import app

    app(prog_name="hybridml")
