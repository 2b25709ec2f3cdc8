"""Write docs/reference.md from the help of every command; with --check, see that it is fresh."""

import sys
from pathlib import Path

from typer.testing import CliRunner

from m3it_builder.cli import app
from m3it_builder.cli.main import COMMANDS

TARGET = Path(__file__).parent / "reference.md"


def reference() -> str:
    """Return the page: one section a command, its help as printed."""
    runner = CliRunner(env={"COLUMNS": "90", "TERMINAL_WIDTH": "90"})
    names = list(COMMANDS)
    parts = ["# Command reference\n\nWritten by `make docs` from the commands' own help.\n"]
    for words in ([], *([name] for name in names)):
        said = runner.invoke(app, [*words, "--help"], prog_name="m3it").output.rstrip()
        title = " ".join(["m3it", *words])
        parts.append(f"## {title}\n\n```text\n{said.strip()}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    text = reference()
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text() != text:
            sys.stderr.write("docs/reference.md is stale; run `make docs`\n")
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
