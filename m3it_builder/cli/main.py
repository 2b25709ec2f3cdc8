"""The application, and the one place where foreseen errors become a line and a status."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# command: its module and function, and the first line of its help. The help of the whole
# lists these without importing a command; a test holds them against the docstrings.
COMMANDS = {
    "ls": ("task_commands", "List the tasks, with their variants below them."),
    "show": ("task_commands", "Show a task, or rows of a finished build."),
    "new": ("task_commands", "Write the files of a new task, running from the start."),
    "lint": ("task_commands", "Validate all cards, pools and pipelines."),
    "sample": ("source_commands", "Write drawn sample data in a task's official layout."),
    "fetch": ("source_commands", "Download official files, and verify them."),
    "build": ("build_commands", "Build tasks into shards, an index and a list of rejects."),
    "adopt": (
        "adopt_commands",
        "Take over a download of the published M3IT or M3IT-80, without a rebuild.",
    ),
    "audit": ("audit_commands", "Run every audit over a build."),
    "sql": ("audit_commands", "Run DuckDB SQL over a build."),
    "dedup": (
        "dedup_commands",
        "Find images and questions that stand twice, and list rows to drop.",
    ),
    "verify": ("verify_commands", "Hold a finished build to everything it claims."),
}


class Commands(TyperGroup):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the table."""
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


def _print_version(wanted: bool) -> None:
    if wanted:
        from m3it_builder.version import __version__

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


def main() -> None:
    """Run the command; print a foreseen error as one line, and let a bug show its trace."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("m3it: interrupted; repeat the command to go on where it stopped", err=True)
        sys.exit(130)
    except Exception as error:
        from m3it_builder.errors import foreseen

        known = foreseen(error)
        if known is None:
            raise
        typer.echo(f"m3it: {known}", err=True)
        sys.exit(known.exit_code)
