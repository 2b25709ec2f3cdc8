"""The application, and the one place where foreseen errors become one line and an exit status."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from m3it_builder.cli.interruption import (
    MESSAGE,
    handle_signals,
    interrupted_status,
    show_cursor,
)
from m3it_builder.cli.output import one_line, print_message, visible
from m3it_builder.cli.streams import prepare_streams

# command: its module, and the first line of its help. `m3it --help` prints this table, so that it
# imports no command; a test compares the lines with the docstrings.
COMMANDS = {
    "ls": ("task_commands", "List all tasks and their variants."),
    "show": ("task_commands", "Show a task, or rows of a finished build."),
    "info": ("info_command", "List what a build has: units, rows, sizes, formats, age."),
    "stats": (
        "stats_command",
        "Print statistics of the instruction pools, as Table 2 of the M3IT paper does.",
    ),
    "new": ("authoring_commands", "Create the files of a new task from working templates."),
    "lint": (
        "authoring_commands",
        "Validate task cards, source cards, instruction pools and pipelines.",
    ),
    "check": ("authoring_commands", "Check tasks against the contract, on their fixtures."),
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
    "ledger": (
        "ledger_commands",
        "Count, export, import and remove the answers of language models.",
    ),
}

_WITH_QUERY = ("audit", "sql")  # after the folder of a build

# The base class of all usage errors is in click, or, in newer versions, in typer's copy of it.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])


class Commands(TyperGroup):
    """A command group that imports a command only when it is invoked."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse the options of the group."""
        with _visible_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Parse the options of the command, and run it."""
        with _visible_usage_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the command names in help order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None  # see ``resolve_command``
        module = import_module(f"m3it_builder.cli.{COMMANDS[cmd_name][0]}")
        found = getattr(module, cmd_name)
        if isinstance(found, typer.Typer):  # a group of commands
            group = typer.main.get_command(found)
            group.name = cmd_name
            return group
        single = typer.Typer(rich_markup_mode=None, add_completion=False)
        single.command(cmd_name, context_settings=_SETTINGS)(found)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command, or suggest similar ones."""
        from difflib import get_close_matches

        name = str(args[0]) if args else ""
        if name not in COMMANDS and name[:1] != "-":
            near = get_close_matches(name, COMMANDS, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`m3it --help` lists them"
            raise _UsageError(f"there is no command {name!r}; {hint}", ctx)
        _require_no_empty_word(name, args[1:], ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in COMMANDS.items()])


def _require_no_empty_word(command: str, words: list[str], ctx: Any) -> None:
    """Reject empty values: as a path, one would mean the current folder.

    They come from shell variables that are not set. Only a query may be empty: `audit` and `sql`
    have a message of their own for it.
    """
    before = ""
    for word in words:
        option, equals, value = word.partition("=")
        is_query = command in _WITH_QUERY and before and not before.startswith("-")
        if option.startswith("--") and equals and not value:
            raise _UsageError(f"{option} is empty; is a shell variable not set?", ctx)
        if not word and not is_query:
            where = before or command
            raise _UsageError(f"empty argument after {where}; is a shell variable not set?", ctx)
        before = word


@contextmanager
def _visible_usage_errors() -> Iterator[None]:
    """Escape control characters in the messages of usage errors; they may name files."""
    try:
        yield
    except _UsageError as error:
        error.message = one_line(error.message)
        raise


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
    prepare_streams()
    handle_signals()
    sys.excepthook = _print_traceback
    # Looking for plugins, pydantic fails on the malformed entry points of any installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        _require_utf8([*sys.argv[1:], os.environ.get("M3IT_SOURCES", "")])
        app()
    except SystemExit:
        raise
    except BaseException as error:
        status = interrupted_status()
        if status is not None:  # some libraries replace the exception by their own
            show_cursor()
            print_message(MESSAGE)
            sys.exit(status)
        from m3it_builder.errors import foreseen

        foreseen_error = foreseen(error)
        if foreseen_error is None:
            raise
        print_message(f"m3it: {foreseen_error}")
        sys.exit(foreseen_error.exit_code)


def _require_utf8(words: list[str]) -> None:
    """Require texts in UTF-8: SQLite and DuckDB accept no other paths, and no other queries."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            print_message(
                f"m3it: {word!r} is not UTF-8; if it is a path, rename the folder, or make a "
                "symbolic link to it and name that"
            )
            sys.exit(2)


def _print_traceback(kind: type[BaseException], error: BaseException, frames: Any) -> None:
    """Print the traceback of a bug, with control characters as escapes."""
    import traceback

    sys.stderr.write(visible("".join(traceback.format_exception(kind, error, frames))))
