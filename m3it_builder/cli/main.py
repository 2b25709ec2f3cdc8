"""The application, and the one place where foreseen errors become a line and a status."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from m3it_builder.cli import audit_commands, build_commands, source_commands, task_commands
from m3it_builder.errors import foreseen

app = typer.Typer(
    name="m3it",
    help="Rebuild the M3IT multimodal instruction-tuning dataset from its official sources.\n\n"
    "Start with: m3it ls; m3it build --task okvqa --sample; m3it audit build",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from m3it_builder import __version__

        typer.echo(f"m3it_builder {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


task_commands.register(app)
source_commands.register(app)
build_commands.register(app)
audit_commands.register(app)


def main() -> None:
    """Run the command; print a foreseen error as one line, and let a bug show its trace."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("m3it: interrupted; repeat the command to go on where it stopped", err=True)
        sys.exit(130)
    except Exception as error:
        known = foreseen(error)
        if known is None:
            raise
        typer.echo(f"m3it: {known}", err=True)
        sys.exit(known.exit_code)
