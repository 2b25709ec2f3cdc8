"""The application, and the one place where foreseen errors become one line and an exit status."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# command: its module, and the first line of its help. `m3it --help` prints this table, so that it
# imports no command; a test compares the lines with the docstrings.
COMMANDS = {
    "ls": ("task_commands", "List all tasks and their variants."),
    "show": ("task_commands", "Show a task, or rows of a finished build."),
    "new": ("task_commands", "Create the files of a new task from working templates."),
    "lint": (
        "task_commands",
        "Validate task cards, source cards, instruction pools and pipelines.",
    ),
    "sample": ("source_commands", "Write synthetic sample data in a task's official file layout."),
    "fetch": ("source_commands", "Download official source files and verify them."),
    "build": ("build_commands", "Build tasks into shards, an index and a list of rejects."),
    "adopt": (
        "adopt_commands",
        "Import a download of the published M3IT or M3IT-80 as a finished build.",
    ),
    "audit": ("audit_commands", "Run SQL audits over a finished build."),
    "sql": ("audit_commands", "Query a finished build with DuckDB SQL."),
    "dedup": (
        "dedup_commands",
        "Find duplicate images and questions across splits and tasks; write a drop list.",
    ),
    "verify": (
        "verify_commands",
        "Check a finished build against its manifest, index and images.",
    ),
}


class Commands(TyperGroup):
    """A command group that imports a command only when it is invoked."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the command names in help order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"m3it_builder.cli.{COMMANDS[cmd_name][0]}")
        single = typer.Typer(rich_markup_mode=None, add_completion=False)
        single.command(cmd_name, context_settings=_SETTINGS)(getattr(module, cmd_name))
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in COMMANDS.items()])


_SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="m3it",
    help="Rebuild the M3IT multimodal instruction-tuning dataset from its official sources.\n\n"
    "Start with: m3it ls; m3it build --task okvqa --sample; m3it audit build",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _print_version(requested: bool) -> None:
    if requested:
        from m3it_builder.version import __version__

        typer.echo(f"m3it_builder {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; print a foreseen error as one line, and raise a bug with its traceback."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("m3it: interrupted; repeat the command to resume", err=True)
        sys.exit(130)
    except Exception as error:
        from m3it_builder.errors import foreseen

        foreseen_error = foreseen(error)
        if foreseen_error is None:
            raise
        typer.echo(f"m3it: {foreseen_error}", err=True)
        sys.exit(foreseen_error.exit_code)
